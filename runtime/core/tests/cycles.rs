//! A thousand embedded processes, two at a time: what the application pays stays the same.
//!
//! In a program of its own, so that nothing else starts threads or takes memory meanwhile.

#![cfg(all(target_os = "linux", feature = "embedded"))]
#![allow(clippy::print_stdout, reason = "a measurement is to be seen")]

#[path = "common/own.rs"]
mod own;
#[path = "common/patience.rs"]
mod patience;

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use js_runtime::{Backpressure, Event, ExitReason, Runtime, SpawnConfig, Supervisor};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// A script that does what a backend does: it reads and writes lines.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/echo-lines.mjs");

const CYCLES: usize = 1_000;

/// By then V8's own threads run, allocators have grown and every cache is filled.
const WARM_UP: usize = 100;

/// What memory may grow by in the 900 cycles after that: a leak of 20 KB a cycle would be seen. An
/// isolate takes some 5 MB.
const SLACK_KB: u64 = 18_000;

/// What this program holds at a moment.
struct Holds {
    threads: usize,
    files: usize,
    memory_kb: u64,
}

impl Holds {
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

/// What was joined is still listed for a moment; waits until no isolate's thread is.
fn settle() {
    let is_live = |name: &String| name.starts_with("js:");
    let have_ended = patience::eventually(|| !own::threads().iter().any(is_live));
    assert!(have_ended, "isolates' threads are left: {:?}", own::threads());
}

/// One life: started, answered a line, killed.
async fn cycle(supervisor: &Supervisor, name: &str) {
    let config = SpawnConfig::script(Runtime::Embedded, SCRIPT);
    let (_, mut events) =
        supervisor.spawn_subscribed(name, config, Backpressure::Wait).await.expect("it starts");
    supervisor.write_stdin(name, "hello\n").await.expect("it reads");
    let mut echoed = false;
    while let Some(record) = events.recv().await {
        match record.event {
            Event::Stdout(line) => {
                assert_eq!(line, "hello");
                echoed = true;
                supervisor.kill(name).await.expect("it lives");
            }
            Event::Exit { reason, .. } => {
                assert_eq!(reason, ExitReason::Killed { signal: None });
                break;
            }
            _ => {}
        }
    }
    assert!(echoed, "it said nothing");
    supervisor.remove(name).expect("it has exited");
}

/// All tests look at the whole program.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Event loops of this program.
fn event_loops() -> usize {
    let files = fs::read_dir("/proc/self/fd").expect("procfs");
    let targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    targets.filter(|target| target.as_os_str() == "anon_inode:[eventpoll]").count()
}

/// A supervisor's life with isolates that wait: one that is taken, one that is not.
fn prepared_and_taken() {
    // Without timers, as an application's may be.
    let executor = tokio::runtime::Builder::new_current_thread().build().expect("an executor");
    let supervisor = Supervisor::builder().warm_isolates(2).build().expect("a thread");
    supervisor.warm_up(None).expect("the standard limits");
    executor.block_on(supervisor.warmed_up());
    executor.block_on(cycle(&supervisor, "taken"));
    executor.block_on(supervisor.warmed_up());
    executor.block_on(supervisor.shutdown());
}

#[test]
fn isolates_that_were_prepared_go_with_their_supervisor() {
    let _alone = alone();
    let life = || {
        prepared_and_taken();
        settle();
        // The thread that drops a runtime of Tokio's closes its event loop, a descriptor of epoll and one of an event,
        // shortly after the supervisor is gone.
        let is_closed = patience::eventually(|| event_loops() == 0);
        assert!(is_closed, "an event loop is left");
        Holds::now()
    };
    life();
    let mut lives: Vec<Holds> = (0..5).map(|_| life()).collect();
    let mut last = lives.pop().expect("there are five");
    let first = &lives[0];
    // At first the thread of a test that has just passed may still be listed; it ends and does not come back.
    patience::eventually(|| {
        last.threads = own::threads().len();
        last.threads <= first.threads
    });
    assert!(last.threads <= first.threads, "threads: {:?}", own::threads());
    // A file of the system that is opened when it is first needed stays open. A leak would grow in each life.
    let files: Vec<_> = lives.iter().chain([&last]).map(|life| life.files).collect();
    let opening = files.windows(2).filter(|files| files[1] > files[0]).count();
    assert!(opening < files.len() - 1, "open files after each life: {files:?}");
    assert!(last.memory_kb.saturating_sub(first.memory_kb) < SLACK_KB, "memory");
    assert!(!own::threads().iter().any(|name| name.starts_with("js-warm")));
}

/// Does `act` while this program can open only so many files more.
fn with_files_to_spare(count: u64, act: impl FnOnce()) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let open = fs::read_dir("/proc/self/fd").expect("procfs");
    let numbers = open.filter_map(|file| file.ok()?.file_name().to_str()?.parse::<u64>().ok());
    let beyond = numbers.max().expect("one is open") + 1;
    setrlimit(Resource::RLIMIT_NOFILE, beyond + count, hard).expect("it may be lowered");
    act();
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("it may be raised again");
}

#[test]
fn an_isolate_that_could_not_be_prepared_is_made_when_it_is_asked_for() {
    let _alone = alone();
    let executor = tokio::runtime::Builder::new_current_thread().build().expect("an executor");
    let supervisor = Supervisor::builder().warm_isolates(1).build().expect("a thread");
    // V8 itself is begun with files to spare.
    executor.block_on(cycle(&supervisor, "first"));
    executor.block_on(supervisor.shutdown());
    for to_spare in 0..6 {
        let supervisor = Supervisor::builder().warm_isolates(1).build().expect("a thread");
        with_files_to_spare(to_spare, || {
            supervisor.warm_up(None).expect("the standard limits");
            executor.block_on(supervisor.warmed_up());
        });
        executor.block_on(cycle(&supervisor, "asked for"));
        executor.block_on(supervisor.shutdown());
    }
}

#[test]
fn a_thousand_cycles_leave_threads_files_and_memory_as_they_were() {
    let _alone = alone();
    let executor = tokio::runtime::Builder::new_current_thread().build().expect("an executor");
    // None that waits: it may be there at one moment and not at another.
    let supervisor = Supervisor::builder().warm_isolates(0).build().expect("a thread");
    let started = Instant::now();

    println!("cycles  threads  files  memory");
    let mut warm = None;
    for done in (0..=CYCLES).step_by(2) {
        if done.is_multiple_of(WARM_UP) && done > 0 {
            settle();
            let holds = Holds::now();
            let megabytes = holds.memory_kb / 1024;
            println!("{done:>6}  {:>7}  {:>5}  {megabytes:>3} MB", holds.threads, holds.files);
            warm.get_or_insert(holds);
        }
        if done < CYCLES {
            executor.block_on(async {
                tokio::join!(cycle(&supervisor, "one"), cycle(&supervisor, "two"));
            });
        }
    }
    println!("{:?} in all", started.elapsed());

    let (warm, mut end) = (warm.expect("warm-up is over"), Holds::now());
    // Tokio's threads for blocking calls end when they have been idle: one may have been needed, or two at once.
    patience::eventually(|| {
        end = Holds::now();
        end.threads <= warm.threads
    });
    assert!(end.threads <= warm.threads, "threads: {:?}", own::threads());
    assert_eq!(end.files, warm.files, "open files");
    let grown = end.memory_kb.saturating_sub(warm.memory_kb);
    assert!(grown < SLACK_KB, "memory grew by {grown} kB");

    drop(supervisor);
    settle();
    assert!(own::children().is_empty(), "{:?}", own::children());
    let left = own::threads();
    assert!(!left.iter().any(|name| name == "js-supervisor"), "{left:?}");
}
