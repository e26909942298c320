//! The signals by which the system ends a program that has failed, on the engine's threads.
//!
//! An overflowing stack is told of on another one, which Rust gives to every thread that it starts.

use std::ffi::c_void;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::libc::{self, c_int, siginfo_t};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use super::{Control, HERE, PARKED};

/// What a program dies of by its own doing.
const FATAL: [Signal; 6] = [
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGILL,
    Signal::SIGTRAP,
    Signal::SIGFPE,
    Signal::SIGABRT,
];

/// The pipe that handlers report to.
static REPORTS: AtomicI32 = AtomicI32::new(-1);

/// What was done about each signal before.
static EARLIER: OnceLock<Vec<(Signal, SigAction)>> = OnceLock::new();

/// Called once.
pub(super) fn listen() -> io::Result<()> {
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    let listener = std::thread::Builder::new().name("js-crashes".to_owned());
    listener.spawn(move || pass_on(reader))?;
    REPORTS.store(writer.as_raw_fd(), Ordering::Release);
    // For the life of the application, like the handlers.
    std::mem::forget(writer);

    let flags = SaFlags::SA_SIGINFO | SaFlags::SA_ONSTACK;
    // All others are blocked meanwhile: a parked thread is to hear of nothing.
    let action = SigAction::new(SigHandler::SigAction(on_fatal), flags, SigSet::all());
    let mut earlier = Vec::new();
    for signal in FATAL {
        // SAFETY: the handler does nothing that a handler may not.
        earlier.push((signal, unsafe { sigaction(signal, &action)? }));
    }
    // Set once, by the one call.
    let _ = EARLIER.set(earlier);
    Ok(())
}

/// Tells the keepers. A handler cannot: waking somebody takes a lock.
fn pass_on(reader: OwnedFd) {
    let mut reports = File::from(reader);
    let mut address = [0; size_of::<usize>()];
    while reports.read_exact(&mut address).is_ok() {
        let control = usize::from_ne_bytes(address) as *const Control;
        // SAFETY: the thread that reported this holds the control, and never lets go of it.
        unsafe { &*control }.crash.tell();
    }
}

extern "C" fn on_fatal(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let control = HERE.get();
    // SAFETY: the system hands over a description of the signal.
    let is_from_outside = unsafe { (*info).si_code } == libc::SI_USER;
    if control.is_null() || is_from_outside {
        return leave_to_others(number, info, context);
    }
    PARKED.fetch_add(1, Ordering::AcqRel);
    let address = (control as usize).to_ne_bytes();
    // SAFETY: a handler may write to a descriptor, and wait. The pipe has room: a thread reports once.
    unsafe {
        libc::write(REPORTS.load(Ordering::Acquire), address.as_ptr().cast(), address.len());
        loop {
            libc::pause();
        }
    }
}

/// Does what would have happened without us.
fn leave_to_others(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let earlier = EARLIER.get().into_iter().flatten();
    let earlier = earlier.into_iter().find(|(signal, _)| *signal as c_int == number);
    match earlier.map(|(signal, action)| (signal, action, action.handler())) {
        Some((_, _, SigHandler::SigAction(handler))) => handler(number, info, context),
        Some((_, _, SigHandler::Handler(handler))) => handler(number),
        Some((signal, action, _)) => {
            // What has failed fails again when this returns, and then ends the program.
            // SAFETY: the action is the one that was there before.
            let _ = unsafe { sigaction(*signal, action) };
        }
        // SAFETY: allowed in a handler.
        None => unsafe { libc::_exit(128 + number) },
    }
}
