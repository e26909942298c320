//! The part of the API for stdin, output and signals.

use bytes::Bytes;

use super::Supervisor;
use crate::error::Error;
use crate::io::event::Stream;
use crate::io::history::{Backpressure, Subscription};
use crate::io::stdin::Stdin;
use crate::io::stdin_queue::StdinQueue;
use crate::rpc::Remote;

impl Supervisor {
    /// Connects to a process that runs `serve` of `tauri-plugin-js-api/backend`, or kkrpc. All connections of Rust to
    /// one process are one.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::StartFailed`] if the thread of callbacks cannot be started.
    pub fn connect(&self, name: &str) -> Result<Remote, Error> {
        let process = self.process(name)?;
        self.rpc.start()?;
        Ok(Remote::new(process.endpoint(&self.rpc)))
    }

    /// The stdin of a process. `None` for `generation` means the current one.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] if the process has exited,
    /// [`Error::GenerationOver`] if `generation` is not the current one.
    pub fn stdin(&self, name: &str, generation: Option<u64>) -> Result<Stdin, Error> {
        self.process(name)?.stdin(generation)
    }

    /// [`Stdin::write`] to the current generation.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] if the process has exited, its
    /// stdin was closed, or it ends while the write waits.
    pub async fn write_stdin(&self, name: &str, data: impl Into<Bytes>) -> Result<(), Error> {
        let written = self.input(name)?.write(data.into()).await;
        written.map_err(|_| Error::NotRunning(name.to_owned()))
    }

    /// Called for each message: copies no name.
    fn input(&self, name: &str) -> Result<StdinQueue, Error> {
        self.names().as_ref().ok_or(Error::ShutDown)?.get(name)?.input()
    }

    /// [`Stdin::try_write`] to the current generation.
    ///
    /// # Errors
    /// [`Error::StdinFull`] while the queue is full or another write waits; otherwise as
    /// [`Supervisor::write_stdin`].
    pub fn try_write_stdin(&self, name: &str, data: impl Into<Bytes>) -> Result<usize, Error> {
        self.stdin(name, None)?.try_write(data)
    }

    /// Waits until the queue has room for [`Supervisor::try_write_stdin`]. Another writer may take it first.
    ///
    /// # Errors
    /// As [`Supervisor::write_stdin`].
    pub async fn stdin_room(&self, name: &str) -> Result<(), Error> {
        self.stdin(name, None)?.room().await
    }

    /// Ends the stdin of a process after the queued bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] if the process has exited.
    pub fn close_stdin(&self, name: &str) -> Result<(), Error> {
        self.stdin(name, None)?.close();
        Ok(())
    }

    /// Closes an output stream of a process, like the read end of a pipe: later writes of the process to it fail.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] if the process has exited.
    pub fn close_output(&self, name: &str, stream: Stream) -> Result<(), Error> {
        self.process(name)?.close_output(stream)
    }

    /// Sends a signal to a process, by its number; 0 only checks that the process runs. A listener of the script
    /// replaces the default action. Unlike [`Supervisor::kill`], no forced end follows.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] if the process does not run.
    #[cfg(unix)]
    pub fn signal(&self, name: &str, signal: i32) -> Result<(), Error> {
        self.process(name)?.signal(signal)
    }

    /// The number of bytes in the stdin queue of a process.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name.
    pub fn stdin_queued(&self, name: &str) -> Result<usize, Error> {
        Ok(self.process(name)?.queued_stdin())
    }

    /// Subscribes to all events of a process, starting with the backlog. Events that a slow subscriber misses are
    /// dropped and counted. The subscription continues over restarts, until the process is removed.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name.
    pub fn subscribe(&self, name: &str) -> Result<Subscription, Error> {
        self.subscribe_with(name, Backpressure::Drop, true)
    }

    /// Like [`Supervisor::subscribe`], with a choice of the behaviour for a slow subscriber, and of whether it starts
    /// with the backlog.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name.
    pub fn subscribe_with(
        &self,
        name: &str,
        backpressure: Backpressure,
        backlog: bool,
    ) -> Result<Subscription, Error> {
        Ok(self.process(name)?.subscribe(backpressure, backlog))
    }

    /// Subscribes with acknowledgement. Starts with the backlog, and the process waits for the subscriber as with
    /// [`Backpressure::Wait`]. Received events stay in the backlog until [`Subscription::release`], so that the next
    /// subscriber gets the events that were not acknowledged. Dropping the subscription acknowledges all events.
    ///
    /// When the unacknowledged events fill `limits.stdoutBufferMb`, the process waits and no more events arrive. Each
    /// event counts 64 bytes in addition to its text. So acknowledge also when no more events are available, and not
    /// only after a fixed amount.
    ///
    /// `after` is the `seq` of the last event that the subscriber knows: evicted events up to it are not reported as
    /// missed. Events up to it that are still stored are delivered again.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name.
    pub fn subscribe_held(&self, name: &str, after: Option<u64>) -> Result<Subscription, Error> {
        Ok(self.process(name)?.subscribe_held(after))
    }
}
