//! Invalid configurations: each is refused at once, with an error that names the field.

use std::path::PathBuf;

use js_runtime::{Error, Grant, Limits, Permissions, Runtime, SpawnConfig};

use crate::paths;
use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    an_invalid_configuration_is_refused_and_names_the_field,
    an_invalid_name_is_refused,
    an_unknown_runtime_is_refused_with_the_known_ones,
    an_unknown_field_is_refused,
    a_missing_script_is_named,
    a_failed_start_frees_its_name,
    a_folder_is_no_script,
    a_missing_working_directory_is_named,
    a_missing_program_is_named,
    an_unknown_name_is_named,
    a_runtime_path_that_is_no_program_is_refused,
    an_error_crosses_ipc_as_kind_message_and_name,
];

type Change = fn(&mut SpawnConfig);

/// A change to a valid configuration, and the expected error.
const REFUSED: &[(Change, &str)] = &[
    (|c| c.script = None, "'script' is required"),
    (|c| c.script = Some(String::new()), "'script' is empty"),
    (|c| c.script = Some("a\0b".into()), "'script'"),
    (|c| c.command = Some(String::new()), "'command' is empty"),
    (|c| c.sidecar = Some(String::new()), "'sidecar' is empty"),
    (|c| c.args = vec!["fine".into(), "a\0b".into()], "'args[1]' contains a NUL"),
    (|c| c.cwd = Some(PathBuf::new()), "'cwd' is empty"),
    (|c| c.cwd = Some(PathBuf::from("a\0b")), "'cwd' contains a NUL"),
    (|c| drop(c.env.insert("A=B".into(), "x".into())), "'A=B'"),
    (|c| drop(c.env.insert(String::new(), "x".into())), "without a name"),
    (|c| drop(c.env.insert("A".into(), "x\0".into())), "'env.A' contains a NUL"),
    (|c| c.permissions = Some(read(&[""])), "'permissions.read[0]' is empty"),
    (|c| c.permissions = Some(read(&["/", "a\0"])), "'permissions.read[1]' contains a NUL"),
    (|c| c.limits = Some(Limits { heap_mb: Some(0), ..Limits::default() }), "'limits.heapMb'"),
    (|c| c.limits = Some(Limits { line_mb: Some(0), ..Limits::default() }), "'limits.lineMb'"),
    (
        |c| {
            c.runtime = Some(Runtime::Embedded);
            c.runtime_args = vec!["--smol".into()];
        },
        "'runtimeArgs'",
    ),
];

fn read(paths: &[&str]) -> Permissions {
    let list = paths.iter().map(|&path| path.to_owned()).collect();
    Permissions { read: Grant::Some(list), ..Permissions::default() }
}

/// Checks that precede the choice of a runtime fail in the same way on each.
const RUNTIME: Runtime = if cfg!(feature = "embedded") { Runtime::Embedded } else { Runtime::Deno };

fn good() -> SpawnConfig {
    SpawnConfig::script(RUNTIME, paths::fixture("idle.mjs").to_string_lossy())
}

/// Every runtime of this build, installed or not: the checks precede detection.
fn on_each_runtime(script: &str) -> impl Iterator<Item = SpawnConfig> {
    [RUNTIME, Runtime::Deno, Runtime::Bun, Runtime::Node]
        .map(|runtime| SpawnConfig::script(runtime, script))
        .into_iter()
}

/// Returns the error's text, and checks that no process is listed as running.
async fn refusal(bench: &Bench, name: &str, config: SpawnConfig) -> Error {
    let shown = format!("{config:?}");
    let error = bench.supervisor.spawn(name, config).await.err();
    let error = error.unwrap_or_else(|| panic!("accepted: {shown}"));
    assert!(bench.supervisor.list().iter().all(|info| info.state.is_exited()));
    error
}

async fn an_invalid_configuration_is_refused_and_names_the_field(bench: &Bench) -> Outcome {
    for (change, expected) in REFUSED {
        let mut config = good();
        change(&mut config);
        let error = refusal(bench, "refused", config).await;
        let message = error.to_string();
        assert_eq!(error.kind(), "invalidConfig", "{message}");
        assert!(message.starts_with("invalid config: "), "{message}");
        assert!(message.contains(expected) && !message.contains('\0'), "{message}");
    }
    assert!(bench.supervisor.list().is_empty(), "a refused request takes no name");
    Ok(())
}

async fn an_invalid_name_is_refused(bench: &Bench) -> Outcome {
    let long = "n".repeat(1024 * 1024);
    for (name, expected) in
        [("", "empty"), (&long, "1048576 bytes"), ("a\0b", "'\\0'"), ("a\nb", "'\\n'")]
    {
        let message = refusal(bench, name, good()).await.to_string();
        assert!(message.contains(expected) && message.len() < 200, "{message}");
    }
    Ok(())
}

async fn an_unknown_runtime_is_refused_with_the_known_ones(_: &Bench) -> Outcome {
    let parsed = "python".parse::<Runtime>().expect_err("not a runtime").to_string();
    let read = serde_json::from_str::<SpawnConfig>(r#"{ "runtime": "python" }"#);
    let read = read.expect_err("not a runtime").to_string();
    for message in [parsed, read] {
        for word in ["python", "auto", "embedded", "deno", "bun", "node"] {
            assert!(message.contains(word), "{message}");
        }
    }
    Ok(())
}

async fn an_unknown_field_is_refused(_: &Bench) -> Outcome {
    for text in [r#"{ "scirpt": "x" }"#, r#"{ "permissions": { "scirpt": true } }"#] {
        let error = serde_json::from_str::<SpawnConfig>(text).expect_err("a typing mistake");
        assert!(error.to_string().contains("scirpt"), "{error}");
    }
    Ok(())
}

async fn a_missing_script_is_named(bench: &Bench) -> Outcome {
    for config in on_each_runtime("no-such-script.ts") {
        let message = refusal(bench, "missing", config).await.to_string();
        assert!(message.contains("script") && message.contains("no-such-script.ts"), "{message}");
    }
    Ok(())
}

async fn a_failed_start_frees_its_name(bench: &Bench) -> Outcome {
    for _ in 0..100 {
        let config = SpawnConfig::script(RUNTIME, "no-such-script.ts");
        assert_eq!(refusal(bench, "again", config).await.kind(), "path");
    }
    assert_eq!(bench.supervisor.status("again")?.generation, 100);
    Ok(())
}

async fn a_folder_is_no_script(bench: &Bench) -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().ok_or("not UTF-8")?;
    for config in on_each_runtime(path) {
        let message = refusal(bench, "folder", config).await.to_string();
        assert!(message.contains(path) && message.contains("folder"), "{message}");
    }
    Ok(())
}

async fn a_missing_working_directory_is_named(bench: &Bench) -> Outcome {
    let folder = tempfile::tempdir()?;
    let missing = folder.path().join("no-such-folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "")?;
    for cwd in [missing, file] {
        let config = SpawnConfig { cwd: Some(cwd.clone()), ..good() };
        let message = refusal(bench, "nowhere", config).await.to_string();
        let path = cwd.to_str().ok_or("not UTF-8")?;
        assert!(message.contains(path) && message.contains("cwd"), "{message}");
    }
    Ok(())
}

async fn a_missing_program_is_named(bench: &Bench) -> Outcome {
    let command = SpawnConfig::command("no-such-program");
    let sidecar = SpawnConfig { sidecar: Some("no-such-program".to_owned()), ..good() };
    for (config, kind) in [(command, "command"), (sidecar, "sidecar")] {
        let message = refusal(bench, "missing", config).await.to_string();
        assert!(message.contains("no-such-program") && message.contains(kind), "{message}");
    }
    Ok(())
}

async fn an_unknown_name_is_named(bench: &Bench) -> Outcome {
    let supervisor = &bench.supervisor;
    let answers = [
        supervisor.kill("nobody").await,
        supervisor.restart("nobody", None).await.map(drop),
        supervisor.restart("nobody", Some(good())).await.map(drop),
        supervisor.remove("nobody"),
        supervisor.status("nobody").map(drop),
        supervisor.write_stdin("nobody", "x").await,
        supervisor.close_stdin("nobody"),
        supervisor.stdin_queued("nobody").map(drop),
        supervisor.subscribe("nobody").map(drop),
    ];
    for answer in answers {
        let error = answer.expect_err("nobody is there");
        assert_eq!(error.to_string(), "process not found: nobody");
        assert_eq!((error.kind(), error.name()), ("notFound", Some("nobody")));
    }
    Ok(())
}

async fn a_runtime_path_that_is_no_program_is_refused(bench: &Bench) -> Outcome {
    let folder = tempfile::tempdir()?;
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "")?;
    for path in [folder.path().to_path_buf(), plain, folder.path().join("missing")] {
        let set = bench.supervisor.set_runtime_path(Runtime::Bun, Some(path.clone()));
        let message = set.expect_err("not a program").to_string();
        assert!(message.contains(path.to_str().ok_or("not UTF-8")?), "{message}");
    }
    let set = bench.supervisor.set_runtime_path(Runtime::Embedded, Some(PathBuf::from("/bin/sh")));
    let message = set.expect_err("it has no path").to_string();
    assert!(message.contains("embedded"), "{message}");
    assert!(bench.supervisor.runtime_paths().is_empty());
    Ok(())
}

async fn an_error_crosses_ipc_as_kind_message_and_name(bench: &Bench) -> Outcome {
    let error = bench.supervisor.kill("nobody").await.expect_err("nobody is there");
    let expected = serde_json::json!({
        "kind": "notFound", "message": "process not found: nobody", "name": "nobody",
    });
    assert_eq!(serde_json::to_value(&error)?, expected);
    Ok(())
}
