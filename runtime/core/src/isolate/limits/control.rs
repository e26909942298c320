//! The outside's hold on a process's isolates: ask them to end, make them end, tell why they ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use super::process_threads::ProcessThreads;
use crate::isolate::crash::Crash;
use crate::isolate::lifecycle::isolate_registry::IsolateRegistry;
use crate::isolate::limits::array_buffers::ArrayBuffers;
use crate::isolate::limits::usage_probe::UsageProbe;
use crate::isolate::limits::watchdog::Watchdog;
use crate::isolate::sandbox::signals::{self, SIGTERM, Signals};

/// How a script ended itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SelfEnded {
    /// With this code.
    Exit(i32),
    /// It sent this signal to itself, and did not listen for it.
    Signal(i32),
    /// It took more of this than it may have.
    Exhausted(Memory),
    /// The engine panicked while it worked for it.
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

/// Shared between the threads of a process and its keeper.
#[derive(Default)]
pub(crate) struct Control {
    asked: AtomicBool,
    wake: Notify,
    over: Notify,
    worker_over: Notify,
    ended: OnceLock<SelfEnded>,
    /// What native memory is counted as; none before there are isolates.
    pub(crate) buffers: OnceLock<Arc<ArrayBuffers>>,
    pub(crate) members: IsolateRegistry,
    pub(crate) signals: Signals,
    pub(crate) gauge: UsageProbe,
    pub(crate) threads: ProcessThreads,
    pub(crate) pulse: Watchdog,
    pub(crate) crash: Crash,
}

impl Control {
    /// Delivers SIGTERM to the script's own listeners; whether it has any.
    pub(crate) fn signal_end(&self) -> bool {
        self.signals.deliver(SIGTERM)
    }

    /// Delivers a signal as the system does: one that nobody listens for ends the script, unless it is 0,
    /// which asks whether there is a process, or one that is passed over.
    pub(crate) fn signal(&self, signal: i32) {
        if !self.signals.deliver(signal) && signal != 0 && !signals::is_ignored(signal) {
            self.end_of_script(SelfEnded::Signal(signal));
        }
    }

    /// Ends the event loop the next time it turns. Enough for a script that waits for something.
    pub(crate) fn ask_to_end(&self) {
        self.asked.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Interrupts running JavaScript, and asks too.
    pub(crate) fn terminate(&self) {
        self.ask_to_end();
        self.members.terminate();
    }

    /// The same by somebody who cannot do it again.
    pub(crate) fn terminate_now(&self) {
        self.ask_to_end();
        self.members.terminate_now();
    }

    /// Called on a thread of the process, or by its keeper: not another statement is to run. One interruption may be
    /// lost in the engine, so the keeper repeats it until the thread is gone.
    pub(crate) fn end_of_script(&self, how: SelfEnded) {
        // The first end is the one that counts.
        let _ = self.ended.set(how);
        self.over.notify_one();
        if let SelfEnded::Exhausted(_) = how {
            self.ask_to_end();
            self.members.terminate_from_within();
        } else {
            self.terminate();
        }
    }

    /// Which memory has come to its end, if that has ended the script.
    pub(crate) fn exhausted(&self) -> Option<Memory> {
        match self.self_ended() {
            Some(SelfEnded::Exhausted(memory)) => Some(memory),
            _ => None,
        }
    }

    /// Called on a thread of the process that will do nothing more, because V8 could not go on with a full
    /// heap. Takes no lock that the thread may hold.
    pub(crate) fn heap_is_lost(&self) {
        // As above.
        let _ = self.ended.set(SelfEnded::Exhausted(Memory::Heap));
        self.crash.tell();
    }

    /// Called on a worker's thread from within V8: it is to end, and nobody else.
    pub(crate) fn end_of_worker(&self) {
        self.members.end_this_from_within();
        self.worker_over.notify_one();
    }

    /// Resolves when a worker is to end by itself.
    pub(crate) async fn worker_is_over(&self) {
        self.worker_over.notified().await;
    }

    /// Resolves when the script has ended itself.
    pub(crate) async fn script_is_over(&self) {
        self.over.notified().await;
    }

    /// Resolves when the isolate is to end.
    pub(crate) async fn asked_to_end(&self) {
        while !self.is_asked() {
            self.wake.notified().await;
        }
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// How the script ended itself, if it did.
    pub(crate) fn self_ended(&self) -> Option<SelfEnded> {
        self.ended.get().copied()
    }
}
