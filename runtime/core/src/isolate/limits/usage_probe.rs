//! Measures the heap of an isolate, which only its own thread can read, and the processor time of that thread.
//!
//! Measured only on request. An idle isolate answers from its event loop, a busy one through an interrupt. An isolate in
//! native code does not answer; the request then times out.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use deno_runtime::deno_core::{V8CrossThreadTaskSpawner, v8};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::thread_clock::ThreadClock;

/// Time for an answer from the event loop before JavaScript is interrupted.
pub(super) const LOOP_PATIENCE: Duration = Duration::from_millis(20);

/// Time for an answer after the interrupt was requested.
pub(super) const INTERRUPT_PATIENCE: Duration = Duration::from_millis(80);

/// Answers requests on the isolate's thread.
#[derive(Default)]
pub(crate) struct UsageProbe {
    event_loop: Mutex<Option<V8CrossThreadTaskSpawner>>,
    /// A request is queued. Limits the queue of a stuck event loop to one request.
    is_queued: AtomicBool,
    /// An interrupt is requested.
    is_interrupting: AtomicBool,
    /// Bytes in use on the heap at the last measurement.
    used: watch::Sender<u64>,
    thread: OnceLock<ThreadClock>,
}

impl UsageProbe {
    /// Call once, on the isolate's thread, before the script runs.
    pub(crate) fn publish(&self, event_loop: V8CrossThreadTaskSpawner) {
        *self.event_loop.lock() = Some(event_loop);
        // The only call, so the cell is empty.
        let _ = self.thread.set(ThreadClock::of_this_thread());
    }

    /// Processor time of the thread so far; `None` if the system does not report it.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        self.thread.get()?.now()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.used.subscribe()
    }

    fn measure(&self, isolate: &mut v8::Isolate) {
        let used = isolate.get_heap_statistics().used_heap_size();
        self.used.send_replace(used as u64);
    }

    pub(super) fn request_in_event_loop(self: &Arc<Self>) {
        let event_loop = self.event_loop.lock();
        let Some(event_loop) = &*event_loop else { return };
        if self.is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        // `self` owns the queue, so a strong reference in it would be a cycle.
        let this: Weak<Self> = Arc::downgrade(self);
        event_loop.spawn(move |scope| {
            if let Some(this) = this.upgrade() {
                this.is_queued.store(false, Ordering::Release);
                this.measure(scope);
            }
        });
    }

    /// Must be called on a probe whose [`Control`](super::control::Control) outlives the isolate.
    pub(super) fn request_by_interrupt(&self, isolate: &v8::IsolateHandle) {
        if !self.is_interrupting.swap(true, Ordering::AcqRel) {
            let this = std::ptr::from_ref(self).cast_mut().cast::<c_void>();
            // Fails if the isolate is gone; then the request times out.
            isolate.request_interrupt(on_interrupt, this);
        }
    }
}

/// Called by V8 on the isolate's thread, between two steps of JavaScript.
unsafe extern "C" fn on_interrupt(isolate: v8::UnsafeRawIsolatePtr, probe: *mut c_void) {
    // SAFETY: `probe` is the pointer from `request_by_interrupt`. The process's `Control` owns the probe, and the
    // isolate's thread holds the `Control` for longer than the isolate; V8 calls back only while the isolate exists. The
    // probe is never borrowed mutably.
    let probe = unsafe { &*probe.cast::<UsageProbe>() };
    // SAFETY: V8 passes the interrupted isolate, on the thread that has entered it. Reading statistics neither allocates
    // on its heap nor runs JavaScript.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    probe.is_interrupting.store(false, Ordering::Release);
    probe.measure(&mut isolate);
}
