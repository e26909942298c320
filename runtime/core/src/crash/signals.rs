//! Handlers of fatal signals on the engine's threads.
//!
//! Stack overflows are handled on the alternate signal stack that Rust gives to every thread it starts.

use std::ffi::c_void;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use nix::libc::{
    self, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, c_int, sigaction, siginfo_t,
};

use super::owners::{self, Owner};
use super::{CURRENT, Crash, PARKED};

/// The signals that a fault of the program itself raises.
const FATAL: [c_int; 6] = [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT];

/// The `si_code` of signals from `kill` and `sigqueue`. The crate `libc` does not define them for Apple systems.
#[cfg(target_vendor = "apple")]
const SENT_BY_PROCESS: [c_int; 2] = [0x10001, 0x10002];
#[cfg(not(target_vendor = "apple"))]
const SENT_BY_PROCESS: [c_int; 2] = [libc::SI_USER, libc::SI_QUEUE];

/// The message for a failed thread that has not entered a process.
const UNENTERED_THREAD: &str = "a thread that the engine uses for the script failed natively";

/// The descriptor of the pipe that the handler writes reports to.
static REPORTS: AtomicI32 = AtomicI32::new(-1);

/// The previous action for each signal; null for the default action.
static PREVIOUS: [AtomicPtr<sigaction>; FATAL.len()] =
    [const { AtomicPtr::new(ptr::null_mut()) }; FATAL.len()];

/// Installs the handlers. May be called again after an error.
pub(super) fn install() -> io::Result<()> {
    let (reader, writer) = io::pipe()?;
    let forwarder = std::thread::Builder::new().name("js-crashes".to_owned());
    forwarder.spawn(move || forward_reports(reader))?;
    REPORTS.store(writer.as_raw_fd(), Ordering::Release);
    // Stays open: the handlers are never removed.
    std::mem::forget(writer);

    // SAFETY: an all-zero `sigaction` is valid: the default action with an empty mask.
    let mut action: sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_fatal as extern "C" fn(_, _, _) as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    for (number, previous) in FATAL.into_iter().zip(&PREVIOUS) {
        // The first pass stores the previous action before the handler is installed, because a signal may arrive at
        // once. Another thread may change the action between the passes, so the second pass stores it again.
        for new in [ptr::null(), &raw const action] {
            let replaced = exchange(number, new)?;
            if replaced.sa_sigaction == action.sa_sigaction {
                // An earlier call has installed this handler and failed at a later signal.
                continue;
            }
            // Never freed: a handler may read it at any time.
            previous.store(Box::into_raw(Box::new(replaced)), Ordering::Release);
        }
    }
    Ok(())
}

/// Sets the action unless `new` is null. Returns the previous action.
fn exchange(number: c_int, new: *const sigaction) -> io::Result<sigaction> {
    // SAFETY: an all-zero `sigaction` is valid.
    let mut previous: sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: `previous` is writable; `new` is null or points to an action. Its handler `on_fatal` only makes
    // async-signal-safe calls.
    match unsafe { sigaction(number, new, &raw mut previous) } {
        0 => Ok(previous),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The report of a handler, two words long.
#[derive(Clone, Copy)]
enum Report {
    /// The thread has entered this process.
    Entered(*const Crash),
    Unentered(Owner),
}

const WORD: usize = size_of::<usize>();

impl Report {
    fn to_bytes(self) -> [u8; 2 * WORD] {
        let (kind, value) = match self {
            Self::Entered(crash) => (0, crash.addr()),
            Self::Unentered(Owner::Number(number)) => (1, number),
            Self::Unentered(Owner::Isolate(address)) => (2_usize, address),
        };
        let mut bytes = [0; 2 * WORD];
        bytes[..WORD].copy_from_slice(&kind.to_ne_bytes());
        bytes[WORD..].copy_from_slice(&value.to_ne_bytes());
        bytes
    }

    fn of_bytes(bytes: [u8; 2 * WORD]) -> Self {
        let word = |at: usize| {
            let mut word = [0; WORD];
            word.copy_from_slice(&bytes[at * WORD..][..WORD]);
            usize::from_ne_bytes(word)
        };
        match (word(0), word(1)) {
            (0, address) => Self::Entered(address as *const Crash),
            (1, number) => Self::Unentered(Owner::Number(number)),
            (_, address) => Self::Unentered(Owner::Isolate(address)),
        }
    }
}

/// Forwards reports to the monitors. The handler itself cannot: waking a task takes a lock.
fn forward_reports(mut reports: PipeReader) {
    // This thread outlives every process, but may have been started by a thread of one.
    owners::unmark();
    let mut bytes = [0; 2 * WORD];
    while reports.read_exact(&mut bytes).is_ok() {
        match Report::of_bytes(bytes) {
            // SAFETY: the guard of the reporting thread owns the `Crash`. That thread is parked, so the guard is never
            // dropped.
            Report::Entered(crash) => unsafe { &*crash }.notify(),
            Report::Unentered(owner) => {
                for crash in owners::processes_of(owner) {
                    crash.record_if_empty(UNENTERED_THREAD);
                    crash.notify();
                }
            }
        }
    }
}

extern "C" fn on_fatal(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let current = CURRENT.get();
    // SAFETY: with `SA_SIGINFO` the system passes a valid `siginfo_t`.
    let code = unsafe { (*info).si_code };
    let report = if SENT_BY_PROCESS.contains(&code) {
        None
    } else if current.is_null() {
        owners::of_this_thread().map(Report::Unentered)
    } else {
        Some(Report::Entered(current))
    };
    let Some(report) = report else { return call_previous(number, info, context) };
    PARKED.fetch_add(1, Ordering::AcqRel);
    let report = report.to_bytes();
    // SAFETY: `sigfillset`, `pthread_sigmask`, `write` and `pause` are async-signal-safe. `sigfillset` initializes `all`.
    // `report` is valid for `report.len()` bytes. The write does not block: each thread reports at most once.
    unsafe {
        // A parked thread must not run other handlers.
        let mut all = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut());
        libc::write(REPORTS.load(Ordering::Acquire), report.as_ptr().cast(), report.len());
        loop {
            libc::pause();
        }
    }
}

/// Does what would have happened without this handler.
fn call_previous(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let Some(slot) = FATAL.iter().position(|fatal| *fatal == number) else { return };
    // SAFETY: null, or a leaked box from `install`.
    let Some(previous) = (unsafe { PREVIOUS[slot].load(Ordering::Acquire).as_ref() }) else {
        return end(number, info);
    };
    match previous.sa_sigaction {
        // SAFETY: the caller passes the `siginfo_t` of its signal.
        libc::SIG_IGN if unsafe { is_sent((*info).si_code) } => return,
        // The system does not let a program ignore a fault of its own.
        libc::SIG_DFL | libc::SIG_IGN => return end(number, info),
        _ => {}
    }
    if previous.sa_flags & libc::SA_RESETHAND != 0 {
        PREVIOUS[slot].store(ptr::null_mut(), Ordering::Release);
    }
    // SAFETY: `sa_sigaction` is neither `SIG_DFL` nor `SIG_IGN`, so it is a handler; `SA_SIGINFO` determines its
    // signature. The system restores the signal mask when the outer handler returns.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const previous.sa_mask, ptr::null_mut());
        if previous.sa_flags & libc::SA_SIGINFO != 0 {
            type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
            std::mem::transmute::<usize, Handler>(previous.sa_sigaction)(number, info, context);
        } else {
            std::mem::transmute::<usize, extern "C" fn(c_int)>(previous.sa_sigaction)(number);
        }
    }
}

/// Whether a process or a thread sent the signal. Otherwise the system raised it for a fault of this thread.
fn is_sent(code: c_int) -> bool {
    code <= 0 || SENT_BY_PROCESS.contains(&code)
}

/// Ends the program by this signal when the handler returns, with a core dump if they are enabled.
///
/// Sends the signal again. Without that, only a fault that its instruction repeats would end the program: a sent signal
/// and `int3` would be lost.
fn end(number: c_int, info: *mut siginfo_t) {
    // SAFETY: `sigaction` and `raise` are async-signal-safe, and an all-zero `sigaction` is the default action. `info` is
    // the `siginfo_t` of this signal. The signal stays blocked until the handler returns.
    unsafe {
        let default: sigaction = std::mem::zeroed();
        libc::sigaction(number, &raw const default, ptr::null_mut());
        if !send_again(number, info) {
            libc::raise(number);
        }
    }
}

/// Sends the signal to this thread with the same `siginfo_t`, which the core dump contains. `info` must be valid.
#[cfg(target_os = "linux")]
unsafe fn send_again(number: c_int, info: *mut siginfo_t) -> bool {
    // SAFETY: the calls are async-signal-safe, and the caller passes a valid `info`.
    unsafe {
        let (process, thread) = (libc::getpid(), libc::gettid());
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, number, info) == 0
    }
}

#[cfg(not(target_os = "linux"))]
unsafe fn send_again(_: c_int, _: *mut siginfo_t) -> bool {
    false
}
