//! What an isolate takes: its heap, which only its own thread can count, and that thread's time.
//!
//! Nothing happens until somebody asks. Then an isolate that waits is woken to answer from its event
//! loop, and one that is busy answers in between, through an interrupt; one that sits in native code
//! does not answer at all, and nobody waits for it for long.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use deno_runtime::deno_core::{V8CrossThreadTaskSpawner, v8};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::timeout;

use super::control::Control;
use super::thread_clock::ThreadClock;

/// How long an event loop has to answer before whatever runs is interrupted.
const LOOP_PATIENCE: Duration = Duration::from_millis(20);

/// How long the interrupt has after that.
const INTERRUPT_PATIENCE: Duration = Duration::from_millis(80);

/// The isolate's side; belongs to its [`Control`].
#[derive(Default)]
pub(crate) struct UsageProbe {
    event_loop: Mutex<Option<V8CrossThreadTaskSpawner>>,
    /// Set while an answer is owed, so that questions do not pile up in an isolate that is stuck.
    asked_loop: AtomicBool,
    interrupted: AtomicBool,
    /// Bytes in use, as last counted.
    used: watch::Sender<u64>,
    thread: OnceLock<ThreadClock>,
}

impl UsageProbe {
    /// Called on the isolate's thread before the script runs.
    pub(crate) fn publish(&self, event_loop: V8CrossThreadTaskSpawner) {
        *self.event_loop.lock() = Some(event_loop);
        // Called once; a second thread would have a gauge of its own.
        let _ = self.thread.set(ThreadClock::of_this_thread());
    }

    /// Processor time of the thread so far; `None` where the system does not tell.
    pub(crate) fn worked(&self) -> Option<Duration> {
        self.thread.get()?.now()
    }

    fn count(&self, isolate: &mut v8::Isolate) {
        let used = isolate.get_heap_statistics().used_heap_size();
        self.used.send_replace(used as u64);
    }

    fn ask_loop(&self, control: &Arc<Control>) {
        let event_loop = self.event_loop.lock();
        let Some(event_loop) = &*event_loop else { return };
        if self.asked_loop.swap(true, Ordering::AcqRel) {
            return;
        }
        // The queue belongs to the control: what it holds must not hold that.
        let control: Weak<Control> = Arc::downgrade(control);
        event_loop.spawn(move |scope| {
            if let Some(control) = control.upgrade() {
                control.gauge.asked_loop.store(false, Ordering::Release);
                control.gauge.count(scope);
            }
        });
    }

    fn interrupt(&self, isolate: &v8::IsolateHandle) {
        if !self.interrupted.swap(true, Ordering::AcqRel) {
            let this = std::ptr::from_ref(self).cast_mut().cast::<c_void>();
            // Fails when the isolate is gone, and then nobody answers.
            isolate.request_interrupt(on_interrupt, this);
        }
    }
}

/// Called by V8 on the isolate's thread, between two steps of JavaScript.
unsafe extern "C" fn on_interrupt(isolate: v8::UnsafeRawIsolatePtr, gauge: *mut c_void) {
    // SAFETY: the gauge is part of the control, which the isolate's thread holds for longer than the
    // isolate, and V8 calls back only while that exists. It is never borrowed mutably.
    let gauge = unsafe { &*gauge.cast::<UsageProbe>() };
    // SAFETY: V8 hands over the isolate that it has interrupted, on the thread that has entered it;
    // counting neither allocates on its heap nor runs JavaScript.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    gauge.interrupted.store(false, Ordering::Release);
    gauge.count(&mut isolate);
}

/// The side of whoever asks; clones ask the same isolate.
#[derive(Clone)]
pub(crate) struct Meter {
    pub(crate) control: Arc<Control>,
    /// The heap's limit in bytes.
    pub(crate) limit: u64,
}

impl Meter {
    /// Bytes in use on the heap; `None` if the isolate could not answer in time.
    pub(crate) async fn heap(&self) -> Option<u64> {
        let gauge = &self.control.gauge;
        let mut used = gauge.used.subscribe();
        gauge.ask_loop(&self.control);
        if timeout(LOOP_PATIENCE, used.changed()).await.is_err() {
            self.control.members.with_main(|isolate| gauge.interrupt(isolate));
            timeout(INTERRUPT_PATIENCE, used.changed()).await.ok()?.ok()?;
        }
        let used = *used.borrow();
        Some(used)
    }

    /// What a signal to a process does: its listeners hear of it, and without any it ends, unless it is a
    /// signal that programs pass over.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: i32) {
        self.control.signal(signal);
    }

    /// Processor time of the isolate's thread so far; `None` where the system does not tell.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        self.control.gauge.worked()
    }
}
