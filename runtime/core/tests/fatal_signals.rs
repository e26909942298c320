//! Tests that a failure outside of isolates ends the application exactly as it would without the engine.
//!
//! The application is this test program in a subprocess, once with and once without the engine.

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

/// The application's actions for fatal signals before the engine starts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Disposition {
    /// Rust's: handlers of SIGSEGV and SIGBUS that report stack overflows and leave all else to the system.
    RustRuntime,
    Default,
    Ignored,
    /// A handler that exits with [`HANDLED`].
    Exits,
    /// A handler that returns.
    Returns,
    /// A handler for one signal (`SA_RESETHAND`).
    OneShot,
}

#[derive(Debug, Clone, Copy)]
enum Failure {
    /// Another process sends the signal; twice if the handler returns.
    Sent(c_int),
    /// The application sends the signal with `sigqueue`.
    Queued(c_int),
    /// A thread sends the signal to itself.
    Raised(c_int),
    Abort,
    IllegalInstruction,
    Breakpoint,
    NullPointer,
    /// Reads a mapped page behind the end of the file.
    BeyondTheFile,
    DivisionByZero,
}

use Disposition::{Default, Exits, Ignored, OneShot, Returns, RustRuntime};
use Failure::{
    Abort, BeyondTheFile, Breakpoint, DivisionByZero, IllegalInstruction, NullPointer, Queued,
    Raised, Sent,
};

/// Handlers that return are not combined with faults that their instruction repeats.
const CASES: &[(&[Disposition], &[Failure])] = &[
    (&[RustRuntime], &[Abort, NullPointer, BeyondTheFile, IllegalInstruction]),
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

/// The exit code of an application that survives the failure.
const SURVIVED: i32 = 7;

/// The exit code of the handler [`Exits`].
const HANDLED: i32 = 42;

/// Set in the subprocess: row, column, and whether to start the engine.
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
            assert!(without.signal().is_some(), "{case:?} does not end a program: {without}");
        }
        if without != with {
            differs.push(format!("{case:?}: {without} without the engine, {with} with it"));
        }
    }
    assert!(differs.is_empty(), "{differs:#?}");
}

/// Each case with its row and column.
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
    let this = std::env::current_exe().expect("the test program");
    let name = std::thread::current().name().map(str::to_owned).expect("the test's name");
    let mut command = Command::new(this);
    command.args(["--exact", &name, "--nocapture"]).env(CASE, format!("{row} {column} {engine}"));
    // Core dumps are written to the working directory.
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("the test program starts")
}

/// The application; never returns.
fn application(case: &str) -> ! {
    let words: Vec<_> = case.split(' ').collect();
    let [row, column, engine] = words[..] else { panic!("three words") };
    let position = (row.parse(), column.parse());
    let found = cases().find(|(row, column, _)| position == (Ok(*row), Ok(*column)));
    let (.., (disposition, failure)) = found.expect("a case");
    // A truncated core dump is reported like a whole one.
    let (_, max) = getrlimit(Resource::RLIMIT_CORE).expect("a limit");
    setrlimit(Resource::RLIMIT_CORE, max.min(1 << 20), max).expect("at most the hard limit");

    set(disposition);
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let executor = executor.expect("an executor");
    let supervisor = Supervisor::new().expect("a thread");
    if engine == "true" {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/echo-lines.mjs");
        let config = SpawnConfig::script(Runtime::Embedded, script);
        executor.block_on(supervisor.spawn("echo", config)).expect("the script starts");
    }
    std::thread::spawn(move || fail(failure, disposition)).join().expect("no panic");
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(SURVIVED) }
}

static HANDLED_TIMES: AtomicUsize = AtomicUsize::new(0);

extern "C" fn exits(_: c_int) {
    // SAFETY: `_exit` is async-signal-safe.
    unsafe { libc::_exit(HANDLED) }
}

extern "C" fn returns(_: c_int) {
    HANDLED_TIMES.fetch_add(1, Ordering::SeqCst);
}

fn set(disposition: Disposition) {
    let (handler, flags) = match disposition {
        RustRuntime => return,
        Default => (SigHandler::SigDfl, SaFlags::empty()),
        Ignored => (SigHandler::SigIgn, SaFlags::empty()),
        Exits => (SigHandler::Handler(exits), SaFlags::empty()),
        Returns => (SigHandler::Handler(returns), SaFlags::empty()),
        OneShot => (SigHandler::Handler(returns), SaFlags::SA_RESETHAND),
    };
    let action = SigAction::new(handler, flags, SigSet::empty());
    for number in FATAL {
        let signal = Signal::try_from(number).expect("a signal");
        // SAFETY: the handlers only call `_exit` or add to an atomic, which is async-signal-safe.
        unsafe { sigaction(signal, &action) }.expect("the signal can be handled");
    }
}

fn fail(failure: Failure, disposition: Disposition) {
    // SAFETY: the calls send signals, or cause the fault under test on purpose; `mmap` gets a valid descriptor.
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

/// Sends a signal from another process.
fn send(signal: c_int) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} $PPID")]).status();
    assert!(sent.expect("every Unix has a shell").success());
}

/// Waits until the handler has run `times` times, or until the signal should have ended the program.
fn await_signal(disposition: Disposition, times: usize) {
    let give_up = Instant::now()
        + match disposition {
            // An ignored signal has no effect to wait for.
            Ignored => Duration::from_millis(50),
            _ => Duration::from_secs(20),
        };
    while HANDLED_TIMES.load(Ordering::SeqCst) < times && Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(1));
    }
}
