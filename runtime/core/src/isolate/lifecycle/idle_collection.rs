//! Returns memory of an isolate to the system when its event loop has been idle for a while.
//!
//! V8 itself does so only after 25 to 45 seconds, and keeps the compiled code of functions that were called once. An
//! isolate that has loaded no modules of Node has little to return.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use deno_runtime::deno_core::{V8TaskSpawner, v8};
use tokio::time::{Instant, Sleep, sleep};

use crate::isolate::modules::LoaderSlot;

/// How long an event loop is idle, and at most twice as long, before its memory is collected.
const IDLE: Duration = Duration::from_secs(4);

/// Growth of the heap since the last collection that is worth another one, in bytes.
const MIN_GROWTH: usize = 1 << 20;

/// Collects garbage and drops compiled code. Takes 15 to 50 ms. Returns the size of the heap in bytes.
pub(super) fn collect(isolate: &mut v8::Isolate) -> usize {
    isolate.low_memory_notification();
    isolate.get_heap_statistics().total_physical_size()
}

/// Collects the memory of one isolate once per idle period.
pub(super) struct IdleCollection {
    tasks: V8TaskSpawner,
    modules: LoaderSlot,
    heap: Rc<Heap>,
    phase: Phase,
    timer: Pin<Box<Sleep>>,
}

struct Heap {
    /// The size after the last collection, in bytes.
    collected: Cell<usize>,
    /// A collection is queued in the event loop.
    is_queued: Cell<bool>,
}

/// The timer is not reset in each iteration: it measures whether there was none while it ran.
enum Phase {
    /// There was no iteration since the last collection.
    Collected,
    /// The timer runs.
    Waits { had_iterations: bool },
    /// The event loop is about to collect.
    Collects,
}

impl IdleCollection {
    /// `collected` is the size of the heap after an earlier collection, in bytes.
    pub(super) fn new(tasks: V8TaskSpawner, modules: LoaderSlot, collected: usize) -> Self {
        let heap = Heap { collected: collected.into(), is_queued: Cell::default() };
        let timer = Box::pin(sleep(IDLE));
        Self { tasks, modules, heap: heap.into(), phase: Phase::Collected, timer }
    }

    /// Called after an iteration of the event loop that leaves nothing to do.
    pub(super) fn becomes_idle(&mut self, context: &mut Context<'_>) {
        match &mut self.phase {
            Phase::Waits { had_iterations } if !self.timer.is_elapsed() => *had_iterations = true,
            Phase::Waits { had_iterations: false } => self.queue(),
            Phase::Waits { had_iterations: true } | Phase::Collected => self.wait(context),
            Phase::Collects if self.heap.is_queued.get() => {}
            // This was the iteration of the collection.
            Phase::Collects => self.phase = Phase::Collected,
        }
    }

    fn wait(&mut self, context: &mut Context<'_>) {
        self.timer.as_mut().reset(Instant::now() + IDLE);
        // Registers the waker. A timer that has elapsed meanwhile is seen in the next iteration.
        let _ = self.timer.as_mut().poll(context);
        self.phase = Phase::Waits { had_iterations: false };
    }

    fn queue(&mut self) {
        if !self.modules.has_node() {
            self.phase = Phase::Collected;
            return;
        }
        self.phase = Phase::Collects;
        self.heap.is_queued.set(true);
        let heap = self.heap.clone();
        self.tasks.spawn(move |scope| {
            let size = scope.get_heap_statistics().total_physical_size();
            if size >= heap.collected.get() + MIN_GROWTH {
                heap.collected.set(collect(scope));
            }
            heap.is_queued.set(false);
        });
    }
}
