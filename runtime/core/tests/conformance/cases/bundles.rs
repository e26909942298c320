//! Bundled modules run on every runtime and leave no files behind.

use std::path::Path;

use js_runtime::{Backpressure, Builder, Runtime, SpawnConfig, Supervisor};

use crate::support::{Bench, Case, Outcome, Run, cases};

pub(crate) const CASES: &[Case] = cases![
    a_bundled_module_answers,
    a_bundled_module_is_the_fallback_for_the_embedded_engine_too,
    a_bundled_module_reads_its_folder_only_with_permission,
    a_folder_for_bundled_modules_is_used_again,
];

const ECHO: &str = include_str!("../../fixtures/echo-lines.mjs");

/// Prints which files of its own folder it may read.
const LOOK: &str = "import fs from 'node:fs'\n\
    try { console.log('read', fs.readdirSync(import.meta.dirname).length) }\n\
    catch (error) { console.log(error.name, error.message.includes('--allow-read')) }\n";

fn builder() -> Builder {
    Supervisor::builder().bundle("workers/echo", ECHO).bundle("look.mjs", LOOK)
}

async fn start(supervisor: &Supervisor, config: SpawnConfig) -> Result<Run<'_>, js_runtime::Error> {
    let name = Bench::name();
    let (info, events) = supervisor.spawn_subscribed(&name, config, Backpressure::Wait).await?;
    Ok(Run::new(supervisor, info, events))
}

/// Writes one line and expects its echo.
async fn echo(mut run: Run<'_>) -> Outcome {
    run.write("größe\n").await?;
    assert_eq!(run.text().await?, "größe");
    run.close()?;
    assert_eq!(run.end().await?.code, Some(0));
    Ok(())
}

async fn a_bundled_module_answers(bench: &Bench) -> Outcome {
    let supervisor = builder().build()?;
    for _ in 0..2 {
        let config = SpawnConfig::script(bench.runtime, "workers/echo");
        echo(start(&supervisor, config).await?).await?;
    }
    let unknown = SpawnConfig::script(bench.runtime, "workers/echo.mjs");
    let error = start(&supervisor, unknown).await.err().ok_or("it was never bundled")?;
    assert!(error.to_string().contains("workers/echo.mjs"), "{error}");
    Ok(())
}

async fn a_bundled_module_is_the_fallback_for_the_embedded_engine_too(bench: &Bench) -> Outcome {
    // These settings make the embedded engine fail. Children ignore them.
    let flag = match bench.runtime {
        Runtime::Deno => "--no-check",
        Runtime::Bun => "--smol",
        _ => "--no-warnings",
    };
    if bench.is_embedded() || js_runtime::embedded_version().is_none() {
        return Ok(());
    }
    let config = SpawnConfig {
        runtime_args: vec![flag.to_owned()],
        fallback: vec![bench.runtime],
        ..SpawnConfig::script(Runtime::Auto, "workers/echo")
    };
    let supervisor = builder().build()?;
    let run = start(&supervisor, config).await?;
    assert_eq!(run.info.runtime, Some(bench.runtime));
    echo(run).await
}

async fn a_bundled_module_reads_its_folder_only_with_permission(bench: &Bench) -> Outcome {
    let supervisor = builder().build()?;
    let config = SpawnConfig::script(bench.runtime, "look.mjs");
    let ended = start(&supervisor, config).await?.end().await?;
    let expected = if bench.has_permissions() { "NotCapable true" } else { "read 1" };
    assert_eq!(ended.lines(), [expected], "{}", ended.log());
    Ok(())
}

async fn a_folder_for_bundled_modules_is_used_again(bench: &Bench) -> Outcome {
    let above = tempfile::tempdir()?;
    let folder = above.path().join("bundles");
    for _ in 0..2 {
        let supervisor = builder().bundle_dir(&folder).build()?;
        let config = SpawnConfig::script(bench.runtime, "workers/echo");
        echo(start(&supervisor, config).await?).await?;
        drop(supervisor);
        let expected = if bench.is_embedded() { vec![] } else { vec!["workers_echo-".to_owned()] };
        assert_eq!(names(&folder), expected);
    }
    Ok(())
}

/// The file names of a folder without their hashes.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.map(|name| name.split_inclusive('-').next().unwrap_or_default().to_owned()).collect()
}
