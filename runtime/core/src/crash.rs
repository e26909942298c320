//! The last resort for native failures: parks the failed thread instead of aborting the application.
//!
//! A failed check in V8, an allocation that V8 cannot do without, a panic that cannot unwind through C++, a native stack
//! overflow: each raises a fatal signal on the failed thread. On the engine's threads a handler reports the failure to
//! the process's monitor and parks the thread, with everything that it holds. Signals on other threads go to the handlers
//! that were installed before. Windows has no such handler.
//!
//! A heap that is exhausted inside one call of a built-in function raises no signal and is contained on every system: V8
//! calls a handler that must not return, and that handler parks the thread.

#[cfg(unix)]
mod owners;
#[cfg(test)]
pub(crate) mod panics;
#[cfg(unix)]
mod signals;
#[cfg(test)]
pub(crate) mod subprocess_test;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char};
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
#[cfg(unix)]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::thread;

use deno_runtime::deno_core::v8;
use tokio::sync::Notify;

/// A process whose threads can fail.
pub(crate) trait Process: Any + Send + Sync {
    /// Called after a panic on the thread of the process's script.
    fn on_panic(&self);

    /// Called on a thread that is about to be parked because its heap is exhausted. Must not take a lock that the thread
    /// may hold.
    fn on_heap_exhausted(&self);
}

/// The native failure of a process, if one has happened.
#[derive(Default)]
pub(crate) struct Crash {
    process: Option<Weak<dyn Process>>,
    has_happened: AtomicBool,
    notified: Notify,
    /// The last message of the engine. A `std` mutex, because a signal handler may lock and unlock it without
    /// allocating.
    message: Mutex<Option<String>>,
    /// Identifies the process's threads on Linux, see [`owners`].
    #[cfg(unix)]
    number: OnceLock<usize>,
}

impl Crash {
    pub(super) fn of(process: Weak<dyn Process>) -> Arc<Self> {
        Arc::new(Self { process: Some(process), ..Self::default() })
    }

    /// The process; `None` for [`Crash::without_process`].
    pub(super) fn process(&self) -> Option<Arc<dyn Process>> {
        self.process.as_ref()?.upgrade()
    }

    /// For a helper thread without a process: the threads that prepare TypeScript for children. A failure stays in
    /// the thread. `None` if the handlers cannot be installed.
    pub(crate) fn without_process() -> Option<Arc<Self>> {
        install_handlers().ok().map(|()| Arc::default())
    }

    /// Resolves when a thread of the process has failed.
    pub(super) async fn happened(&self) {
        while !self.has_happened() {
            self.notified.notified().await;
        }
    }

    pub(crate) fn has_happened(&self) -> bool {
        self.has_happened.load(Ordering::Acquire)
    }

    pub(super) fn message(&self) -> String {
        let message = self.message.lock().unwrap_or_else(PoisonError::into_inner).clone();
        message.unwrap_or_else(|| "the engine failed natively, as by a stack overflow".to_owned())
    }

    fn record(&self, message: String) {
        // `try_lock`: the failing thread may hold the lock itself.
        if let Ok(mut recorded) = self.message.try_lock() {
            *recorded = Some(message);
        }
    }

    #[cfg(unix)]
    fn record_if_empty(&self, message: &str) {
        if let Ok(mut recorded) = self.message.try_lock() {
            recorded.get_or_insert_with(|| message.to_owned());
        }
    }

    /// Reports that a thread of the process has failed and does nothing more.
    fn notify(&self) {
        self.has_happened.store(true, Ordering::Release);
        self.notified.notify_one();
    }
}

static PARKED: AtomicUsize = AtomicUsize::new(0);

/// The number of parked threads in the application.
pub(crate) fn parked_threads() -> usize {
    PARKED.load(Ordering::Acquire)
}

thread_local! {
    /// The process of this thread; null on threads that are not the engine's. Const-initialized and without a
    /// destructor, so that a signal handler may read it.
    static CURRENT: Cell<*const Crash> = const { Cell::new(ptr::null()) };

    /// Whether a panic on this thread ends its script.
    static ENDS_SCRIPT: Cell<bool> = const { Cell::new(false) };
}

/// Attributes failures of this thread to a process until it is dropped. Guards of one thread must be dropped in reverse
/// order.
pub(crate) struct Entered {
    crash: Arc<Crash>,
    _process: Option<Arc<dyn Process>>,
    /// The previous value of [`CURRENT`].
    outer: *const Crash,
    /// The address of the thread's isolate; 0 before it has one.
    isolate: Cell<usize>,
}

/// Attributes failures of this thread to a process. On Linux also those of threads that it starts.
pub(crate) fn enter(crash: &Arc<Crash>) -> Entered {
    #[cfg(unix)]
    owners::number_thread(crash);
    let outer = CURRENT.replace(Arc::as_ptr(crash));
    Entered { crash: crash.clone(), _process: crash.process(), outer, isolate: Cell::default() }
}

impl Entered {
    /// Call when this thread has entered its isolate, so that failures of V8's own threads can be attributed to it.
    pub(super) fn register_isolate(&self) {
        #[cfg(unix)]
        self.isolate.set(owners::register_isolate(&self.crash));
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        debug_assert_eq!(CURRENT.get(), Arc::as_ptr(&self.crash));
        CURRENT.set(self.outer);
        #[cfg(unix)]
        owners::unregister_isolate(self.isolate.get());
    }
}

thread_local! {
    static HELPER: RefCell<Option<Entered>> = const { RefCell::new(None) };
}

/// Enters a thread that an isolate's executor has started, until the thread ends.
pub(super) fn enter_helper(crash: &Arc<Crash>) {
    HELPER.set(Some(enter(crash)));
}

/// Marks the engine's first thread, and thereby V8's own threads, which it starts.
pub(super) fn mark_engine_thread() {
    #[cfg(unix)]
    owners::mark_as_engine();
}

/// Enters the thread of a process's own script. A panic then ends the script, even if the engine catches it: a panicked
/// op never resolves.
pub(super) fn enter_as_script(crash: &Arc<Crash>) -> Entered {
    ENDS_SCRIPT.set(true);
    enter(crash)
}

/// Runs `work`; a panic in it does not end the script.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> T) -> thread::Result<T> {
    let outer = ENDS_SCRIPT.replace(false);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    ENDS_SCRIPT.set(outer);
    result
}

/// Whether this thread works for a process, or on Linux was started by such a thread.
pub(super) fn is_process_thread() -> bool {
    #[cfg(unix)]
    let is_numbered = owners::of_this_thread().is_some();
    #[cfg(not(unix))]
    let is_numbered = false;
    !CURRENT.get().is_null() || is_numbered
}

/// The crash state that this thread has entered.
pub(crate) fn current() -> Option<Arc<Crash>> {
    let current = CURRENT.get();
    if current.is_null() {
        return None;
    }
    // SAFETY: `enter` sets `CURRENT` from `Arc::as_ptr`, and its guard owns that `Arc` until it resets `CURRENT`.
    unsafe {
        Arc::increment_strong_count(current);
        Some(Arc::from_raw(current))
    }
}

/// Installs the hooks and signal handlers. Call before any isolate exists, and before anything else that may fail
/// natively. Later calls do nothing, or retry what has failed.
#[cfg_attr(not(unix), expect(clippy::unnecessary_wraps, reason = "only signals can fail"))]
pub(super) fn install_handlers() -> std::io::Result<()> {
    static HOOKS: Once = Once::new();
    HOOKS.call_once(install_hooks);
    #[cfg(unix)]
    {
        static HANDLES_SIGNALS: Mutex<bool> = Mutex::new(false);
        let mut handles = HANDLES_SIGNALS.lock().unwrap_or_else(PoisonError::into_inner);
        if !*handles {
            signals::install()?;
            *handles = true;
        }
    }
    Ok(())
}

/// Part of the message of the second panic, which Rust raises if the first cannot unwind. The second message does not
/// contain the cause.
const CANNOT_UNWIND: &str = "cannot unwind";

/// Records panics and V8's fatal errors. The previous panic hook stays active.
fn install_hooks() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        on_panic(panic.payload_as_str().filter(|text| !text.contains(CANNOT_UNWIND)));
        previous(panic);
    }));
    v8::V8::set_fatal_error_handler(|_: &str, _: i32, message: &str| {
        record(|| format!("V8 gave up: {message}"));
    });
}

fn on_panic(text: Option<&str>) {
    if let Some(text) = text {
        record(|| format!("the engine panicked: {text}"));
    }
    if ENDS_SCRIPT.get()
        && let Some(process) = current().and_then(|crash| crash.process())
    {
        process.on_panic();
    }
}

/// Records a message of the engine for this thread's process.
fn record(message: impl FnOnce() -> String) {
    // SAFETY: null, or a pointer whose `Arc` the guard from `enter` owns until it resets `CURRENT`.
    if let Some(crash) = unsafe { CURRENT.get().as_ref() } {
        crash.record(message());
    }
}

/// V8's out-of-memory handler of each isolate; V8 does not call the fatal error handler for it.
pub(super) unsafe extern "C" fn out_of_memory(location: *const c_char, details: &v8::OomDetails) {
    // SAFETY: V8 passes null or a NUL-terminated string that outlives the call.
    let location = (!location.is_null()).then(|| unsafe { CStr::from_ptr(location) });
    let location = location.map(CStr::to_string_lossy).unwrap_or_default();
    record(|| format!("V8 could not go on without memory: {location}"));
    if details.is_heap_oom {
        // V8 aborts the application when this function returns.
        park_exhausted();
    }
}

/// Parks this thread forever: the heap of its isolate is exhausted, and V8 cannot continue.
pub(super) fn park_exhausted() -> ! {
    PARKED.fetch_add(1, Ordering::AcqRel);
    // This may be one of V8's own threads, which have no process. The isolate's thread then waits for it, and the
    // monitor abandons that thread.
    if let Some(crash) = current() {
        if let Some(process) = crash.process() {
            process.on_heap_exhausted();
        }
        crash.notify();
    }
    loop {
        thread::park();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
