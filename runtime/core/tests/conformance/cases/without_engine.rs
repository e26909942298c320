//! Builds without the engine: a request for it fails and names the missing feature, and `auto` uses a child.

use std::fs;
use std::path::Path;

use js_runtime::{Error, Grant, Limits, Permissions, Runtime, SpawnConfig, Supervisor};
use libtest_mimic::Failed;

use crate::paths;
use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    the_error_without_the_engine_names_the_feature,
    a_fallback_replaces_the_missing_engine,
    auto_uses_the_first_installed_runtime,
    auto_without_any_runtime_names_the_remedies,
    a_missing_runtime_does_not_hide_the_error_of_another,
    warm_up_without_the_engine_is_an_error,
    typescript_on_node_needs_native_support_without_the_engine,
];

const CHILDREN: [Runtime; 3] = [Runtime::Deno, Runtime::Bun, Runtime::Node];

const FEATURE: &str = "enable the cargo feature \"embedded\" of tauri-plugin-js";

fn echo(runtime: Runtime) -> SpawnConfig {
    SpawnConfig::script(runtime, paths::fixture("echo-lines.mjs").to_string_lossy())
}

/// The installed child runtimes, in the order of `auto`.
async fn installed(supervisor: &Supervisor) -> Result<Vec<Runtime>, Failed> {
    let all = supervisor.detect_runtimes().await?;
    let engine = all.first().ok_or("the engine is listed first")?;
    assert_eq!(
        (engine.name.as_str(), engine.available, &engine.version),
        ("embedded", false, &None)
    );
    let found = all.iter().filter(|info| info.available).map(|info| info.name.parse());
    Ok(found.collect::<Result<_, _>>()?)
}

/// Makes all child runtimes unusable by setting the path of a removed executable.
fn make_unavailable(supervisor: &Supervisor, folder: &Path) -> Outcome {
    let program = folder.join("gone");
    fs::copy(std::env::current_exe()?, &program)?;
    for runtime in CHILDREN {
        supervisor.set_runtime_path(runtime, Some(program.clone()))?;
    }
    Ok(fs::remove_file(program)?)
}

async fn the_error_without_the_engine_names_the_feature(_: &Bench) -> Outcome {
    let supervisor = Supervisor::builder().bundle("inside", "console.log('ran')").build()?;
    let plain = echo(Runtime::Embedded);
    let limits =
        Some(Limits { heap_mb: Some(64), unresponsive_ms: Some(100), ..Limits::default() });
    let permissions = Some(Permissions { net: Grant::All(true), ..Permissions::default() });
    for config in [
        SpawnConfig { limits, permissions, ..plain.clone() },
        SpawnConfig { script: Some("inside".to_owned()), ..plain.clone() },
        SpawnConfig { script: Some("no-such-script.ts".to_owned()), ..plain },
    ] {
        for answer in [
            supervisor.spawn("refused", config.clone()).await,
            supervisor.ensure("refused", config.clone()).await,
            supervisor.restart("refused", Some(config)).await,
        ] {
            let error = answer.expect_err("the engine is missing");
            assert_eq!(error.kind(), "runtimeUnavailable");
            let message = error.to_string();
            assert!(message.starts_with("runtime not available: embedded ("), "{message}");
            assert!(message.contains(FEATURE), "{message}");
        }
        assert!(supervisor.status("refused")?.state.is_exited());
    }
    Ok(())
}

async fn a_fallback_replaces_the_missing_engine(bench: &Bench) -> Outcome {
    for runtime in installed(&bench.supervisor).await? {
        let config = SpawnConfig { fallback: vec![runtime], ..echo(Runtime::Embedded) };
        let run = bench.start(config).await?;
        assert_eq!(run.info.runtime, Some(runtime));
        run.close()?;
        run.end().await?;
    }
    Ok(())
}

async fn auto_uses_the_first_installed_runtime(bench: &Bench) -> Outcome {
    let Some(&first) = installed(&bench.supervisor).await?.first() else { return Ok(()) };
    // Limits of the engine are accepted for other builds of the same application.
    let limits = Some(Limits { heap_mb: Some(64), ..Limits::default() });
    let named = SpawnConfig { limits, fallback: vec![Runtime::Embedded], ..echo(Runtime::Auto) };
    for config in [SpawnConfig { runtime: None, ..named.clone() }, named] {
        let mut run = bench.start(config).await?;
        assert_eq!((run.info.runtime, run.info.pid.is_some()), (Some(first), true));
        run.write("größe\n").await?;
        assert_eq!(run.text().await?, "größe");
        run.close()?;
        run.end().await?;
    }
    Ok(())
}

async fn auto_without_any_runtime_names_the_remedies(bench: &Bench) -> Outcome {
    let folder = tempfile::tempdir()?;
    make_unavailable(&bench.supervisor, folder.path())?;
    let error = bench.supervisor.spawn("nothing", echo(Runtime::Auto)).await.err();
    let error = error.ok_or("no runtime is available")?;
    assert!(matches!(&error, Error::RuntimeUnavailable { runtime, .. } if runtime == "auto"));
    let message = error.to_string();
    for part in ["deno", "bun", "node", "set_runtime_path", FEATURE] {
        assert!(message.contains(part), "no {part}: {message}");
    }
    // A request for a named runtime fails with the error of that runtime.
    let error = bench.supervisor.spawn("nothing", echo(Runtime::Bun)).await.err();
    let message = error.ok_or("Bun is unavailable")?.to_string();
    assert!(message.starts_with("runtime not available: bun (the path set for it"), "{message}");
    Ok(())
}

async fn a_missing_runtime_does_not_hide_the_error_of_another(bench: &Bench) -> Outcome {
    let folder = tempfile::tempdir()?;
    make_unavailable(&bench.supervisor, folder.path())?;
    let broken = folder.path().join("broken");
    fs::copy(std::env::current_exe()?, &broken)?;
    bench.supervisor.set_runtime_path(Runtime::Bun, Some(broken.clone()))?;
    fs::write(&broken, "#!/no-such-interpreter\n")?;
    let error = bench.supervisor.spawn("broken", echo(Runtime::Auto)).await.err();
    let error = error.ok_or("the program cannot be executed")?;
    assert_eq!(error.kind(), "startFailed", "{error}");
    assert!(error.to_string().contains("broken"), "{error}");
    Ok(())
}

async fn warm_up_without_the_engine_is_an_error(_: &Bench) -> Outcome {
    let supervisor = Supervisor::builder().warm_isolates(3).build()?;
    let error = supervisor.warm_up(None).expect_err("the engine is missing");
    assert!(error.to_string().contains(FEATURE), "{error}");
    Ok(())
}

async fn typescript_on_node_needs_native_support_without_the_engine(bench: &Bench) -> Outcome {
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("typed.ts");
    fs::write(&script, "const word: string = 'typed'\nconsole.log(word)\n")?;
    let script = script.to_str().ok_or("not UTF-8")?;
    if !installed(&bench.supervisor).await?.contains(&Runtime::Node) {
        return Ok(());
    }
    match bench.start(SpawnConfig::script(Runtime::Node, script)).await {
        Ok(run) => assert_eq!(run.end().await?.lines(), ["typed"]),
        Err(error) => {
            let message = error.message().unwrap_or_default();
            assert!(message.starts_with("could not start '"), "{message}");
            assert!(message.contains("typed.ts") && message.contains(FEATURE), "{message}");
            // If only Node is installed, the error of `auto` contains more than the missing runtimes.
            let gone = folder.path().join("gone");
            for runtime in [Runtime::Deno, Runtime::Bun] {
                fs::copy(std::env::current_exe()?, &gone)?;
                bench.supervisor.set_runtime_path(runtime, Some(gone.clone()))?;
            }
            fs::remove_file(gone)?;
            let auto = bench.start(SpawnConfig::script(Runtime::Auto, script)).await.err();
            let message = auto.and_then(|error| error.message().map(str::to_owned));
            assert!(message.is_some_and(|message| message.contains("typed.ts")));
        }
    }
    Ok(())
}
