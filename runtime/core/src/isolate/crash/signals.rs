//! The signals by which the system ends a program that has failed, on the engine's threads.
//!
//! An overflowing stack is reported on an alternate stack, which Rust gives to every thread that it starts.

use std::ffi::c_void;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use nix::libc::{
    self, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, c_int, sigaction, siginfo_t,
};

use super::owners::{self, Owner};
use super::{Control, HERE, PARKED};

/// What a program dies of by its own doing.
const FATAL: [c_int; 6] = [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT];

/// The codes of signals that `kill` and `sigqueue` send. The crate `libc` lacks them for Apple's systems.
#[cfg(target_vendor = "apple")]
const SENT_BY_PROCESS: [c_int; 2] = [0x10001, 0x10002];
#[cfg(not(target_vendor = "apple"))]
const SENT_BY_PROCESS: [c_int; 2] = [libc::SI_USER, libc::SI_QUEUE];

/// What is known of a failure on a thread that does not say what it did.
const OTHERS_THREAD: &str = "a thread that the engine uses for the script failed natively";

/// The pipe that handlers report to.
static REPORTS: AtomicI32 = AtomicI32::new(-1);

/// The disposition of each signal before the handler was installed. Null stands for the default.
static EARLIER: [AtomicPtr<sigaction>; FATAL.len()] =
    [const { AtomicPtr::new(ptr::null_mut()) }; FATAL.len()];

/// Called until it succeeds.
pub(super) fn listen() -> io::Result<()> {
    let (reader, writer) = io::pipe()?;
    let listener = std::thread::Builder::new().name("js-crashes".to_owned());
    listener.spawn(move || pass_on(reader))?;
    REPORTS.store(writer.as_raw_fd(), Ordering::Release);
    // For the life of the application, like the handlers.
    std::mem::forget(writer);

    // SAFETY: zeros are a valid action: the default one, with an empty mask.
    let mut action: sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_fatal as extern "C" fn(_, _, _) as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    for (number, earlier) in FATAL.into_iter().zip(&EARLIER) {
        // Known before the handler is: a signal may come between the two calls. Another thread may
        // change the action between them, so what was replaced is stored again.
        for new in [ptr::null(), &raw const action] {
            let replaced = exchange(number, new)?;
            if replaced.sa_sigaction == action.sa_sigaction {
                // Installed by a call that failed after this signal.
                continue;
            }
            // For the life of the application: a handler may read it at any time.
            earlier.store(Box::into_raw(Box::new(replaced)), Ordering::Release);
        }
    }
    Ok(())
}

/// Sets the action, unless that is null; returns the one before.
fn exchange(number: c_int, new: *const sigaction) -> io::Result<sigaction> {
    // SAFETY: zeros are a valid action.
    let mut before: sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: both point to actions, or `new` is null, which is allowed. The handler of `new` does nothing
    // that a handler may not.
    match unsafe { sigaction(number, new, &raw mut before) } {
        0 => Ok(before),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What a handler reports, in two words.
#[derive(Clone, Copy)]
enum Report {
    /// The thread held this.
    Held(*const Control),
    Unheld(Owner),
}

const WORD: usize = size_of::<usize>();

impl Report {
    fn to_bytes(self) -> [u8; 2 * WORD] {
        let (kind, what) = match self {
            Self::Held(control) => (0, control.addr()),
            Self::Unheld(Owner::Number(number)) => (1, number),
            Self::Unheld(Owner::Isolate(address)) => (2_usize, address),
        };
        let mut bytes = [0; 2 * WORD];
        bytes[..WORD].copy_from_slice(&kind.to_ne_bytes());
        bytes[WORD..].copy_from_slice(&what.to_ne_bytes());
        bytes
    }

    fn of_bytes(bytes: [u8; 2 * WORD]) -> Self {
        let word = |at: usize| {
            let mut word = [0; WORD];
            word.copy_from_slice(&bytes[at * WORD..][..WORD]);
            usize::from_ne_bytes(word)
        };
        match (word(0), word(1)) {
            (0, address) => Self::Held(address as *const Control),
            (1, number) => Self::Unheld(Owner::Number(number)),
            (_, address) => Self::Unheld(Owner::Isolate(address)),
        }
    }
}

/// Wakes the keepers. A handler cannot: that takes a lock.
fn pass_on(mut reports: PipeReader) {
    // Started by the engine's thread, and no process's.
    owners::unmark();
    let mut bytes = [0; 2 * WORD];
    while reports.read_exact(&mut bytes).is_ok() {
        match Report::of_bytes(bytes) {
            // SAFETY: the thread that reported this holds the control, and never lets go of it.
            Report::Held(control) => unsafe { &*control }.crash.tell(),
            Report::Unheld(owner) => {
                for process in owners::processes_of(owner) {
                    process.crash.note_if_silent(OTHERS_THREAD);
                    process.crash.tell();
                }
            }
        }
    }
}

extern "C" fn on_fatal(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let held = HERE.get();
    // SAFETY: the system hands over a description of the signal.
    let code = unsafe { (*info).si_code };
    let report = if SENT_BY_PROCESS.contains(&code) {
        None
    } else if held.is_null() {
        owners::of_this_thread().map(Report::Unheld)
    } else {
        Some(Report::Held(held))
    };
    let Some(report) = report else { return leave_to_others(number, info, context) };
    PARKED.fetch_add(1, Ordering::AcqRel);
    let report = report.to_bytes();
    // SAFETY: a handler may block signals, write to a descriptor, and wait. The pipe has room: a thread
    // reports once. `all` is filled before it is read.
    unsafe {
        // A parked thread must run no other handler.
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
fn leave_to_others(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let Some(slot) = FATAL.iter().position(|fatal| *fatal == number) else { return };
    // SAFETY: null, or made by `listen` and never freed.
    let Some(earlier) = (unsafe { EARLIER[slot].load(Ordering::Acquire).as_ref() }) else {
        return end(number, info);
    };
    match earlier.sa_sigaction {
        // SAFETY: the system hands over a description of the signal.
        libc::SIG_IGN if unsafe { is_sent((*info).si_code) } => return,
        // The system does not let a program ignore its own failure.
        libc::SIG_DFL | libc::SIG_IGN => return end(number, info),
        _ => {}
    }
    if earlier.sa_flags & libc::SA_RESETHAND != 0 {
        EARLIER[slot].store(ptr::null_mut(), Ordering::Release);
    }
    // SAFETY: the flags say which of the two kinds the handler is. Its mask is restored when this returns.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const earlier.sa_mask, ptr::null_mut());
        if earlier.sa_flags & libc::SA_SIGINFO != 0 {
            type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
            std::mem::transmute::<usize, Handler>(earlier.sa_sigaction)(number, info, context);
        } else {
            std::mem::transmute::<usize, extern "C" fn(c_int)>(earlier.sa_sigaction)(number);
        }
    }
}

/// Whether a process or a thread sent the signal; else the system did, for what the thread has done.
fn is_sent(code: c_int) -> bool {
    code <= 0 || SENT_BY_PROCESS.contains(&code)
}

/// Ends the program by this signal when the handler returns, with a core dump where one is due.
///
/// To return without sending it again would do only for a fault that the same instruction repeats: a sent
/// signal and `int3` would be lost.
fn end(number: c_int, info: *mut siginfo_t) {
    // SAFETY: both calls are allowed in a handler; zeros are the default action. The signal is blocked until
    // the handler returns.
    unsafe {
        let default: sigaction = std::mem::zeroed();
        libc::sigaction(number, &raw const default, ptr::null_mut());
        if !send_again(number, info) {
            libc::raise(number);
        }
    }
}

/// Sends the signal to this thread with the same description, which the core dump keeps.
#[cfg(target_os = "linux")]
unsafe fn send_again(number: c_int, info: *mut siginfo_t) -> bool {
    // SAFETY: a plain system call; the caller's `info` describes the signal.
    unsafe {
        let (process, thread) = (libc::getpid(), libc::gettid());
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, number, info) == 0
    }
}

#[cfg(not(target_os = "linux"))]
unsafe fn send_again(_: c_int, _: *mut siginfo_t) -> bool {
    false
}
