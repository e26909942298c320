//! Idle embedded processes let the supervisor's thread sleep.

use std::time::Duration;

use super::*;
use crate::wire::{Limits, Runtime};

/// A timer that runs once per `unresponsiveMs` would wake the thread about 200 times in the window.
const PROCESSES: usize = 4;
const UNRESPONSIVE_MS: u32 = 20;
const WINDOW: Duration = Duration::from_secs(1);

/// Each of the two reads of the count wakes the thread.
const MOST_WAITS: u64 = 10;

/// The last output and the end of the start are observed for a while.
const WINDOWS: usize = 20;

/// How often the supervisor's thread has slept so far.
async fn count_waits(supervisor: &Supervisor) -> u64 {
    let read = async { std::fs::read_to_string("/proc/thread-self/status") };
    let status = supervisor.runtime_thread.run(read).await.expect("no shutdown").expect("readable");
    let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.and_then(|count| count.trim().parse().ok()).expect("a count")
}

#[test]
fn idle_embedded_processes_do_not_wake_the_supervisor() {
    let supervisor = Supervisor::builder().warm_isolates(0).build().expect("a supervisor");
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let script = folder.path().join("idle.mjs");
        std::fs::write(&script, "console.log('ready'); setInterval(() => {}, 2 ** 30)")
            .expect("written");
        let limits = Limits { unresponsive_ms: Some(UNRESPONSIVE_MS), ..Limits::default() };
        for number in 0..PROCESSES {
            let script = SpawnConfig::script(Runtime::Embedded, script.to_str().expect("UTF-8"));
            let config = SpawnConfig { limits: Some(limits), ..script };
            let name = number.to_string();
            let spawned = supervisor.spawn_subscribed(&name, config, Backpressure::Wait).await;
            let (_, mut events) = spawned.expect("spawned");
            while !matches!(events.recv().await.expect("it runs").event, Event::Stdout(_)) {}
        }
        let mut waits = Vec::new();
        for _ in 0..WINDOWS {
            let before = count_waits(&supervisor).await;
            tokio::time::sleep(WINDOW).await;
            waits.push(count_waits(&supervisor).await - before);
            if waits.last().is_some_and(|count| *count <= MOST_WAITS) {
                return;
            }
        }
        panic!("the supervisor's thread never sleeps for {WINDOW:?}: {waits:?} waits");
    });
}
