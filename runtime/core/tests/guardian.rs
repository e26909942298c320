//! Nothing of what an application's processes have started outlives the application, however it ends.
//!
//! The application is this program, started again: it starts a process of every runtime for every kind of tree,
//! and is then made to end. Each tree has a number of its own in the arguments of all its programs.
//!
//! `JS_RUNTIME_REQUIRE_ALL` makes a runtime that is missing a failure; without it, it is passed over.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test says what it passes over")]
#![allow(clippy::exit, reason = "the application ends itself, as the table says")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use js_runtime::{Detached, Permissions, Runtime, SpawnConfig, Supervisor};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tree.mjs");

const RUNTIMES: [Runtime; 4] = [Runtime::Embedded, Runtime::Node, Runtime::Deno, Runtime::Bun];

/// What each tree is, and how many of its programs sleep. `N` stands for its number.
const TREES: [(&str, &str, usize); 5] = [
    ("a child", "exec sleep N", 1),
    ("a grandchild", "sleep N & sleep N", 2),
    ("a pipeline", "sleep N | sleep N | sleep N", 3),
    ("a launcher that waits", "sh -c 'sleep N & wait' & wait", 1),
    ("a launcher that is gone", "(sh -c 'sleep N & sleep N' &)", 2),
];

/// Much longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// What an application prints that has dropped its supervisor.
const DROPPED: &str = "dropped";

/// Tells the started program what it is to start, and how it is to end.
const CASE: &str = "JS_RUNTIME_TEST_GUARDIAN";

/// How an application ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// By this signal of somebody else's.
    Signal(Signal),
    /// By what it does itself.
    Fault,
    Abort,
    Exit,
    /// It goes on, without its supervisor.
    Drop,
}

const ENDS: [(&str, End); 6] = [
    ("killed", End::Signal(Signal::SIGKILL)),
    ("hung-up", End::Signal(Signal::SIGHUP)),
    ("fault", End::Fault),
    ("abort", End::Abort),
    ("exit", End::Exit),
    ("drop", End::Drop),
];

#[test]
fn nothing_outlives_an_application_that_is_killed() {
    nothing_is_left("killed");
}

#[test]
fn nothing_outlives_an_application_whose_terminal_hangs_up() {
    nothing_is_left("hung-up");
}

#[test]
fn nothing_outlives_an_application_with_a_segmentation_fault() {
    nothing_is_left("fault");
}

#[test]
fn nothing_outlives_an_application_that_aborts() {
    nothing_is_left("abort");
}

#[test]
fn nothing_outlives_an_application_that_exits() {
    nothing_is_left("exit");
}

#[test]
fn nothing_outlives_a_supervisor_that_is_dropped() {
    nothing_is_left("drop");
}

/// What a process started as a session of its own lives on, unless its configuration says otherwise.
#[test]
fn a_session_of_its_own_is_kept_or_ended_as_configured() {
    for end in ["killed", "exit", "drop"] {
        let mut application = Application::start(end, "sessions");
        let started = application
            .trees(|runtime| vec![(format!("{runtime} keep"), 1), (format!("{runtime} end"), 1)]);
        application.end();
        let (kept, ended): (Vec<_>, Vec<_>) = started
            .iter()
            .partition(|(name, _)| name.ends_with("keep") && !name.starts_with("embedded"));
        for (name, number) in ended {
            assert!(eventually(|| having(number).is_empty()), "{end}: {name} is left");
        }
        for (name, number) in kept {
            let left = having(number);
            for pid in &left {
                kill(*pid, Signal::SIGKILL).expect("it is ours");
            }
            assert_eq!(left.len(), 1, "{end}: {name} was ended");
        }
    }
}

fn nothing_is_left(end: &str) {
    if let Ok(case) = std::env::var(CASE) {
        application(&case);
    }
    let mut application = Application::start(end, "trees");
    let trees =
        |runtime| TREES.map(|(tree, _, count)| (format!("{runtime} {tree}"), count)).to_vec();
    let started = application.trees(trees);
    application.end();
    for (name, number) in &started {
        let is_gone = eventually(|| having(number).is_empty());
        let left = having(number);
        for pid in &left {
            _ = kill(*pid, Signal::SIGKILL);
        }
        assert!(is_gone, "{name}: {left:?} are left");
    }
}

/// A number of seconds that no other program sleeps for.
fn number(tree: usize, test: u32) -> String {
    format!("1000.{test:07}{tree:03}")
}

/// How many processes sleep for that long.
fn sleeping(number: &str) -> usize {
    let is_sleep = |pid: &Pid| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
    };
    having(number).iter().filter(|pid| is_sleep(pid)).count()
}

/// The processes that have `number` among their arguments.
fn having(number: &str) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").expect("procfs").flatten();
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    let has = |pid: &i32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(number)
    };
    pids.filter(has).map(Pid::from_raw).collect()
}

fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > give_up {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

/// The application, seen from outside.
struct Application {
    process: Child,
    end: End,
}

impl Application {
    fn start(end: &str, what: &str) -> Self {
        let this = std::env::current_exe().expect("a program");
        let mut command = Command::new(this);
        // Any test that starts with looking for a case.
        command.args(["--exact", "nothing_outlives_an_application_that_exits", "--nocapture"]);
        command.env(CASE, format!("{end} {what}")).current_dir(std::env::temp_dir());
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let (_, end) = ENDS.into_iter().find(|(name, _)| *name == end).expect("an end");
        Self { process: process.expect("it starts"), end }
    }

    /// Waits until every tree of every runtime is there; their names and numbers.
    fn trees(&self, of: impl Fn(Runtime) -> Vec<(String, usize)>) -> BTreeMap<String, String> {
        let mut started = BTreeMap::new();
        for (index, (name, count)) in runtimes().into_iter().flat_map(of).enumerate() {
            let number = number(index, self.process.id());
            let is_there = eventually(|| sleeping(&number) == count);
            assert!(is_there, "{name}: {count} and not {}", sleeping(&number));
            started.insert(name, number);
        }
        started
    }

    /// Makes it end, or drop its supervisor, and waits for that.
    fn end(&mut self) {
        if let End::Signal(signal) = self.end {
            let pid = Pid::from_raw(self.process.id().try_into().expect("a pid"));
            kill(pid, signal).expect("it lives");
        } else {
            let stdin = self.process.stdin.as_mut().expect("a pipe");
            stdin.write_all(b"end\n").expect("it reads");
        }
        if self.end == End::Drop {
            let stdout = self.process.stdout.as_mut().expect("a pipe");
            let mut lines = BufReader::new(stdout).lines();
            assert!(lines.any(|line| line.is_ok_and(|line| line == DROPPED)), "it has ended");
        } else {
            self.process.wait().expect("it ends");
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // Most have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The runtimes that this machine has.
fn runtimes() -> Vec<Runtime> {
    let must = std::env::var_os("JS_RUNTIME_REQUIRE_ALL").is_some_and(|value| value == "1");
    let executor = executor();
    let supervisor = Supervisor::new().expect("a thread");
    let infos = executor.block_on(supervisor.detect_runtimes()).expect("it runs");
    let found = |runtime: &Runtime| {
        let info = infos.iter().find(|info| info.name == runtime.to_string());
        let is_there = info.is_some_and(|info| info.available);
        assert!(
            is_there || !must || *runtime == Runtime::Embedded,
            "not on this machine: {runtime}"
        );
        if !is_there {
            eprintln!("passed over, not on this machine: {runtime}");
        }
        is_there
    };
    RUNTIMES.into_iter().filter(found).collect()
}

fn executor() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an executor")
}

/// The application from inside; never returns.
fn application(case: &str) -> ! {
    let (end, what) = case.split_once(' ').expect("two words");
    let supervisor = Supervisor::new().expect("a thread");
    let executor = executor();
    let mut index = 0;
    let mut start = |runtime, args: [&str; 2], detached| {
        let number = number(index, std::process::id());
        let config = SpawnConfig {
            args: args.map(|arg| arg.replace('N', &number)).to_vec(),
            permissions: Some(Permissions { all: true, ..Permissions::default() }),
            detached,
            ..SpawnConfig::script(runtime, TREE)
        };
        executor.block_on(supervisor.spawn(&index.to_string(), config)).expect("it starts");
        index += 1;
    };
    for runtime in runtimes() {
        if what == "trees" {
            for (_, tree, _) in TREES {
                start(runtime, ["shell", tree], None);
            }
        } else {
            start(runtime, ["detached", "N"], None);
            start(runtime, ["detached", "N"], Some(Detached::End));
        }
    }
    // Until it is told to end.
    let _ = std::io::stdin().read(&mut [0]);
    match ENDS.into_iter().find(|(name, _)| *name == end).expect("an end").1 {
        // SAFETY: fails on purpose, as a program with a fault does.
        End::Fault => unsafe { std::ptr::null_mut::<u8>().write_volatile(1) },
        End::Abort => std::process::abort(),
        End::Exit | End::Signal(_) => std::process::exit(0),
        End::Drop => {
            drop(supervisor);
            println!("{DROPPED}");
            // Goes on until nobody looks any more.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        }
    }
    std::process::exit(0)
}
