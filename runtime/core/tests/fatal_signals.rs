//! A failure outside of an isolate ends the application as it would without the engine.
//!
//! The application is this program, started again: with the engine and without, which is the yardstick.

#![cfg(all(target_os = "linux", feature = "embedded"))]

use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use js_runtime::{Runtime, SpawnConfig, Supervisor};
use nix::libc::{self, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, c_int};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

const FATAL: [c_int; 6] = [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT];

/// What the application has done about fatal signals before the engine starts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Disposition {
    /// Nothing. Rust handles SIGSEGV and SIGBUS, and leaves all but overflows to the system.
    Rusts,
    Default,
    Ignored,
    /// A handler that ends the application with a code of its own.
    Exits,
    /// A handler that returns.
    Returns,
    /// A handler for one time (`SA_RESETHAND`).
    OneShot,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Failure {
    /// Another process sends the signal; twice where a handler returns.
    Sent(c_int),
    /// The same with `sigqueue`, by the application itself.
    Queued(c_int),
    /// A thread sends the signal to itself.
    Raised(c_int),
    Abort,
    IllegalInstruction,
    Breakpoint,
    NullPointer,
    BeyondTheFile,
    DivisionByZero,
}

use Disposition::{Default, Exits, Ignored, OneShot, Returns, Rusts};
use Failure::{
    Abort, BeyondTheFile, Breakpoint, DivisionByZero, IllegalInstruction, NullPointer, Queued,
    Raised, Sent,
};

/// Faults that the instruction repeats when a handler returns are none for handlers that return.
const CASES: &[(&[Disposition], &[Failure])] = &[
    (&[Rusts], &[Abort, NullPointer, BeyondTheFile, IllegalInstruction]),
    (
        &[Default, Exits, Ignored],
        &[
            Sent(SIGABRT),
            Sent(SIGTRAP),
            Sent(SIGSEGV),
            Queued(SIGABRT),
            Raised(SIGTRAP),
            Abort,
            IllegalInstruction,
            Breakpoint,
            NullPointer,
            BeyondTheFile,
            DivisionByZero,
        ],
    ),
    (&[Returns, OneShot], &[Sent(SIGABRT), Sent(SIGFPE), Raised(SIGTRAP), Abort, Breakpoint]),
];

/// The exit codes of an application that goes on, and of its handler.
const GOES_ON: i32 = 7;
const HANDLED: i32 = 42;

/// Which case the started program is to run.
const CASE: &str = "JS_RUNTIME_TEST_FATAL_SIGNAL";

#[test]
fn a_failure_of_the_application_ends_it_as_without_the_engine() {
    if let Ok(case) = std::env::var(CASE) {
        application(&case);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut differs = Vec::new();
    for (row, column, case) in cases() {
        let run = |engine| run(folder.path(), row, column, engine);
        let (without, with) = (run(false), run(true));
        if case.0 == Default {
            assert!(without.signal().is_some(), "{case:?} ends no program: {without}");
        }
        if without != with {
            differs.push(format!("{case:?}: {without} without the engine, {with} with it"));
        }
    }
    assert!(differs.is_empty(), "{differs:#?}");
}

/// Each with its numbers, by which the started program finds it.
fn cases() -> impl Iterator<Item = (usize, usize, (Disposition, Failure))> {
    let pairs =
        |(dispositions, failures): &'static (&'static [Disposition], &'static [Failure])| {
            dispositions.iter().flat_map(|disposition| failures.iter().map(|f| (*disposition, *f)))
        };
    let tables = CASES.iter().enumerate();
    tables.flat_map(move |(row, table)| {
        pairs(table).enumerate().map(move |(column, case)| (row, column, case))
    })
}

fn run(folder: &Path, row: usize, column: usize, engine: bool) -> ExitStatus {
    let this = std::env::current_exe().expect("a program");
    let name = std::thread::current().name().map(str::to_owned).expect("the test's name");
    let mut command = Command::new(this);
    command.args(["--exact", &name, "--nocapture"]).env(CASE, format!("{row} {column} {engine}"));
    // A core dump is written where the program runs.
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("it starts")
}

/// The application; never returns.
fn application(case: &str) -> ! {
    let words: Vec<_> = case.split(' ').collect();
    let [row, column, engine] = words[..] else { panic!("three words") };
    let place = (row.parse(), column.parse());
    let found = cases().find(|(row, column, _)| place == (Ok(*row), Ok(*column)));
    let (.., (disposition, failure)) = found.expect("a case");
    // Dumps are truncated, and reported all the same.
    let (_, most) = getrlimit(Resource::RLIMIT_CORE).expect("a limit");
    setrlimit(Resource::RLIMIT_CORE, most.min(1 << 20), most).expect("less than the most");

    set(disposition);
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let executor = executor.expect("an executor");
    let supervisor = Supervisor::new().expect("a thread");
    if engine == "true" {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/echo-lines.mjs");
        let config = SpawnConfig::script(Runtime::Embedded, script);
        executor.block_on(supervisor.spawn("echo", config)).expect("it starts");
    }
    std::thread::spawn(move || fail(failure, disposition)).join().expect("it returns");
    // SAFETY: ends the program without a word.
    unsafe { libc::_exit(GOES_ON) }
}

static HANDLED_TIMES: AtomicUsize = AtomicUsize::new(0);

extern "C" fn exits(_: c_int) {
    // SAFETY: allowed in a handler.
    unsafe { libc::_exit(HANDLED) }
}

extern "C" fn returns(_: c_int) {
    HANDLED_TIMES.fetch_add(1, Ordering::SeqCst);
}

fn set(disposition: Disposition) {
    let (handler, flags) = match disposition {
        Rusts => return,
        Default => (SigHandler::SigDfl, SaFlags::empty()),
        Ignored => (SigHandler::SigIgn, SaFlags::empty()),
        Exits => (SigHandler::Handler(exits), SaFlags::empty()),
        Returns => (SigHandler::Handler(returns), SaFlags::empty()),
        OneShot => (SigHandler::Handler(returns), SaFlags::SA_RESETHAND),
    };
    let action = SigAction::new(handler, flags, SigSet::empty());
    for number in FATAL {
        let signal = Signal::try_from(number).expect("a signal");
        // SAFETY: the handlers do nothing that a handler may not.
        unsafe { sigaction(signal, &action) }.expect("it can be handled");
    }
}

fn fail(failure: Failure, disposition: Disposition) {
    // SAFETY: each call fails in the way that is wanted, or sends a signal.
    unsafe {
        match failure {
            Sent(signal) => {
                let times = if matches!(disposition, Returns | OneShot) { 2 } else { 1 };
                for time in 1..=times {
                    send(signal);
                    await_signal(disposition, time);
                }
            }
            Queued(signal) => {
                let value = libc::sigval { sival_ptr: std::ptr::null_mut() };
                assert_eq!(libc::sigqueue(libc::getpid(), signal, value), 0);
                await_signal(disposition, 1);
            }
            Raised(signal) => {
                libc::raise(signal);
                libc::raise(signal);
            }
            Abort => libc::abort(),
            NullPointer => std::ptr::null_mut::<u8>().write_volatile(1),
            BeyondTheFile => {
                let file = tempfile::tempfile().expect("a file");
                let (read, shared) = (libc::PROT_READ, libc::MAP_SHARED);
                let page =
                    libc::mmap(std::ptr::null_mut(), 4096, read, shared, file.as_raw_fd(), 0);
                page.cast::<u8>().read_volatile();
            }
            #[cfg(target_arch = "x86_64")]
            IllegalInstruction => std::arch::asm!("ud2"),
            #[cfg(target_arch = "x86_64")]
            Breakpoint => std::arch::asm!("int3"),
            #[cfg(target_arch = "x86_64")]
            DivisionByZero => {
                std::arch::asm!("div {0:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _);
            }
            #[cfg(not(target_arch = "x86_64"))]
            IllegalInstruction => _ = libc::raise(SIGILL),
            #[cfg(not(target_arch = "x86_64"))]
            Breakpoint => _ = libc::raise(SIGTRAP),
            #[cfg(not(target_arch = "x86_64"))]
            DivisionByZero => _ = libc::raise(SIGFPE),
        }
    }
}

/// From another process: the shell's `kill`.
fn send(signal: c_int) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} $PPID")]).status();
    assert!(sent.expect("every Unix has a shell").success());
}

/// Until the signal has done what it does; for a long time if that should be the end.
fn await_signal(disposition: Disposition, times: usize) {
    let give_up = Instant::now()
        + match disposition {
            // Nothing comes of it.
            Ignored => Duration::from_millis(50),
            _ => Duration::from_secs(20),
        };
    while HANDLED_TIMES.load(Ordering::SeqCst) < times && Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(1));
    }
}
