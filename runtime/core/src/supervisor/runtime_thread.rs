//! The supervisor's own thread, on which all its tasks run.
//!
//! A thread of our own and not the caller's executor: the API then works from any executor or none, and
//! dropping the supervisor can wait for its tasks. Nothing on it blocks: all processes would wait.

use std::future::Future;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::Error;

pub(crate) struct RuntimeThread {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RuntimeThread {
    pub(crate) fn start() -> Result<Self, Error> {
        let failed = |source: std::io::Error| Error::StartFailed {
            name: "supervisor".to_owned(),
            message: format!("could not start its thread: {source}"),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("js-supervisor".to_owned())
            .spawn(move || {
                // Ends on the message and on the sender's drop alike.
                let _ = runtime.block_on(stopped);
                runtime.shutdown_background();
            })
            .map_err(failed)?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    /// Runs `task` on the thread and hands back its result.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        self.handle.spawn(task).await.map_err(|_| Error::ShutDown)
    }

    /// Runs `last` on the thread, for `most` at the longest, and ends the thread.
    pub(crate) fn finish(
        &mut self,
        last: impl Future<Output = ()> + Send + 'static,
        most: Duration,
    ) {
        let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) else {
            return;
        };
        self.handle.spawn(async move {
            // What has not ended by now was given up by its own keeper long before.
            let _ = tokio::time::timeout(most, last).await;
            let _ = stop.send(());
        });
        // A panic on the thread was already printed; there is nobody to hand it to.
        let _ = thread.join();
    }
}
