//! Tests that a panic of the engine ends one process and nothing else.

use std::time::Duration;

use deno_runtime::deno_core::op2;
use deno_runtime::deno_core::url::Url;

use super::subprocess_test::{self, ECHO, exit, line};
use crate::patience::{eventually, finishes};
use crate::{Backpressure, ExitReason, Permissions, Runtime, SpawnConfig, Supervisor};

/// Replaces the op of `Deno.gid()`. The panic cannot unwind, because V8 is on the stack.
#[op2(nofast)]
pub(crate) fn op_test_sync() {
    panic!("on purpose");
}

/// Replaces the op of `Deno.resolveDns()`. Panics at its second poll, in the event loop.
#[op2]
pub(crate) async fn op_test_async(#[serde] _arguments: serde_json::Value) {
    tokio::time::sleep(Duration::from_millis(1)).await;
    panic!("on purpose");
}

pub(crate) fn in_loader(url: &Url) {
    assert!(!url.path().ends_with("/panics.mjs"), "on purpose");
}

const PANICKED: &str = "the engine panicked: on purpose";
const LOADER_FAILED: &str = "the module loader failed";

/// Name, script, and part of the message of the exit reason.
const CASES: [(&str, &str, &str); 7] = [
    ("sync op", "Deno.gid()", PANICKED),
    ("sync op in a promise", "await null; Deno.gid()", PANICKED),
    ("sync op of a worker", WORKERS, PANICKED),
    ("async op", "await Deno.resolveDns('x', 'A')", PANICKED),
    ("loader", "import './panics.mjs'", LOADER_FAILED),
    ("loader of a dynamic import", "await import('./panics.mjs')", LOADER_FAILED),
    (
        "caught",
        "await import('./panics.mjs').catch(() => { throw new Error('went on') })",
        "went on",
    ),
];

/// One worker panics. The other never ends by itself and looks like the engine's own code.
const WORKERS: &str = "
    const start = (code) => new Worker('data:text/javascript,' + encodeURIComponent(code), { type: 'module' });
    start('(0, eval)(\"for (;;);\\\\n//# sourceURL=ext:x\")');
    await new Promise((done) => setTimeout(done, 100));
    start('Deno.gid()');
    setInterval(() => {}, 1000)";

/// Set in the subprocess that runs the cases.
const IN_SUBPROCESS: &str = "JS_RUNTIME_TEST_PANICS";

#[test]
fn a_panic_in_an_op_or_in_the_loader_ends_one_process_and_nothing_else() {
    subprocess_test::run(IN_SUBPROCESS, &["panics"], |_| other_processes_survive());
}

async fn other_processes_survive() {
    let folder = tempfile::tempdir().expect("a folder");
    let supervisor = Supervisor::new().expect("a thread starts");
    let neighbour = folder.path().join("neighbour.mjs");
    std::fs::write(&neighbour, ECHO).expect("the folder is writable");
    let config = SpawnConfig::script(Runtime::Embedded, neighbour.to_string_lossy());
    let spawned = supervisor.spawn_subscribed("neighbour", config, Backpressure::Wait).await;
    let (_, mut answers) = spawned.expect("the neighbour starts");
    for (case, script, expected) in CASES {
        let file = folder.path().join(format!("{case}.mjs"));
        std::fs::write(&file, script).expect("the folder is writable");
        let config = SpawnConfig {
            permissions: Some(Permissions { all: true, ..Permissions::default() }),
            ..SpawnConfig::script(Runtime::Embedded, file.to_string_lossy())
        };
        let spawned = supervisor.spawn_subscribed(case, config, Backpressure::Wait).await;
        let (_, mut events) = spawned.unwrap_or_else(|error| panic!("{case}: {error}"));
        let reason = finishes(exit(&mut events)).await;
        let reason = reason.unwrap_or_else(|| panic!("{case}: no exit"));
        let (ExitReason::Crashed { message } | ExitReason::Error { message, .. }) = &reason else {
            panic!("{case}: {reason:?}")
        };
        assert!(message.contains(expected), "{case}: {message}");
        let is_parked = matches!(reason, ExitReason::Crashed { .. });
        assert_eq!(is_parked, case.starts_with("sync"), "{case}: {reason:?}");

        let written = supervisor.write_stdin("neighbour", format!("{case}\n")).await;
        written.expect("the neighbour runs");
        let answer = finishes(line(&mut answers)).await.expect("an answer");
        assert_eq!(answer, case);
    }
    supervisor.shutdown().await;
    assert!(eventually(|| busy_workers() == 0), "a worker still runs");
}

/// The number of workers that run and are not parked; 0 on systems without `/proc`.
fn busy_workers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    stats.filter(|stat| stat.contains("(worker-") && stat.contains(") R ")).count()
}
