//! The last resort: what would abort the application parks one thread instead.
//!
//! A failed check in V8, memory that V8 cannot do without, a panic that cannot unwind because C++ is
//! on the stack, a native stack that overflows: each ends in a signal to the thread that failed, by
//! which the system would end the program. On the engine's threads that signal is handled: the
//! failure is told, and the thread waits for ever, holding what it held. All other threads are left to
//! whoever handled such signals before. On Windows there is no last resort.

#[cfg(unix)]
mod signals;
mod words;

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::Notify;

pub(super) use self::words::out_of_memory;
use super::control::{Control, SelfEnded};

/// Whether one of a process's threads has failed, and what is known of it.
#[derive(Default)]
pub(crate) struct Crash {
    has_happened: AtomicBool,
    told: Notify,
    /// What the engine said last.
    message: Mutex<Option<String>>,
}

impl Crash {
    /// Resolves when a thread of the process has failed.
    pub(super) async fn happened(&self) {
        while !self.has_happened() {
            self.told.notified().await;
        }
    }

    pub(crate) fn has_happened(&self) -> bool {
        self.has_happened.load(Ordering::Acquire)
    }

    pub(super) fn message(&self) -> String {
        let message = self.message.lock().unwrap_or_else(PoisonError::into_inner).clone();
        message.unwrap_or_else(|| "the engine failed natively, as by a stack overflow".to_owned())
    }

    fn note(&self, message: String) {
        // Never waits: the thread that is about to fail may hold the lock itself.
        if let Ok(mut place) = self.message.try_lock() {
            *place = Some(message);
        }
    }

    #[cfg(unix)]
    fn tell(&self) {
        self.has_happened.store(true, Ordering::Release);
        self.told.notify_one();
    }
}

/// Whether any thread waits for ever, holding what it held.
static HAS_PARKED: AtomicBool = AtomicBool::new(false);

pub(super) fn has_parked() -> bool {
    HAS_PARKED.load(Ordering::Acquire)
}

thread_local! {
    /// The process that this thread belongs to; null on threads that are none of the engine's. Of a
    /// kind that a signal handler may read: it needs neither to be made nor to be dropped.
    static HERE: Cell<*const Control> = const { Cell::new(ptr::null()) };

    /// Whether a panic on this thread is the end of its script.
    static IS_SCRIPTS: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, this thread's failures are those of one process.
pub(crate) struct Entered(Arc<Control>);

/// Called on a thread of the engine.
pub(crate) fn enter(control: &Arc<Control>) -> Entered {
    HERE.set(Arc::as_ptr(control));
    Entered(control.clone())
}

/// The same on the thread of a process's own script. A panic ends that, also one that the engine catches:
/// whoever waits for an op that has panicked waits for ever.
pub(super) fn enter_as_script(control: &Arc<Control>) -> Entered {
    IS_SCRIPTS.set(true);
    enter(control)
}

/// Runs what may panic, which is then the caller's affair.
pub(crate) fn contained<T>(work: impl FnOnce() -> T) -> thread::Result<T> {
    let was = IS_SCRIPTS.replace(false);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    IS_SCRIPTS.set(was);
    done
}

/// The process that this thread belongs to, for the threads that help it.
pub(crate) fn process_here() -> Option<Arc<Control>> {
    let here = HERE.get();
    if here.is_null() {
        return None;
    }
    // SAFETY: made by `Arc::as_ptr`, and held by a guard as long as it is there.
    unsafe {
        Arc::increment_strong_count(here);
        Some(Arc::from_raw(here))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        debug_assert_eq!(HERE.get(), Arc::as_ptr(&self.0));
        HERE.set(ptr::null());
    }
}

/// Called once, before any isolate exists.
pub(super) fn prepare() -> std::io::Result<()> {
    words::listen();
    #[cfg(unix)]
    signals::listen()?;
    Ok(())
}

/// Called for each panic, with what it says if that is to be kept.
fn panicked(text: Option<&str>) {
    if let Some(text) = text {
        note(|| format!("the engine panicked: {text}"));
    }
    if let (true, Some(control)) = (IS_SCRIPTS.get(), process_here()) {
        control.end_of_script(SelfEnded::Panicked);
    }
}

/// Keeps what the engine says when it is about to fail, for the process that this thread belongs to.
fn note(message: impl FnOnce() -> String) {
    // SAFETY: not null only while a guard holds the control.
    if let Some(control) = unsafe { HERE.get().as_ref() } {
        control.crash.note(message());
    }
}
