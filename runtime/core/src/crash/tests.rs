//! Tests that the failure of a thread that the engine has started ends the affected processes and nothing else.

use std::collections::HashSet;

use nix::libc;

use crate::crash::subprocess_test::{self, ECHO, exit, line};
use crate::patience::{becomes, finishes};
use crate::{Backpressure, ExitReason, Runtime, SpawnConfig, Supervisor};

/// Writes a line when its blocking pool has a thread, and never ends.
const POOL: &str =
    "await Deno.stat(import.meta.filename); console.log('there'); setInterval(() => {}, 1000)";

const WORKERS_POOL: &str = "
    const code = `await Deno.stat('${import.meta.filename}'); postMessage(0); setInterval(() => {}, 1000)`;
    const worker = new Worker('data:text/javascript,' + encodeURIComponent(code), { type: 'module' });
    worker.onmessage = () => console.log('there')";

/// The names of the threads that fail.
const TOKIO_THREADS: &str = "tokio-rt-worker";
const V8_THREADS: &str = "V8 DefaultWorke";

/// Set in the subprocess that runs the cases.
const IN_SUBPROCESS: &str = "JS_RUNTIME_TEST_THREADS";

#[test]
fn a_failed_helper_thread_ends_its_process_and_nothing_else() {
    subprocess_test::run(IN_SUBPROCESS, &["threads"], |_| other_processes_survive());
}

async fn other_processes_survive() {
    let folder = tempfile::tempdir().expect("a folder");
    let supervisor = Supervisor::builder().warm_isolates(0).build().expect("a thread");
    let start = async |name: &str, script: &str| {
        let file = folder.path().join(format!("{name}.mjs"));
        std::fs::write(&file, script).expect("the folder is writable");
        let config = SpawnConfig::script(Runtime::Embedded, file.to_string_lossy());
        let spawned = supervisor.spawn_subscribed(name, config, Backpressure::Wait).await;
        spawned.expect("the script starts").1
    };
    let mut neighbour = start("neighbour", ECHO).await;
    // After its first answer the neighbour starts no more threads, so new ones belong to the other process.
    supervisor.write_stdin("neighbour", "first\n").await.expect("the neighbour runs");
    assert_eq!(finishes(line(&mut neighbour)).await.as_deref(), Some("first"));
    for (name, script) in [("pool", POOL), ("worker", WORKERS_POOL)] {
        for signal in [libc::SIGSEGV, libc::SIGABRT] {
            let name = format!("{name}-{signal}");
            let before = threads(TOKIO_THREADS);
            let mut events = start(&name, script).await;
            assert_eq!(finishes(line(&mut events)).await.as_deref(), Some("there"), "{name}");
            let started: Vec<_> = threads(TOKIO_THREADS).difference(&before).copied().collect();
            assert!(!started.is_empty(), "{name}: the pool has no thread");
            fail(started[0], signal);
            let reason = finishes(exit(&mut events)).await;
            assert!(matches!(reason, Some(ExitReason::Crashed { .. })), "{name}: {reason:?}");
            let written = supervisor.write_stdin("neighbour", format!("{name}\n")).await;
            written.expect("the neighbour runs");
            assert_eq!(finishes(line(&mut neighbour)).await, Some(name));
        }
    }
    // V8's own threads work for all isolates.
    let v8s = threads(V8_THREADS);
    assert!(!v8s.is_empty(), "V8 has no threads");
    for thread in v8s {
        fail(thread, libc::SIGILL);
    }
    let reason = finishes(exit(&mut neighbour)).await;
    assert!(matches!(reason, Some(ExitReason::Crashed { .. })), "{reason:?}");
    assert!(becomes(|| crate::parked_threads() >= 5).await, "the threads are not parked");
    let mut again = start("again", ECHO).await;
    supervisor.write_stdin("again", "again\n").await.expect("the script runs");
    assert_eq!(finishes(line(&mut again)).await.as_deref(), Some("again"));
    supervisor.shutdown().await;
}

/// The ids of the threads with this name.
fn threads(name: &str) -> HashSet<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("procfs");
    let named = tasks.flatten().filter(|task| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    });
    named.filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
}

/// Raises a signal with the `si_code` of `abort`.
fn fail(thread: i32, signal: i32) {
    // SAFETY: `tgkill` takes three numbers and no pointer.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, signal) };
    assert_eq!(sent, 0, "the thread is gone");
}
