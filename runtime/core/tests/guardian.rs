//! Tests that no descendant of an application's processes outlives the application, however it ends.
//!
//! The application is this test program in a subprocess. It starts a process tree of every kind in every runtime, and is
//! then ended. Each tree has a unique number in the arguments of its programs.
//!
//! Runtimes that are not installed are skipped, unless `JS_RUNTIME_REQUIRE_ALL` is `1`.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "the test reports what it skips")]
#![allow(clippy::exit, reason = "the application under test exits")]

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

/// Name and shell command of each tree, and how many of its programs sleep. `N` stands for its number.
const TREES: [(&str, &str, usize); 5] = [
    ("a child", "exec sleep N", 1),
    ("a grandchild", "sleep N & sleep N", 2),
    ("a pipeline", "sleep N | sleep N | sleep N", 3),
    ("a launcher that waits", "sh -c 'sleep N & wait' & wait", 1),
    ("a launcher that has exited", "(sh -c 'sleep N & sleep N' &)", 2),
];

/// Much longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Printed by an application that has dropped its supervisor.
const DROPPED: &str = "dropped";

/// Set in the subprocess: how it ends, and what it starts.
const CASE: &str = "JS_RUNTIME_TEST_GUARDIAN";

/// How an application ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// Another process sends this signal.
    Signal(Signal),
    Fault,
    Abort,
    Exit,
    /// It drops its supervisor and keeps running.
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

/// A program that a child process starts in a new session survives, unless the configuration says otherwise.
#[test]
fn detached_programs_survive_or_end_as_configured() {
    for end in ["killed", "exit", "drop"] {
        let mut application = Application::start(end, "sessions");
        let started = application
            .trees(|runtime| vec![(format!("{runtime} keep"), 1), (format!("{runtime} end"), 1)]);
        application.end();
        let (surviving, ended): (Vec<_>, Vec<_>) = started
            .iter()
            .partition(|(name, _)| name.ends_with("keep") && !name.starts_with("embedded"));
        for (name, number) in ended {
            assert!(eventually(|| having(number).is_empty()), "{end}: {name} is left");
        }
        for (name, number) in surviving {
            let left = having(number);
            for pid in &left {
                kill(*pid, Signal::SIGKILL).expect("a process of this user");
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

/// A unique argument for `sleep`.
fn number(tree: usize, test: u32) -> String {
    format!("1000.{test:07}{tree:03}")
}

/// The number of processes that sleep with this argument.
fn sleeping(number: &str) -> usize {
    let is_sleep = |pid: &Pid| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
    };
    having(number).iter().filter(|pid| is_sleep(pid)).count()
}

/// The processes with `number` in their arguments.
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

/// The subprocess.
struct Application {
    process: Child,
    end: End,
}

impl Application {
    fn start(end: &str, mode: &str) -> Self {
        let this = std::env::current_exe().expect("the test program");
        let mut command = Command::new(this);
        // Any test that calls `application` if `CASE` is set.
        command.args(["--exact", "nothing_outlives_an_application_that_exits", "--nocapture"]);
        command.env(CASE, format!("{end} {mode}")).current_dir(std::env::temp_dir());
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let (_, end) = ENDS.into_iter().find(|(name, _)| *name == end).expect("an end");
        Self { process: process.expect("the test program starts"), end }
    }

    /// Waits until every tree of every runtime has started. Returns numbers by name.
    fn trees(&self, of: impl Fn(Runtime) -> Vec<(String, usize)>) -> BTreeMap<String, String> {
        let mut started = BTreeMap::new();
        for (index, (name, count)) in runtimes().into_iter().flat_map(of).enumerate() {
            let number = number(index, self.process.id());
            let has_started = eventually(|| sleeping(&number) == count);
            assert!(has_started, "{name}: {} programs, expected {count}", sleeping(&number));
            started.insert(name, number);
        }
        started
    }

    /// Ends the application or makes it drop its supervisor, and waits for that.
    fn end(&mut self) {
        if let End::Signal(signal) = self.end {
            let pid = Pid::from_raw(self.process.id().try_into().expect("a pid"));
            kill(pid, signal).expect("the application runs");
        } else {
            let stdin = self.process.stdin.as_mut().expect("a pipe");
            stdin.write_all(b"end\n").expect("the application reads");
        }
        if self.end == End::Drop {
            let stdout = self.process.stdout.as_mut().expect("a pipe");
            let mut lines = BufReader::new(stdout).lines();
            let is_dropped = lines.any(|line| line.is_ok_and(|line| line == DROPPED));
            assert!(is_dropped, "the application has ended");
        } else {
            self.process.wait().expect("the application ends");
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // Fails if the application has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The installed runtimes.
fn runtimes() -> Vec<Runtime> {
    let requires_all = std::env::var_os("JS_RUNTIME_REQUIRE_ALL").is_some_and(|value| value == "1");
    let executor = executor();
    let supervisor = Supervisor::new().expect("a thread");
    let infos = executor.block_on(supervisor.detect_runtimes()).expect("the supervisor runs");
    let is_installed = |runtime: &Runtime| {
        let info = infos.iter().find(|info| info.name == runtime.to_string());
        let is_installed = info.is_some_and(|info| info.available);
        assert!(
            is_installed || !requires_all || *runtime == Runtime::Embedded,
            "not installed: {runtime}"
        );
        if !is_installed {
            eprintln!("skipped, not installed: {runtime}");
        }
        is_installed
    };
    RUNTIMES.into_iter().filter(is_installed).collect()
}

fn executor() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an executor")
}

/// Runs in the subprocess; never returns.
fn application(case: &str) -> ! {
    let (end, mode) = case.split_once(' ').expect("two words");
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
        executor.block_on(supervisor.spawn(&index.to_string(), config)).expect("the script starts");
        index += 1;
    };
    for runtime in runtimes() {
        if mode == "trees" {
            for (_, tree, _) in TREES {
                start(runtime, ["shell", tree], None);
            }
        } else {
            start(runtime, ["detached", "N"], None);
            start(runtime, ["detached", "N"], Some(Detached::End));
        }
    }
    // Waits for the request to end.
    let _ = std::io::stdin().read(&mut [0]);
    match ENDS.into_iter().find(|(name, _)| *name == end).expect("an end").1 {
        // SAFETY: causes a segmentation fault on purpose.
        End::Fault => unsafe { std::ptr::null_mut::<u8>().write_volatile(1) },
        End::Abort => std::process::abort(),
        End::Exit | End::Signal(_) => std::process::exit(0),
        End::Drop => {
            drop(supervisor);
            println!("{DROPPED}");
            // Runs until the test closes the pipe.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        }
    }
    std::process::exit(0)
}
