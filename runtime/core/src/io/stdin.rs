//! The stdin of one generation. Writes never reach another generation.

use bytes::Bytes;

use crate::error::Error;
use crate::io::stdin_queue::{Refused, StdinQueue};

/// The stdin of one generation of a process; clones share it.
///
/// Every write fails after the generation has ended, even if the name has a new one.
#[derive(Clone)]
pub struct Stdin {
    pub(crate) name: String,
    pub(crate) generation: u64,
    pub(crate) input: StdinQueue,
}

impl Stdin {
    /// The generation that reads this stdin.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Writes the bytes unchanged, in the order of the calls. Waits while the queue holds `limits.stdinBufferMb`.
    ///
    /// # Errors
    /// [`Error::NotRunning`] if the generation has ended, its stdin was closed, or it ends while the write waits.
    pub async fn write(&self, data: impl Into<Bytes>) -> Result<(), Error> {
        self.input.write(data.into()).await.map_err(|_| self.not_running())
    }

    /// Writes all bytes or none, without waiting. Returns the number of queued bytes after the write. One write may
    /// exceed `limits.stdinBufferMb`; then further writes fail until less than the limit is queued.
    ///
    /// # Errors
    /// [`Error::StdinFull`] while the queue is full or another write waits; otherwise as [`Stdin::write`].
    pub fn try_write(&self, data: impl Into<Bytes>) -> Result<usize, Error> {
        self.input.try_write(data.into()).map_err(|refused| match refused {
            Refused::Closed => self.not_running(),
            Refused::Full(limit) => Error::StdinFull {
                name: self.name.clone(),
                limit,
                generation: Some(self.generation),
            },
        })
    }

    /// Waits until the queue has room for [`Stdin::try_write`]. Another writer may take it first.
    ///
    /// # Errors
    /// As [`Stdin::write`].
    pub async fn room(&self) -> Result<(), Error> {
        self.input.room().await.map_err(|_| self.not_running())
    }

    /// Ends the stdin after the queued bytes.
    pub fn close(&self) {
        self.input.close();
    }

    fn not_running(&self) -> Error {
        Error::NotRunning(self.name.clone())
    }
}
