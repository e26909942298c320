//! Graceful and immediate stops of embedded scripts.

use std::fs;

use js_runtime::{ExitReason, Limits, SpawnConfig};

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    a_script_without_listeners_is_killed_at_once,
    a_script_with_listeners_is_asked_to_stop_first,
];

/// Far longer than the timeout of a case.
const GRACE_MS: u32 = 3_600_000;

/// Starts the script, kills it when it is ready, and returns what it printed after that.
async fn lines_after_kill(
    bench: &Bench,
    source: &str,
) -> Result<Vec<String>, libtest_mimic::Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("main.mjs");
    fs::write(&file, format!("{source}\nconsole.log('ready')"))?;
    let limits = Some(Limits { kill_grace_ms: Some(GRACE_MS), ..Limits::default() });
    let mut run = bench.start(SpawnConfig { limits, ..bench.script(&file, &[]) }).await?;
    run.until_ready().await?;
    run.kill().await?;
    let ended = run.end().await?;
    assert_eq!(ended.reason, Some(ExitReason::Killed { signal: None }), "{source}");
    Ok(ended.lines())
}

async fn a_script_without_listeners_is_killed_at_once(bench: &Bench) -> Outcome {
    for source in [
        "setInterval(() => {}, 60_000)",
        "new Worker('data:text/javascript,setInterval(() => {}, 60_000)', { type: 'module' })",
        "import process from 'node:process'
        process.on('SIGINT', () => {})
        setInterval(() => {}, 60_000)",
    ] {
        assert!(lines_after_kill(bench, source).await?.is_empty(), "{source}");
    }
    Ok(())
}

async fn a_script_with_listeners_is_asked_to_stop_first(bench: &Bench) -> Outcome {
    for source in [
        "import process from 'node:process'
        process.stdin.resume().on('end', () => console.log('asked'))",
        "import process from 'node:process'
        process.on('SIGTERM', () => (console.log('asked'), process.exit()))
        setInterval(() => {}, 60_000)",
        "Deno.stdin.read(new Uint8Array(1)).then(() => console.log('asked'))",
        "Deno.addSignalListener('SIGTERM', () => (console.log('asked'), Deno.exit()))
        setInterval(() => {}, 60_000)",
    ] {
        assert_eq!(lines_after_kill(bench, source).await?, ["asked"], "{source}");
    }
    Ok(())
}
