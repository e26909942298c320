//! One generation of a process: its plan, launch, stop and exit. `backend`, `child` and `isolate` share these types.

pub(crate) mod paths;
pub(crate) mod plan;
pub(crate) mod stop;
pub(crate) mod validate;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use self::plan::Plan;
use self::stop::Stopper;
use crate::io::line_writer::LineWriters;
use crate::io::stdin_queue::StdinQueue;
use crate::wire::ExitReason;

/// One start of a plan: a generation that does not run yet.
pub(crate) struct Launch {
    /// The name of the process.
    pub(crate) name: String,
    pub(crate) plan: Arc<Plan>,
    pub(crate) input: StdinQueue,
    pub(crate) writers: LineWriters,
    starting: Mutex<Option<StartingBackend>>,
    is_cancelled: AtomicBool,
}

/// A backend that is being started.
struct StartingBackend {
    stopper: Stopper,
    /// Whether the script may run already, so that it gets the grace period.
    may_run: bool,
}

/// How a generation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) reason: ExitReason,
    pub(crate) code: Option<i32>,
}

impl Launch {
    pub(crate) fn new(
        name: String,
        plan: Arc<Plan>,
        input: StdinQueue,
        writers: LineWriters,
    ) -> Self {
        let (starting, is_cancelled) = (Mutex::default(), AtomicBool::new(false));
        Self { name, plan, input, writers, starting, is_cancelled }
    }

    /// Called when a backend starts. From here on, [`Self::cancel`] stops it.
    pub(crate) fn backend_starts(&self, stopper: Stopper, may_run: bool) {
        *self.starting.lock() = Some(StartingBackend { stopper, may_run });
    }

    /// Called when the start of the backend has succeeded or failed.
    pub(crate) fn backend_started(&self) {
        *self.starting.lock() = None;
    }

    /// Whether the start was cancelled, so that no other candidate is tried.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    /// Cancels the start and stops the starting backend: immediately, or with `grace` if its script may run. Returns
    /// whether there is a backend to wait for.
    pub(crate) fn cancel(&self, grace: Duration) -> bool {
        self.is_cancelled.store(true, Ordering::Release);
        let starting = self.starting.lock();
        if let Some(StartingBackend { stopper, may_run }) = &*starting {
            stopper.stop(if *may_run { grace } else { Duration::ZERO });
        }
        starting.is_some()
    }
}

#[cfg(test)]
mod tests;
