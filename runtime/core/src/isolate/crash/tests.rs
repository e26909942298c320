//! Threads that the engine starts for isolates fail, on purpose: the isolates concerned end, and nothing else.

use std::collections::HashSet;

use nix::libc;

use crate::isolate::crash::own_program::{self, ECHO, exit, line};
use crate::patience::{becomes, finishes};
use crate::{Backpressure, ExitReason, Runtime, SpawnConfig, Supervisor};

/// Begins with a line when its thread of the blocking pool is there, and then never ends.
const POOL: &str =
    "await Deno.stat(import.meta.filename); console.log('there'); setInterval(() => {}, 1000)";

const WORKERS_POOL: &str = "
    const code = `await Deno.stat('${import.meta.filename}'); postMessage(0); setInterval(() => {}, 1000)`;
    const worker = new Worker('data:text/javascript,' + encodeURIComponent(code), { type: 'module' });
    worker.onmessage = () => console.log('there')";

/// The names of the threads that fail.
const TOKIOS: &str = "tokio-rt-worker";
const V8S: &str = "V8 DefaultWorke";

/// Tells the test that it is to go through the cases itself.
const INSIDE: &str = "JS_RUNTIME_TEST_THREADS";

/// In a program of its own, as the threads that are parked stay.
#[test]
fn a_thread_that_works_for_an_isolate_ends_that_and_nothing_else_when_it_fails() {
    own_program::run(INSIDE, &["threads"], |_| goes_on_after_each());
}

async fn goes_on_after_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let supervisor = Supervisor::builder().warm_isolates(0).build().expect("a thread");
    let start = async |name: &str, script: &str| {
        let file = folder.path().join(format!("{name}.mjs"));
        std::fs::write(&file, script).expect("it is ours");
        let config = SpawnConfig::script(Runtime::Embedded, file.to_string_lossy());
        let spawned = supervisor.spawn_subscribed(name, config, Backpressure::Wait).await;
        spawned.expect("it starts").1
    };
    let mut neighbour = start("neighbour", ECHO).await;
    // From its first answer on it starts no thread: those that are new are another's.
    supervisor.write_stdin("neighbour", "first\n").await.expect("it lives");
    assert_eq!(finishes(line(&mut neighbour)).await.as_deref(), Some("first"));
    for (name, script) in [("pool", POOL), ("worker", WORKERS_POOL)] {
        for signal in [libc::SIGSEGV, libc::SIGABRT] {
            let name = format!("{name}-{signal}");
            let before = threads(TOKIOS);
            let mut events = start(&name, script).await;
            assert_eq!(finishes(line(&mut events)).await.as_deref(), Some("there"), "{name}");
            let begun: Vec<_> = threads(TOKIOS).difference(&before).copied().collect();
            assert!(!begun.is_empty(), "{name}: no thread of the pool");
            fail(begun[0], signal);
            let reason = finishes(exit(&mut events)).await;
            assert!(matches!(reason, Some(ExitReason::Crashed { .. })), "{name}: {reason:?}");
            supervisor.write_stdin("neighbour", format!("{name}\n")).await.expect("it lives");
            assert_eq!(finishes(line(&mut neighbour)).await, Some(name));
        }
    }
    // V8's own threads work for all isolates.
    let v8s = threads(V8S);
    assert!(!v8s.is_empty(), "V8 has no threads");
    for thread in v8s {
        fail(thread, libc::SIGILL);
    }
    let reason = finishes(exit(&mut neighbour)).await;
    assert!(matches!(reason, Some(ExitReason::Crashed { .. })), "{reason:?}");
    assert!(becomes(|| crate::parked_threads() >= 5).await, "the threads are not parked");
    let mut again = start("again", ECHO).await;
    supervisor.write_stdin("again", "again\n").await.expect("it lives");
    assert_eq!(finishes(line(&mut again)).await.as_deref(), Some("again"));
    supervisor.shutdown().await;
}

/// The numbers of the threads of this name.
fn threads(name: &str) -> HashSet<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("it is there");
    let named = tasks.flatten().filter(|task| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    });
    named.filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
}

/// As a failure of the thread itself, which is how the system knows `abort`.
fn fail(thread: i32, signal: i32) {
    // SAFETY: sends a signal to a thread of this program.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, signal) };
    assert_eq!(sent, 0, "the thread is gone");
}
