//! What all connections of a supervisor share: the exposed functions, and the thread of callbacks.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::expose::Exposed;
use crate::error::Error;
use crate::runtime_thread::RuntimeThread;

/// Decides whether Rust may answer a request that windows receive too, by process, generation and request.
pub(crate) type Claim = Arc<dyn Fn(&str, u64, &str) -> bool + Send + Sync>;

/// Runs the tasks of exposed functions.
pub(crate) type Spawner = Arc<dyn Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync>;

/// How long the end of the thread waits for a callback that blocks it. Then the thread is abandoned to its callback.
const END_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct Hub {
    exposed: HashMap<String, Exposed>,
    /// The processes that may call exposed functions; `None` for all.
    callers: Option<HashSet<String>>,
    claim: Option<Claim>,
    spawner: Option<Spawner>,
    /// For time-outs. Callbacks do not block it.
    timer: Handle,
    thread: Mutex<Thread>,
}

#[derive(Default)]
enum Thread {
    #[default]
    NotStarted,
    Running(RuntimeThread),
    Ended,
}

impl Hub {
    pub(crate) fn new(
        exposed: HashMap<String, Exposed>,
        callers: Option<HashSet<String>>,
        claim: Option<Claim>,
        spawner: Option<Spawner>,
        timer: Handle,
    ) -> Arc<Self> {
        Arc::new(Self { exposed, callers, claim, spawner, timer, thread: Mutex::default() })
    }

    /// Whether a process may call any function.
    pub(crate) fn serves(&self, process: &str) -> bool {
        !self.exposed.is_empty()
            && self.callers.as_ref().is_none_or(|callers| callers.contains(process))
    }

    pub(super) fn function(&self, process: &str, name: &str) -> Option<&Exposed> {
        self.exposed.get(name).filter(|_| self.serves(process))
    }

    pub(super) fn may_answer(&self, process: &str, generation: u64, request: &str) -> bool {
        self.claim.as_ref().is_none_or(|claim| claim(process, generation, request))
    }

    /// Starts the thread, if it does not run yet.
    ///
    /// # Errors
    /// [`Error::StartFailed`] if the system has no further thread, [`Error::ShutDown`] after [`Hub::end`].
    pub(crate) fn start(&self) -> Result<(), Error> {
        let mut thread = self.thread.lock();
        match *thread {
            Thread::Running(_) => Ok(()),
            Thread::Ended => Err(Error::ShutDown),
            Thread::NotStarted => {
                *thread = Thread::Running(RuntimeThread::start("js-rpc")?);
                Ok(())
            }
        }
    }

    /// Runs the task of an exposed function.
    pub(super) fn spawn_function(&self, task: impl Future<Output = ()> + Send + 'static) {
        match &self.spawner {
            Some(spawner) => spawner(Box::pin(task)),
            None => self.spawn(task),
        }
    }

    /// Runs a task on the thread. Drops it if the thread does not run.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Thread::Running(thread) = &*self.thread.lock() {
            thread.spawn(task);
        }
    }

    /// Waits on the timer of the supervisor: the caller may use any executor.
    pub(super) fn sleep(&self, time: Duration) -> impl Future<Output = ()> + use<> {
        let _timer = self.timer.enter();
        tokio::time::sleep(time)
    }

    /// Ends the thread, and with it callbacks and exposed functions that wait.
    pub(crate) fn end(&self) {
        let thread = std::mem::replace(&mut *self.thread.lock(), Thread::Ended);
        if let Thread::Running(thread) = thread {
            thread.end(END_TIMEOUT);
        }
    }
}
