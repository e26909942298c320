//! The way into a process: a bounded queue of bytes between writers and its stdin.
//!
//! Any number of writers, one reader. Writes are taken in the order of the calls; when the queue is
//! full a writer waits and holds no lock. The reader may be a thread that blocks (an isolate's
//! synchronous read) or a task. Breaking the pipe wakes everybody, so a kill never waits for either.

mod queue;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

pub(crate) use self::queue::LineTooLong;
use self::queue::{Available, Chunk, NextLines, Queue};
pub(crate) use self::queue::{Closed, Line, Refused, Shortcut, incomplete_utf8_tail};
use crate::wire::Framing;

/// Both ends of one process's stdin; clones share it.
#[derive(Clone)]
pub(crate) struct Input(Arc<Shared>);

struct Shared {
    state: Mutex<Queue>,
    /// Wakes the one reader that blocks its thread.
    readable: Condvar,
    /// Wakes the one reader that is a task.
    readable_async: Notify,
    /// Wakes everybody who waits for room and writes nothing meanwhile.
    writable: Notify,
    /// Somebody reads whole lines.
    is_read_in_lines: AtomicBool,
}

impl Input {
    pub(crate) fn new(framing: Framing, capacity: usize, line_limit: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(Queue::new(framing, capacity, line_limit)),
            readable: Condvar::new(),
            readable_async: Notify::new(),
            writable: Notify::new(),
            is_read_in_lines: AtomicBool::new(false),
        }))
    }

    /// From now on writes may go past the queue while nothing is in it and its reader waits.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only pipes of Unix can be written so"))]
    pub(crate) fn shorten(&self, shortcut: Shortcut) {
        self.lock().shorten(shortcut);
    }

    /// Queues `data`; waits while the queue is full. Dropping the future withdraws what still waits.
    pub(crate) async fn write(&self, data: Bytes) -> Result<(), Closed> {
        let accepted = {
            let chunk = self.chunk(data);
            let mut queue = self.lock();
            if queue.pass(&chunk) {
                return Ok(());
            }
            queue.write(chunk)?
        };
        // A reader that holds the beginning of a character waits for what could not be queued too.
        self.wake_reader();
        let Some(accepted) = accepted else { return Ok(()) };
        // Dropped after the receiver, so that it looks after that is gone.
        let withdraw = Withdraw(self);
        let written = accepted.await.map_err(|_| Closed);
        std::mem::forget(withdraw);
        written
    }

    /// Queues `data` at once or not at all; tells how many bytes are queued then.
    pub(crate) fn try_write(&self, data: Bytes) -> Result<usize, Refused> {
        let chunk = self.chunk(data);
        let mut queue = self.lock();
        if queue.pass(&chunk) {
            return Ok(queue.unread());
        }
        let queued = queue.try_write(chunk)?;
        drop(queue);
        self.wake_reader();
        Ok(queued)
    }

    /// Waits until `try_write` would take something.
    pub(crate) async fn room(&self) -> Result<(), Closed> {
        loop {
            let room = self.0.writable.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let state = self.lock();
                if state.is_writable() {
                    return if state.is_closed() { Err(Closed) } else { Ok(()) };
                }
            }
            room.await;
        }
    }

    /// No more will be written; the reader sees the end after what is queued.
    pub(crate) fn close(&self) {
        self.lock().close();
        self.wake_reader();
        self.0.writable.notify_waiters();
    }

    /// Throws away what is queued; the reader sees the end, writers an error.
    pub(crate) fn break_pipe(&self) {
        self.lock().break_pipe();
        self.wake_reader();
        self.0.writable.notify_waiters();
    }

    /// Bytes that the process has not read yet.
    pub(crate) fn queued(&self) -> usize {
        self.lock().unread()
    }

    /// Reads into `buffer`, blocking the thread; 0 is the end.
    pub(crate) fn read_blocking(&self, buffer: &mut [u8]) -> usize {
        let mut state = self.lock();
        loop {
            match state.read(buffer) {
                Available::Data(count) => {
                    drop(state);
                    self.0.writable.notify_waiters();
                    return count;
                }
                Available::End => return 0,
                Available::Nothing => self.0.readable.wait(&mut state),
            }
        }
    }

    /// Reads into `buffer`; 0 is the end. Cancel-safe: nothing is taken before it is returned.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> usize {
        loop {
            let available = self.lock().read(buffer);
            self.0.writable.notify_waiters();
            match available {
                Available::Data(count) => {
                    self.wake_next_reader();
                    return count;
                }
                Available::End => {
                    self.wake_next_reader();
                    return 0;
                }
                Available::Nothing => self.0.readable_async.notified().await,
            }
        }
    }

    /// The next lines, as many as there are up to a bound; none at the end. Cancel-safe.
    pub(crate) async fn read_lines(&self) -> Result<Vec<Line>, LineTooLong> {
        self.0.is_read_in_lines.store(true, Ordering::Relaxed);
        loop {
            let next = self.lock().read_lines();
            self.0.writable.notify_waiters();
            match next? {
                NextLines::Lines(lines) => {
                    self.wake_next_reader();
                    return Ok(lines);
                }
                NextLines::Nothing => self.0.readable_async.notified().await,
            }
        }
    }

    /// A writer has just made its data, and has less to do than a reader of lines: it looks in the reader's
    /// place.
    fn chunk(&self, data: Bytes) -> Chunk {
        if self.0.is_read_in_lines.load(Ordering::Relaxed) {
            Chunk::looked_through(data)
        } else {
            data.into()
        }
    }

    /// A script may read several times at once; what one read leaves is for the next.
    fn wake_next_reader(&self) {
        if self.lock().is_readable() {
            self.0.readable_async.notify_one();
        }
    }

    fn wake_reader(&self) {
        self.0.readable.notify_one();
        self.0.readable_async.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.state.lock()
    }
}

/// Takes the bytes of a write that was given up out of the queue.
struct Withdraw<'a>(&'a Input);

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        self.0.lock().withdraw();
        self.0.0.writable.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
