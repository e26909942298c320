//! The isolates of one process: that of its script, and those of the workers it started.
//!
//! Each joins from its own thread when it can be interrupted and leaves when that thread ends, so that
//! what is done to a process is done to all of it, and its end can be waited for.

use std::time::Duration;

use deno_runtime::deno_core::{JsRuntime, v8};
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::isolate::limits::interrupt::Interrupt;
use crate::isolate::sandbox::children::child_processes::ChildProcesses;

/// The isolates that live, the script's own first.
#[derive(Default)]
pub(crate) struct IsolateRegistry {
    list: Mutex<Vec<Member>>,
    left: Condvar,
}

struct Member {
    interrupt: Interrupt,
    /// It is to end, whatever becomes of the others.
    ends: bool,
    offspring: ChildProcesses,
}

impl IsolateRegistry {
    /// Called on the isolate's thread. Not before its bootstrap: an interrupted bootstrap is a panic.
    pub(crate) fn join(&self, runtime: &mut JsRuntime) {
        // Before the lock is taken: a failure of the engine must find it free.
        let member = Member {
            interrupt: Interrupt::of(runtime),
            ends: false,
            offspring: ChildProcesses::of_this_thread(),
        };
        self.lock().push(member);
    }

    /// Called on the isolate's thread, as the last thing it does. The programs that it started end.
    pub(crate) fn leave(&self) {
        let mut list = self.lock();
        if let Some(at) = list.iter().position(|member| member.interrupt.is_of_this_thread()) {
            list.remove(at).offspring.kill();
        }
        drop(list);
        self.left.notify_all();
    }

    /// How many there are, the script's own included.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Interrupts running JavaScript, everywhere. To be called again while any goes on.
    pub(crate) fn terminate(&self) {
        for member in &mut *self.lock() {
            member.interrupt.ask();
        }
    }

    /// The same from within V8, as while it collects garbage.
    pub(crate) fn terminate_from_within(&self) {
        for member in &*self.lock() {
            member.interrupt.ask_from_within();
        }
    }

    /// The same for the isolate of this thread alone. To be followed by [`Self::terminate_ending`].
    pub(crate) fn end_this_from_within(&self) {
        let mut list = self.lock();
        if let Some(this) = list.iter_mut().find(|member| member.interrupt.is_of_this_thread()) {
            this.ends = true;
            this.interrupt.ask_from_within();
        }
    }

    /// Interrupts those that are to end by themselves; whether there are any.
    pub(crate) fn terminate_ending(&self) -> bool {
        let mut list = self.lock();
        let mut ending = list.iter_mut().filter(|member| member.ends).peekable();
        let are_there = ending.peek().is_some();
        ending.for_each(|member| member.interrupt.ask());
        are_there
    }

    /// The same at once, whatever the engine is at.
    pub(crate) fn terminate_now(&self) {
        for member in &*self.lock() {
            member.interrupt.isolate().terminate_execution();
        }
    }

    /// Kills the programs that the script and its workers have started.
    pub(crate) fn end_offspring(&self) {
        for member in &*self.lock() {
            member.offspring.kill();
        }
    }

    /// Calls `act` with the script's own isolate, if that has come so far.
    pub(crate) fn with_main(&self, act: impl FnOnce(&v8::IsolateHandle)) {
        if let Some(main) = self.lock().first() {
            act(main.interrupt.isolate());
        }
    }

    /// Waits on the script's own thread until all the others have left; ends them if they do not, and
    /// tells whether they did: for `patience` none has left of those that are still there. While some leave the
    /// others may yet have their turn.
    pub(crate) fn wait_for_others(&self, patience: Duration) -> bool {
        const TERMINATE_AGAIN: Duration = Duration::from_millis(50);
        let mut waited = Duration::ZERO;
        let mut list = self.lock();
        while list.len() > 1 {
            if waited >= patience {
                // Nobody asks again: a script that loops must not go on, whatever the engine is at.
                for worker in &list[1..] {
                    worker.interrupt.isolate().terminate_execution();
                }
                return false;
            }
            let before = list.len();
            for worker in &mut list[1..] {
                worker.interrupt.ask();
                worker.offspring.kill();
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

    fn lock(&self) -> MutexGuard<'_, Vec<Member>> {
        self.list.lock()
    }
}
