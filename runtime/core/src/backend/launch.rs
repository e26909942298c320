//! What a backend needs to know about the generation that it is to run, and how its start is ended.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::backend::stop::Stopper;
use crate::io::line_writer::LineWriters;
use crate::io::stdin_queue::StdinQueue;
use crate::wire::SpawnConfig;

/// One generation on its way to running.
pub(crate) struct Launch {
    pub(crate) name: String,
    pub(crate) config: SpawnConfig,
    pub(crate) cwd: PathBuf,
    pub(crate) input: StdinQueue,
    pub(crate) sinks: LineWriters,
    /// Ends what the start has begun; `None` while there is nothing that must be ended.
    pub(crate) begun: Mutex<Option<StartedBackend>>,
    /// Set when the start is to end: nothing else is begun for it.
    pub(crate) is_over: AtomicBool,
}

/// What a start has begun.
pub(crate) struct StartedBackend {
    pub(crate) stopper: Stopper,
    /// Whether the script may run already, and is to have time to end by itself.
    pub(crate) may_run: bool,
}

impl Launch {
    /// From here on the start must be ended, and not only forgotten.
    pub(crate) fn has_begun(&self, begun: StartedBackend) {
        *self.begun.lock() = Some(begun);
    }

    /// What had begun is gone; another candidate may follow.
    pub(crate) fn has_ended(&self) {
        *self.begun.lock() = None;
    }

    /// Whether the start was ended, so that no other candidate follows.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Ends what the start has begun: at once, or with this grace if the script may run. Returns whether there
    /// is anything to wait for.
    pub(crate) fn end(&self, grace: Duration) -> bool {
        self.is_over.store(true, Ordering::Release);
        let begun = self.begun.lock();
        if let Some(StartedBackend { stopper, may_run }) = &*begun {
            stopper.stop(if *may_run { grace } else { Duration::ZERO });
        }
        begun.is_some()
    }
}
