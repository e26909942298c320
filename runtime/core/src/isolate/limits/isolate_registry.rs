//! The isolates of one process: that of its script and those of its workers.
//!
//! Each isolate joins on its own thread when it can be interrupted, and leaves when the thread ends. So the whole
//! process can be interrupted, and its end can be awaited.

use std::time::Duration;

use deno_runtime::deno_core::{JsRuntime, v8};
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::isolate::limits::child_processes::ChildProcesses;
use crate::isolate::limits::interrupt::Interrupt;

/// The running isolates, the script's own first.
#[derive(Default)]
pub(crate) struct IsolateRegistry {
    list: Mutex<Vec<Registered>>,
    left: Condvar,
}

struct Registered {
    interrupt: Interrupt,
    /// Only this isolate is to end.
    ends: bool,
    child_processes: ChildProcesses,
}

impl IsolateRegistry {
    /// Called on the isolate's thread after its bootstrap: an interrupted bootstrap would panic.
    pub(crate) fn join(&self, runtime: &mut JsRuntime) {
        // Without the lock: a native failure of the engine must not leave it locked.
        let isolate = Registered {
            interrupt: Interrupt::of(runtime),
            ends: false,
            child_processes: ChildProcesses::of_this_thread(),
        };
        self.lock().push(isolate);
    }

    /// Called on the isolate's thread as its last action. Kills the programs that it started.
    pub(crate) fn leave(&self) {
        let mut list = self.lock();
        if let Some(at) = list.iter().position(|isolate| isolate.interrupt.is_of_this_thread()) {
            list.remove(at).child_processes.kill();
        }
        drop(list);
        self.left.notify_all();
    }

    /// The number of isolates, including the script's own.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Interrupts JavaScript in all isolates. Call it repeatedly until they have ended.
    pub(crate) fn terminate(&self) {
        for isolate in &mut *self.lock() {
            isolate.interrupt.request();
        }
    }

    /// [`Self::terminate`] for calls from within V8, such as during garbage collection.
    pub(crate) fn terminate_from_within(&self) {
        for isolate in &*self.lock() {
            isolate.interrupt.request_from_within();
        }
    }

    /// Marks the isolate of this thread as ending and interrupts it, from within V8. Call [`Self::terminate_ending`]
    /// afterwards.
    pub(crate) fn end_this_from_within(&self) {
        let mut list = self.lock();
        if let Some(this) = list.iter_mut().find(|isolate| isolate.interrupt.is_of_this_thread()) {
            this.ends = true;
            this.interrupt.request_from_within();
        }
    }

    /// Interrupts the isolates that are marked as ending; returns whether there are any.
    pub(crate) fn terminate_ending(&self) -> bool {
        let mut list = self.lock();
        let mut ending = list.iter_mut().filter(|isolate| isolate.ends).peekable();
        let are_there = ending.peek().is_some();
        ending.for_each(|isolate| isolate.interrupt.request());
        are_there
    }

    /// Interrupts all isolates once, without their cooperation.
    pub(crate) fn terminate_now(&self) {
        for isolate in &*self.lock() {
            isolate.interrupt.isolate().terminate_execution();
        }
    }

    /// Kills the programs that the script and its workers have started.
    pub(crate) fn kill_children(&self) {
        for isolate in &*self.lock() {
            isolate.child_processes.kill();
        }
    }

    /// Calls `act` with the script's own isolate, if it has joined.
    pub(crate) fn with_main(&self, act: impl FnOnce(&v8::IsolateHandle)) {
        if let Some(main) = self.lock().first() {
            act(main.interrupt.isolate());
        }
    }

    /// Ends the workers and waits for them, on the script's own thread. Returns `false` if none has ended for
    /// `patience` and some are left.
    pub(crate) fn wait_for_workers(&self, patience: Duration) -> bool {
        const TERMINATE_AGAIN: Duration = Duration::from_millis(50);
        let mut waited = Duration::ZERO;
        let mut list = self.lock();
        while list.len() > 1 {
            if waited >= patience {
                // The last interruption: it must stop a script in a loop without its cooperation.
                for worker in &list[1..] {
                    worker.interrupt.isolate().terminate_execution();
                }
                return false;
            }
            let before = list.len();
            for worker in &mut list[1..] {
                worker.interrupt.request();
                worker.child_processes.kill();
            }
            let timeout = self.left.wait_for(&mut list, TERMINATE_AGAIN);
            if list.len() < before {
                waited = Duration::ZERO;
            } else if timeout.timed_out() {
                waited += TERMINATE_AGAIN;
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Registered>> {
        self.list.lock()
    }
}
