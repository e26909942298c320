//! The stdin of one generation: what is written to it never reaches another.

use bytes::Bytes;

use crate::error::Error;
use crate::io::stdin_queue::{Refused, StdinQueue};

/// The stdin of one start (generation) of a process; clones share it.
///
/// It stays that of its generation: when that has ended every write fails, whatever runs under the name then.
#[derive(Clone)]
pub struct Stdin {
    pub(crate) name: String,
    pub(crate) generation: u64,
    pub(crate) input: StdinQueue,
}

impl Stdin {
    /// The generation that reads it.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Writes exactly what is given. Waits while the process is `limits.stdinBufferMb` behind; writes arrive in
    /// the order of the calls.
    ///
    /// # Errors
    /// [`Error::NotRunning`] when the generation has ended, its stdin was closed, or it ends while the write
    /// waits.
    pub async fn write(&self, data: impl Into<Bytes>) -> Result<(), Error> {
        self.input.write(data.into()).await.map_err(|_| self.not_running())
    }

    /// Writes without waiting: everything or nothing. Returns the bytes that wait to be read then. One write may
    /// go over `limits.stdinBufferMb`, and nothing more is taken after it until the process has read so much
    /// that less than the limit waits.
    ///
    /// # Errors
    /// [`Error::StdinFull`] while as much waits as may, or another write does; the others of
    /// [`Stdin::write`].
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

    /// Waits until [`Stdin::try_write`] would take something. Another writer may be quicker.
    ///
    /// # Errors
    /// Those of [`Stdin::write`].
    pub async fn room(&self) -> Result<(), Error> {
        self.input.room().await.map_err(|_| self.not_running())
    }

    /// Ends the stdin after what was written.
    pub fn close(&self) {
        self.input.close();
    }

    fn not_running(&self) -> Error {
        Error::NotRunning(self.name.clone())
    }
}
