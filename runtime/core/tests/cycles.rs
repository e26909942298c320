//! Runs a thousand embedded processes, two at a time, and checks for leaks of threads, files and memory.
//!
//! A separate test program, so that nothing else starts threads or takes memory meanwhile.

#![cfg(all(target_os = "linux", feature = "embedded"))]
#![allow(clippy::print_stdout, reason = "prints measurements")]

#[path = "common/own.rs"]
mod own;
#[path = "common/patience.rs"]
mod patience;

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use js_runtime::{Backpressure, Event, ExitReason, Runtime, SpawnConfig, Supervisor};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// A script that echoes lines, like a backend.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/echo-lines.mjs");

const CYCLES: usize = 1_000;

/// After as many cycles V8's own threads run, allocators have grown and caches are filled.
const WARM_UP: usize = 100;

/// Permitted growth of memory after the warm-up. Detects a leak of 20 KB per cycle; an isolate takes about 5 MB.
const SLACK_KB: u64 = 18_000;

/// The resources of this program at one moment.
struct Resources {
    threads: usize,
    files: usize,
    memory_kb: u64,
}

impl Resources {
    fn now() -> Self {
        Self {
            threads: own::threads().len(),
            files: fs::read_dir("/proc/self/fd").expect("procfs").count(),
            memory_kb: resident_kb(),
        }
    }
}

fn resident_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}

/// Waits until no thread of an isolate is listed; the system lists joined threads for a moment.
fn await_idle() {
    let is_isolate = |name: &String| name.starts_with("js:");
    let have_ended = patience::eventually(|| !own::threads().iter().any(is_isolate));
    assert!(have_ended, "threads of isolates are left: {:?}", own::threads());
}

/// Starts a process, reads one echoed line, and kills it.
async fn cycle(supervisor: &Supervisor, name: &str) {
    let config = SpawnConfig::script(Runtime::Embedded, SCRIPT);
    let (_, mut events) = supervisor
        .spawn_subscribed(name, config, Backpressure::Wait)
        .await
        .expect("the script starts");
    supervisor.write_stdin(name, "hello\n").await.expect("the script runs");
    let mut echoed = false;
    while let Some(record) = events.recv().await {
        match record.event {
            Event::Stdout(line) => {
                assert_eq!(line, "hello");
                echoed = true;
                supervisor.kill(name).await.expect("the script runs");
            }
            Event::Exit { reason, .. } => {
                assert_eq!(reason, ExitReason::Killed { signal: None });
                break;
            }
            _ => {}
        }
    }
    assert!(echoed, "no line was echoed");
    supervisor.remove(name).expect("the process has exited");
}

/// Serializes the tests, because each measures the whole program.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of event loops in this program.
fn event_loops() -> usize {
    let files = fs::read_dir("/proc/self/fd").expect("procfs");
    let targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    targets.filter(|target| target.as_os_str() == "anon_inode:[eventpoll]").count()
}

/// Runs a supervisor with two warm isolates, of which one is used.
fn use_one_warm_isolate() {
    // Without timers, like the executor of some applications.
    let executor = tokio::runtime::Builder::new_current_thread().build().expect("an executor");
    let supervisor = Supervisor::builder().warm_isolates(2).build().expect("a thread");
    supervisor.warm_up(None).expect("the standard limits");
    executor.block_on(supervisor.warmed_up());
    executor.block_on(cycle(&supervisor, "warm"));
    executor.block_on(supervisor.warmed_up());
    executor.block_on(supervisor.shutdown());
}

#[test]
fn warm_isolates_end_with_their_supervisor() {
    let _alone = alone();
    let run = || {
        use_one_warm_isolate();
        await_idle();
        // Tokio closes the event loop's descriptors shortly after the supervisor is gone.
        let is_closed = patience::eventually(|| event_loops() == 0);
        assert!(is_closed, "an event loop is left");
        Resources::now()
    };
    run();
    let mut runs: Vec<Resources> = (0..5).map(|_| run()).collect();
    let mut last = runs.pop().expect("there are five");
    let first = &runs[0];
    // The thread of a test that has just passed may still be listed.
    patience::eventually(|| {
        last.threads = own::threads().len();
        last.threads <= first.threads
    });
    assert!(last.threads <= first.threads, "threads: {:?}", own::threads());
    // Some files stay open after their first use. A leak grows in each run.
    let files: Vec<_> = runs.iter().chain([&last]).map(|run| run.files).collect();
    let opening = files.windows(2).filter(|files| files[1] > files[0]).count();
    assert!(opening < files.len() - 1, "open files after each run: {files:?}");
    assert!(last.memory_kb.saturating_sub(first.memory_kb) < SLACK_KB, "memory");
    assert!(!own::threads().iter().any(|name| name.starts_with("js-warm")));
}

/// Runs `act` while this program can open only `count` more files.
fn with_spare_files(count: u64, act: impl FnOnce()) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let open = fs::read_dir("/proc/self/fd").expect("procfs");
    let numbers = open.filter_map(|file| file.ok()?.file_name().to_str()?.parse::<u64>().ok());
    let next = numbers.max().expect("one is open") + 1;
    setrlimit(Resource::RLIMIT_NOFILE, next + count, hard).expect("the limit may be lowered");
    act();
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("the limit may be raised again");
}

#[test]
fn a_failed_warm_isolate_is_created_on_demand() {
    let _alone = alone();
    let executor = tokio::runtime::Builder::new_current_thread().build().expect("an executor");
    let supervisor = Supervisor::builder().warm_isolates(1).build().expect("a thread");
    // V8 itself starts without the limit.
    executor.block_on(cycle(&supervisor, "first"));
    executor.block_on(supervisor.shutdown());
    for spare in 0..6 {
        let supervisor = Supervisor::builder().warm_isolates(1).build().expect("a thread");
        with_spare_files(spare, || {
            supervisor.warm_up(None).expect("the standard limits");
            executor.block_on(supervisor.warmed_up());
        });
        executor.block_on(cycle(&supervisor, "on demand"));
        executor.block_on(supervisor.shutdown());
    }
}

#[test]
fn a_thousand_cycles_leak_no_threads_files_or_memory() {
    let _alone = alone();
    let executor = tokio::runtime::Builder::new_current_thread().build().expect("an executor");
    // Warm isolates would make the measurements vary.
    let supervisor = Supervisor::builder().warm_isolates(0).build().expect("a thread");
    let started = Instant::now();

    println!("cycles  threads  files  memory");
    let mut warm = None;
    for done in (0..=CYCLES).step_by(2) {
        if done.is_multiple_of(WARM_UP) && done > 0 {
            await_idle();
            let now = Resources::now();
            let megabytes = now.memory_kb / 1024;
            println!("{done:>6}  {:>7}  {:>5}  {megabytes:>3} MB", now.threads, now.files);
            warm.get_or_insert(now);
        }
        if done < CYCLES {
            executor.block_on(async {
                tokio::join!(cycle(&supervisor, "one"), cycle(&supervisor, "two"));
            });
        }
    }
    println!("{:?} in total", started.elapsed());

    let (warm, mut end) = (warm.expect("the warm-up is over"), Resources::now());
    // Tokio ends threads for blocking calls after some idle time.
    patience::eventually(|| {
        end = Resources::now();
        end.threads <= warm.threads
    });
    assert!(end.threads <= warm.threads, "threads: {:?}", own::threads());
    assert_eq!(end.files, warm.files, "open files");
    let grown = end.memory_kb.saturating_sub(warm.memory_kb);
    assert!(grown < SLACK_KB, "memory grew by {grown} kB");

    drop(supervisor);
    await_idle();
    assert!(own::children().is_empty(), "{:?}", own::children());
    let left = own::threads();
    assert!(!left.iter().any(|name| name == "js-supervisor"), "{left:?}");
}
