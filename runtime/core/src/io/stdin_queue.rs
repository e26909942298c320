//! The way into a process: a bounded queue of bytes between writers and its stdin.
//!
//! Any number of writers and readers: a script and its workers share one stdin. Writes are taken in the
//! order of the calls; when the queue is full a writer waits and holds no lock. A reader may be a thread
//! that blocks (an isolate's synchronous read) or a task. Every change and every read wakes all readers
//! that can go on; breaking the pipe wakes all readers and writers, so a kill waits for neither.

mod queue;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;

pub(crate) use self::queue::LineTooLong;
pub(crate) use self::queue::{Closed, DirectWrite, Line, Refused, incomplete_utf8_tail};
use self::queue::{Queue, QueuedBytes};
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering};
use crate::wire::Framing;

/// Both ends of one process's stdin; clones share it.
#[derive(Clone)]
pub(crate) struct StdinQueue(Arc<Shared>);

struct Shared {
    state: Mutex<Queue>,
    /// Wakes the readers that block their threads.
    readable: Condvar,
    /// Wakes the readers that are tasks.
    readable_async: Notify,
    /// Wakes the callers of `room`.
    writable: Notify,
    /// Somebody reads whole lines.
    is_read_in_lines: AtomicBool,
    /// The process itself has begun to read.
    is_read: AtomicBool,
}

impl StdinQueue {
    pub(crate) fn new(framing: Framing, capacity: usize, line_limit: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(Queue::new(framing, capacity, line_limit)),
            readable: Condvar::new(),
            readable_async: Notify::new(),
            writable: Notify::new(),
            is_read_in_lines: AtomicBool::new(false),
            is_read: AtomicBool::new(false),
        }))
    }

    /// From now on writes may go past the queue while nothing is in it and its reader waits.
    #[cfg_attr(
        not(any(unix, test)),
        expect(dead_code, reason = "only pipes of Unix can be written so")
    )]
    pub(crate) fn shorten(&self, shortcut: DirectWrite) {
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
            let accepted = queue.write(chunk)?;
            // A reader that holds the beginning of a character waits for what could not be queued too.
            self.wake(queue);
            accepted
        };
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
        self.wake(queue);
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

    /// No more will be written; readers see the end after what is queued.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        queue.close();
        self.wake(queue);
    }

    /// Throws away what is queued; readers see the end, writers an error.
    pub(crate) fn break_pipe(&self) {
        let mut queue = self.lock();
        queue.break_pipe();
        self.wake(queue);
    }

    /// Puts what was read and not used to the front again.
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "only pipes of Unix are shared with children")
    )]
    pub(crate) fn put_back(&self, data: &[u8]) {
        let mut queue = self.lock();
        queue.put_back(data);
        self.wake(queue);
    }

    /// Whether the process has ever tried to read.
    #[cfg_attr(
        not(feature = "embedded"),
        expect(dead_code, reason = "a child's own reads are not seen")
    )]
    pub(crate) fn has_been_read(&self) -> bool {
        self.lock().has_been_read()
    }

    /// Bytes that the process has not read yet.
    pub(crate) fn queued(&self) -> usize {
        self.lock().unread()
    }

    /// Reads into `buffer`, blocking the thread; 0 is the end.
    pub(crate) fn read_blocking(&self, buffer: &mut [u8]) -> usize {
        self.0.is_read.store(true, Ordering::Relaxed);
        let mut queue = self.lock();
        loop {
            if let Some(count) = queue.read(buffer) {
                self.wake(queue);
                return count;
            }
            self.0.readable.wait(&mut queue);
        }
    }

    /// Reads into `buffer`; 0 is the end. Cancel-safe: nothing is taken before it is returned.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> usize {
        self.0.is_read.store(true, Ordering::Relaxed);
        self.until_found(|queue| queue.read(buffer)).await
    }

    /// The same for a program that the process has started. What the process reads is its own: such a
    /// program gets something only as long as the process waits for its end, or has never read.
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "only pipes of Unix are shared with children")
    )]
    pub(crate) async fn read_for_child(&self, buffer: &mut [u8], is_waited_for: bool) -> usize {
        self.until_found(|queue| {
            let is_free = is_waited_for || !self.0.is_read.load(Ordering::Relaxed);
            if is_free || queue.is_over() { queue.read(buffer) } else { None }
        })
        .await
    }

    /// The next lines, as many as there are up to a bound; none at the end. Cancel-safe.
    pub(crate) async fn read_lines(&self) -> Result<Vec<Line>, LineTooLong> {
        self.0.is_read.store(true, Ordering::Relaxed);
        self.0.is_read_in_lines.store(true, Ordering::Relaxed);
        self.until_found(Queue::read_lines).await
    }

    /// Calls `read` until it finds something.
    async fn until_found<T>(&self, mut read: impl FnMut(&mut Queue) -> Option<T>) -> T {
        loop {
            // Made before the queue is looked at: from here on no wake-up is missed.
            let changed = self.0.readable_async.notified();
            {
                let mut queue = self.lock();
                match read(&mut queue) {
                    Some(found) => {
                        self.wake(queue);
                        return found;
                    }
                    // Even a read that finds nothing may have made room: lines can be too long.
                    None => self.wake_writers(&queue),
                }
            }
            changed.await;
        }
    }

    /// A writer has just made its data, and has less to do than a reader of lines: it looks in the reader's
    /// place.
    fn chunk(&self, data: Bytes) -> QueuedBytes {
        if self.0.is_read_in_lines.load(Ordering::Relaxed) {
            QueuedBytes::looked_through(data)
        } else {
            data.into()
        }
    }

    /// Wakes all that can go on: after a change of the queue, and after a read, which may have left
    /// something for the others.
    fn wake(&self, queue: MutexGuard<'_, Queue>) {
        self.wake_writers(&queue);
        let is_readable = queue.is_readable();
        drop(queue);
        if is_readable {
            self.0.readable.notify_all();
            self.0.readable_async.notify_waiters();
        }
    }

    fn wake_writers(&self, queue: &Queue) {
        if queue.is_writable() {
            self.0.writable.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.state.lock()
    }
}

/// Takes the bytes of a write that was given up out of the queue.
struct Withdraw<'a>(&'a StdinQueue);

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        let Self(input) = self;
        let mut queue = input.lock();
        queue.withdraw();
        input.wake(queue);
    }
}

#[cfg(test)]
mod tests;
