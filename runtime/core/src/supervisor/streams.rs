//! What goes into a process and comes out of it.

use bytes::Bytes;

use super::Supervisor;
use crate::error::Error;
use crate::io::event::Stream;
use crate::io::history::{Subscription, WhenSlow};
use crate::io::stdin::Stdin;

impl Supervisor {
    /// The stdin of a process: of this `generation`, or of the one that runs now.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] when the process has exited,
    /// [`Error::GenerationOver`] when another generation is the present one.
    pub fn stdin(&self, name: &str, generation: Option<u64>) -> Result<Stdin, Error> {
        self.process(name)?.stdin(generation)
    }

    /// [`Stdin::write`] to the generation that runs now.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] when the process has exited, its
    /// stdin was closed, or it ends while the write waits.
    pub async fn write_stdin(&self, name: &str, data: impl Into<Bytes>) -> Result<(), Error> {
        self.stdin(name, None)?.write(data).await
    }

    /// [`Stdin::try_write`] to the generation that runs now.
    ///
    /// # Errors
    /// [`Error::StdinFull`] while as much waits as may, or another write does; the others of
    /// `write_stdin`.
    pub fn try_write_stdin(&self, name: &str, data: impl Into<Bytes>) -> Result<usize, Error> {
        self.stdin(name, None)?.try_write(data)
    }

    /// Waits until [`Supervisor::try_write_stdin`] would take something. Another writer may be quicker.
    ///
    /// # Errors
    /// Those of `write_stdin`.
    pub async fn stdin_room(&self, name: &str) -> Result<(), Error> {
        self.stdin(name, None)?.room().await
    }

    /// Ends a process's stdin after what was written.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] when the process has exited.
    pub fn close_stdin(&self, name: &str) -> Result<(), Error> {
        self.stdin(name, None)?.close();
        Ok(())
    }

    /// Ends one stream of a process's output, as a pipe ends whose reader has gone: what the process writes
    /// to it from then on fails.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] when the process has exited.
    pub fn close_output(&self, name: &str, stream: Stream) -> Result<(), Error> {
        self.process(name)?.close_output(stream)
    }

    /// Sends a signal to a process, by its number; 0 sends none. A script that listens for it decides what
    /// becomes of it. Unlike [`Supervisor::kill`] it does not end what does not listen to it in time.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name, [`Error::NotRunning`] when the process does not run.
    #[cfg(unix)]
    pub fn signal(&self, name: &str, signal: i32) -> Result<(), Error> {
        self.process(name)?.signal(signal)
    }

    /// Bytes written to a process's stdin that it has not read yet.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name.
    pub fn stdin_queued(&self, name: &str) -> Result<usize, Error> {
        Ok(self.process(name)?.queued())
    }

    /// Everything a process does, from the backlog on; what this subscriber is too slow for is
    /// dropped and counted. Goes on over restarts, until the process is removed.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name.
    pub fn subscribe(&self, name: &str) -> Result<Subscription, Error> {
        self.subscribe_with(name, WhenSlow::Drop, true)
    }

    /// [`Supervisor::subscribe`] with a choice of what happens when the subscriber is slow, and
    /// whether it begins with the backlog.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name.
    pub fn subscribe_with(
        &self,
        name: &str,
        when_slow: WhenSlow,
        backlog: bool,
    ) -> Result<Subscription, Error> {
        Ok(self.process(name)?.subscribe(when_slow, backlog))
    }

    /// A subscription from the backlog on that misses nothing, and for which the process waits, like
    /// [`WhenSlow::Wait`]. What it has taken stays in the backlog until [`Subscription::release`] says
    /// that it was handled: whoever subscribes next finds the rest there. Dropping it releases all.
    ///
    /// When `limits.stdoutBufferMb` are held, of which every event takes 64 bytes on top of its text,
    /// the process waits and nothing more comes: release also when there is nothing left to take, and
    /// not only after so much.
    ///
    /// `after` is the last event that the subscriber knows already, if it knows any: what was dropped
    /// up to there it has not missed. What is kept of it comes all the same.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown name.
    pub fn subscribe_held(&self, name: &str, after: Option<u64>) -> Result<Subscription, Error> {
        Ok(self.process(name)?.subscribe_held(after))
    }
}
