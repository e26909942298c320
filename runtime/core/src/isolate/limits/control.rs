//! Control over the isolates of a process from other threads: stop them, signal them, measure them, and record why
//! they ended.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::array_buffers::ArrayBuffers;
use super::process_threads::ProcessThreads;
use super::signals::{self, SIGTERM, Signals};
use super::usage_probe::{INTERRUPT_PATIENCE, LOOP_PATIENCE, UsageProbe};
use super::watchdog::Watchdog;
use crate::crash::{self, Crash, Process};
use crate::isolate::limits::isolate_registry::IsolateRegistry;

/// How a script ended itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SelfEnded {
    /// With this exit code.
    Exit(i32),
    /// It sent itself this signal without listening for it.
    Signal(i32),
    /// It exceeded this limit.
    Exhausted(Memory),
    /// The engine panicked.
    Panicked,
}

/// A kind of memory that is limited.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Memory {
    Heap,
    Buffers,
    /// All memory of the process.
    Process,
}

/// The state that the threads of a process share with its monitor.
pub(crate) struct Control {
    end_requested: AtomicBool,
    wake: Notify,
    script_ended: Notify,
    worker_ended: Notify,
    ended: OnceLock<SelfEnded>,
    /// Native memory counts as buffers. Unset before the first isolate exists.
    pub(crate) buffers: OnceLock<Arc<ArrayBuffers>>,
    pub(crate) isolates: IsolateRegistry,
    pub(crate) signals: Signals,
    pub(crate) usage: Arc<UsageProbe>,
    pub(crate) threads: ProcessThreads,
    pub(crate) watchdog: Watchdog,
    pub(crate) crash: Arc<Crash>,
}

impl Control {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new_cyclic(|this: &Weak<Self>| Self {
            end_requested: AtomicBool::default(),
            wake: Notify::default(),
            script_ended: Notify::default(),
            worker_ended: Notify::default(),
            ended: OnceLock::default(),
            buffers: OnceLock::default(),
            isolates: IsolateRegistry::default(),
            signals: Signals::default(),
            usage: Arc::default(),
            threads: ProcessThreads::default(),
            watchdog: Watchdog::default(),
            crash: Crash::of(this.clone()),
        })
    }

    /// The process that this thread works for.
    pub(crate) fn of_this_thread() -> Option<Arc<Self>> {
        let process: Arc<dyn Any + Send + Sync> = crash::current()?.process()?;
        process.downcast().ok()
    }

    /// Delivers SIGTERM to the script's own listeners. Returns `false` if it has none.
    pub(crate) fn signal_end(&self) -> bool {
        self.signals.deliver(SIGTERM)
    }

    /// Delivers a signal as the system does: without a listener it ends the script, except signal 0 and signals whose
    /// default action is to be ignored.
    pub(crate) fn signal(&self, signal: i32) {
        if !self.signals.deliver(signal) && signal != 0 && !signals::is_ignored(signal) {
            self.end_of_script(SelfEnded::Signal(signal));
        }
    }

    /// Ends the event loop at its next iteration. Does not interrupt running JavaScript.
    pub(crate) fn request_end(&self) {
        self.end_requested.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Ends the event loop and interrupts running JavaScript where that is safe. Must be repeated until the isolates
    /// have ended.
    pub(crate) fn terminate(&self) {
        self.request_end();
        self.isolates.terminate();
    }

    /// Ends the event loop and terminates running JavaScript anywhere. For callers that cannot repeat it.
    pub(crate) fn terminate_now(&self) {
        self.request_end();
        self.isolates.terminate_now();
    }

    /// Ends the script from one of its threads or from the monitor. The engine may lose one interruption, so the monitor
    /// repeats it until the thread has ended.
    pub(crate) fn end_of_script(&self, how: SelfEnded) {
        // The first reason counts.
        let _ = self.ended.set(how);
        self.script_ended.notify_one();
        if let SelfEnded::Exhausted(_) = how {
            self.request_end();
            self.isolates.terminate_from_within();
        } else {
            self.terminate();
        }
    }

    /// The exceeded limit, if that has ended the script.
    pub(crate) fn exhausted(&self) -> Option<Memory> {
        match self.self_ended() {
            Some(SelfEnded::Exhausted(memory)) => Some(memory),
            _ => None,
        }
    }

    /// Ends this worker alone. Called on its thread from within V8.
    pub(crate) fn end_of_worker(&self) {
        self.isolates.end_this_from_within();
        self.worker_ended.notify_one();
    }

    /// Resolves when a worker has to be ended.
    pub(crate) async fn worker_has_ended(&self) {
        self.worker_ended.notified().await;
    }

    /// Resolves when the script has ended itself.
    pub(crate) async fn script_has_ended(&self) {
        self.script_ended.notified().await;
    }

    /// Resolves when the isolates have to end.
    pub(crate) async fn end_requested(&self) {
        while !self.is_end_requested() {
            self.wake.notified().await;
        }
    }

    pub(crate) fn is_end_requested(&self) -> bool {
        self.end_requested.load(Ordering::Acquire)
    }

    /// How the script ended itself; `None` if it has not.
    pub(crate) fn self_ended(&self) -> Option<SelfEnded> {
        self.ended.get().copied()
    }
}

impl Process for Control {
    fn on_panic(&self) {
        self.end_of_script(SelfEnded::Panicked);
    }

    fn on_heap_exhausted(&self) {
        // The first reason counts.
        let _ = self.ended.set(SelfEnded::Exhausted(Memory::Heap));
    }
}

/// Measures and signals a process from outside the engine.
#[derive(Clone)]
pub(crate) struct Meter {
    pub(crate) control: Arc<Control>,
    /// The heap limit in bytes.
    pub(crate) limit: u64,
}

impl Meter {
    /// Bytes in use on the heap; `None` if the isolate does not answer in time.
    pub(crate) async fn heap(&self) -> Option<u64> {
        let usage = &self.control.usage;
        let mut used = usage.subscribe();
        usage.request_in_event_loop();
        if timeout(LOOP_PATIENCE, used.changed()).await.is_err() {
            self.control.isolates.with_main(|isolate| usage.request_by_interrupt(isolate));
            timeout(INTERRUPT_PATIENCE, used.changed()).await.ok()?.ok()?;
        }
        let used = *used.borrow();
        Some(used)
    }

    /// Delivers a signal as the system does to a process.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: i32) {
        self.control.signal(signal);
    }

    /// Processor time of the isolate's thread so far; `None` if the system does not report it.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        self.control.usage.cpu_time()
    }
}
