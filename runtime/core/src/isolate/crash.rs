//! The last resort: what would abort the application parks one thread instead.
//!
//! A failed check in V8, memory that V8 cannot do without, a panic that cannot unwind because C++ is
//! on the stack, a native stack that overflows: each ends in a signal to the thread that failed, by
//! which the system would end the program. On the engine's threads that signal is handled: the
//! failure is told, and the thread waits for ever, holding what it held. All other threads are left to
//! whoever handled such signals before. On Windows there is no last resort.
//!
//! A heap that is full inside one call of a built-in function needs no signal, and so is contained on every
//! system: V8 calls a handler from which it must not return, and the thread is parked there.

#[cfg(test)]
pub(crate) mod own_program;
#[cfg(unix)]
mod owners;
#[cfg(test)]
pub(crate) mod panics;
#[cfg(unix)]
mod signals;
mod words;

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
#[cfg(unix)]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;

use tokio::sync::Notify;

pub(super) use self::words::out_of_memory;
use crate::isolate::limits::control::{Control, SelfEnded};

/// Whether one of a process's threads has failed, and what is known of it.
#[derive(Default)]
pub(crate) struct Crash {
    has_happened: AtomicBool,
    told: Notify,
    /// The last message of the engine. A mutex of std: a signal handler may take and release it, because neither allocates.
    message: Mutex<Option<String>>,
    /// Which the threads of the process have on Linux.
    #[cfg(unix)]
    number: OnceLock<usize>,
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

    /// The same unless something is known already.
    #[cfg(unix)]
    fn note_if_silent(&self, message: &str) {
        if let Ok(mut place) = self.message.try_lock() {
            place.get_or_insert_with(|| message.to_owned());
        }
    }

    /// Called when the thread that has failed will do nothing more.
    pub(super) fn tell(&self) {
        self.has_happened.store(true, Ordering::Release);
        self.told.notify_one();
    }
}

/// Threads that are parked, holding what they held.
static PARKED: AtomicUsize = AtomicUsize::new(0);

/// How many threads of the application are parked.
pub(crate) fn parked() -> usize {
    PARKED.load(Ordering::Acquire)
}

thread_local! {
    /// The process that this thread belongs to; null on threads that are none of the engine's. Of a
    /// kind that a signal handler may read: it needs neither to be made nor to be dropped.
    static HERE: Cell<*const Control> = const { Cell::new(ptr::null()) };

    /// Whether a panic on this thread is the end of its script.
    static IS_SCRIPTS: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, this thread's failures are those of one process. Those of one thread end in the order
/// opposite to that in which they began.
pub(crate) struct Entered {
    control: Arc<Control>,
    /// What the thread belonged to before.
    outer: *const Control,
    /// The address of the thread's isolate, once it has one.
    isolate: Cell<usize>,
}

/// Called on a thread of the engine. Threads that descend from it are the process's too, where that can be known.
pub(crate) fn enter(control: &Arc<Control>) -> Entered {
    #[cfg(unix)]
    owners::number(control);
    let outer = HERE.replace(Arc::as_ptr(control));
    Entered { control: control.clone(), outer, isolate: Cell::default() }
}

impl Entered {
    /// Called when this thread has entered its isolate: V8's own threads say at times for which one they work.
    pub(super) fn has_isolate(&self) {
        #[cfg(unix)]
        self.isolate.set(owners::remember_isolate(&self.control));
    }
}

thread_local! {
    static HELPS: RefCell<Option<Entered>> = const { RefCell::new(None) };
}

/// Called as a thread begins that an isolate's executor has started: it is the process's until it ends.
pub(super) fn begin_to_help(control: &Arc<Control>) {
    HELPS.set(Some(enter(control)));
}

/// Called on the engine's first thread: V8's own threads descend from it.
pub(super) fn enter_as_engine() {
    #[cfg(unix)]
    owners::mark_as_engines();
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

/// Whether this thread works for a process, or descends from one that does, where the system tells.
pub(super) fn is_for_a_process() -> bool {
    #[cfg(unix)]
    let descends = owners::of_this_thread().is_some();
    #[cfg(not(unix))]
    let descends = false;
    !HERE.get().is_null() || descends
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
        debug_assert_eq!(HERE.get(), Arc::as_ptr(&self.control));
        HERE.set(self.outer);
        #[cfg(unix)]
        owners::forget_isolate(self.isolate.get());
    }
}

/// A process for a thread that works for none, such as one that prepares a script for a child: if the thread
/// fails, it fails alone. `None` where there is no last resort.
pub(crate) fn process_of_its_own() -> Option<Arc<Control>> {
    prepare().ok().map(|()| Arc::default())
}

/// Called before any isolate exists, and before anything else that may fail natively. Does its work once.
#[cfg_attr(not(unix), expect(clippy::unnecessary_wraps, reason = "only signals can fail"))]
pub(super) fn prepare() -> std::io::Result<()> {
    static HOOKS: Once = Once::new();
    HOOKS.call_once(words::listen);
    #[cfg(unix)]
    {
        static HANDLES_SIGNALS: Mutex<bool> = Mutex::new(false);
        let mut handles = HANDLES_SIGNALS.lock().unwrap_or_else(PoisonError::into_inner);
        if !*handles {
            signals::listen()?;
            *handles = true;
        }
    }
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

/// Parks this thread for good: the heap of its isolate is full, and V8 cannot go on.
pub(super) fn park_exhausted() -> ! {
    PARKED.fetch_add(1, Ordering::AcqRel);
    // V8 collects garbage on threads of its own too. Then the isolate's thread waits in vain, and is given up.
    if let Some(control) = process_here() {
        control.heap_is_lost();
    }
    loop {
        thread::park();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
