//! The outside's hold on an isolate: ask it to end, make it end, tell why it ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use deno_runtime::deno_core::v8;
use tokio::sync::Notify;

use super::meter::Gauge;
use super::offspring::Offspring;
use super::signals::{SIGTERM, Signals};

/// Shared between an isolate's thread and its keeper.
#[derive(Default)]
pub(super) struct Control {
    asked: AtomicBool,
    wake: Notify,
    over: Notify,
    heap_exhausted: AtomicBool,
    isolate: Mutex<Option<v8::IsolateHandle>>,
    offspring: OnceLock<Offspring>,
    pub(super) signals: Signals,
    pub(super) gauge: Gauge,
}

impl Control {
    /// From now on the isolate can be interrupted. Not before its bootstrap: an interrupted
    /// bootstrap is a panic.
    pub(super) fn publish(&self, isolate: v8::IsolateHandle) {
        *self.isolate() = Some(isolate);
    }

    /// Called on the isolate's thread before the script runs: what it starts is found through this.
    pub(super) fn watch_offspring(&self) {
        // Called once; a second thread would have a control of its own.
        let _ = self.offspring.set(Offspring::of_this_thread());
    }

    /// Ends the programs that the script has started.
    pub(super) fn end_offspring(&self) {
        if let Some(offspring) = self.offspring.get() {
            offspring.kill();
        }
    }

    /// Delivers SIGTERM to the script's own listeners, if it has any.
    pub(super) fn signal_end(&self) {
        self.signals.deliver(SIGTERM);
    }

    /// Ends the event loop the next time it turns. Enough for a script that waits for something.
    pub(super) fn ask_to_end(&self) {
        self.asked.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Interrupts running JavaScript, and asks too.
    pub(super) fn terminate(&self) {
        self.ask_to_end();
        self.with_isolate(|isolate| {
            isolate.terminate_execution();
        });
    }

    /// Calls `act` if the isolate has come so far that it can be interrupted.
    pub(super) fn with_isolate(&self, act: impl FnOnce(&v8::IsolateHandle)) {
        if let Some(isolate) = &*self.isolate() {
            act(isolate);
        }
    }

    /// Called by V8 on the isolate's thread when the heap is nearly full.
    pub(super) fn heap_is_exhausted(&self) {
        self.heap_exhausted.store(true, Ordering::Release);
        self.end_of_script();
    }

    /// Called on the isolate's thread: not another statement is to run. One interruption may be lost
    /// in the engine, so the keeper repeats it until the thread is gone.
    pub(super) fn end_of_script(&self) {
        self.over.notify_one();
        self.terminate();
    }

    /// Resolves when the script has ended itself.
    pub(super) async fn script_is_over(&self) {
        self.over.notified().await;
    }

    /// Resolves when the isolate is to end.
    pub(super) async fn asked_to_end(&self) {
        while !self.is_asked() {
            self.wake.notified().await;
        }
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    pub(super) fn is_heap_exhausted(&self) -> bool {
        self.heap_exhausted.load(Ordering::Acquire)
    }

    fn isolate(&self) -> MutexGuard<'_, Option<v8::IsolateHandle>> {
        self.isolate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
