//! The outside's hold on a process's isolates: ask them to end, make them end, tell why they ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use super::buffers::Buffers;
use super::crash::Crash;
use super::members::Members;
use super::meter::Gauge;
use super::process_threads::ProcessThreads;
use super::pulse::Pulse;
use super::signals::{self, SIGTERM, Signals};

/// How a script ended itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum SelfEnded {
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
pub(super) enum Memory {
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
    pub(super) buffers: OnceLock<Arc<Buffers>>,
    pub(super) members: Members,
    pub(super) signals: Signals,
    pub(super) gauge: Gauge,
    pub(super) threads: ProcessThreads,
    pub(super) pulse: Pulse,
    pub(crate) crash: Crash,
}

impl Control {
    /// Delivers SIGTERM to the script's own listeners; whether it has any.
    pub(super) fn signal_end(&self) -> bool {
        self.signals.deliver(SIGTERM)
    }

    /// Delivers a signal as the system does: one that nobody listens for ends the script, unless it is 0,
    /// which asks whether there is a process, or one that is passed over.
    pub(super) fn signal(&self, signal: i32) {
        if !self.signals.deliver(signal) && signal != 0 && !signals::is_ignored(signal) {
            self.end_of_script(SelfEnded::Signal(signal));
        }
    }

    /// Ends the event loop the next time it turns. Enough for a script that waits for something.
    pub(super) fn ask_to_end(&self) {
        self.asked.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Interrupts running JavaScript, and asks too.
    pub(super) fn terminate(&self) {
        self.ask_to_end();
        self.members.terminate();
    }

    /// The same by somebody who cannot do it again.
    pub(super) fn terminate_now(&self) {
        self.ask_to_end();
        self.members.terminate_now();
    }

    /// Called on a thread of the process, or by its keeper: not another statement is to run. One interruption may be
    /// lost in the engine, so the keeper repeats it until the thread is gone.
    pub(super) fn end_of_script(&self, how: SelfEnded) {
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
    pub(super) fn exhausted(&self) -> Option<Memory> {
        match self.self_ended() {
            Some(SelfEnded::Exhausted(memory)) => Some(memory),
            _ => None,
        }
    }

    /// Called on a thread of the process that will do nothing more, because V8 could not go on with a full
    /// heap. Takes no lock that the thread may hold.
    pub(super) fn heap_is_lost(&self) {
        // As above.
        let _ = self.ended.set(SelfEnded::Exhausted(Memory::Heap));
        self.crash.tell();
    }

    /// Called on a worker's thread from within V8: it is to end, and nobody else.
    pub(super) fn end_of_worker(&self) {
        self.members.end_this_from_within();
        self.worker_over.notify_one();
    }

    /// Resolves when a worker is to end by itself.
    pub(super) async fn worker_is_over(&self) {
        self.worker_over.notified().await;
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

    /// How the script ended itself, if it did.
    pub(super) fn self_ended(&self) -> Option<SelfEnded> {
        self.ended.get().copied()
    }
}
