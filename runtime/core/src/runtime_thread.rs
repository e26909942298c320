//! A thread that runs tasks of a supervisor.
//!
//! The API does not use the caller's executor: it works from any executor or none, and dropping the supervisor can
//! wait for its tasks. No task may block the thread: all processes would wait.

use std::future::Future;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::Error;

pub(crate) struct RuntimeThread {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Disconnected when the thread has ended.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl RuntimeThread {
    /// Starts the thread. `name` is for debuggers.
    pub(crate) fn start(name: &str) -> Result<Self, Error> {
        let failed = |source: std::io::Error| Error::StartFailed {
            name: "supervisor".to_owned(),
            message: format!("could not start its thread: {source}"),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let (runs, ended) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // An error means that the sender was dropped, which ends the thread too.
                let _ = runtime.block_on(stopped);
                runtime.shutdown_background();
                drop(runs);
            })
            .map_err(failed)?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread), ended: Mutex::new(ended) })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    /// Runs `task` on the thread and returns its result.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        self.handle.spawn(task).await.map_err(|_| Error::ShutDown)
    }

    /// Runs `last` on the thread for at most `timeout`, then ends the thread and waits for it.
    pub(crate) fn finish(
        &mut self,
        last: impl Future<Output = ()> + Send + 'static,
        timeout: Duration,
    ) {
        let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) else {
            return;
        };
        self.handle.spawn(async move {
            // Processes that have not ended by then were already abandoned by their own tasks.
            let _ = tokio::time::timeout(timeout, last).await;
            let _ = stop.send(());
        });
        // The panic hook has already reported a panic of the thread.
        let _ = thread.join();
    }

    /// Ends the thread and waits for it, at most for `timeout`. Does not wait on the thread itself.
    pub(crate) fn end(self, timeout: Duration) {
        drop(self.stop);
        let Some(thread) = self.thread else { return };
        if thread.thread().id() == std::thread::current().id() {
            return;
        }
        let ended = self.ended.lock().recv_timeout(timeout);
        if ended == Err(mpsc::RecvTimeoutError::Disconnected) {
            // The panic hook has already reported a panic of the thread.
            let _ = thread.join();
        }
    }
}
