//! A bounded queue of bytes between writers and the stdin of a process.
//!
//! Any number of writers and readers: a script and its workers share one stdin. Writes are queued in the order of the
//! calls; a writer that finds the queue full waits without a lock. A reader is a blocked thread (a synchronous read of
//! an isolate) or a task. Every change and every read wakes all readers that can continue. Breaking the pipe wakes all
//! readers and writers, so a kill waits for neither.

mod queue;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;

pub(crate) use self::queue::LineTooLong;
pub(crate) use self::queue::{Closed, DirectWrite, Line, Refused};
use self::queue::{Queue, QueuedBytes};
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering};
use crate::wire::Framing;

/// Both ends of one process's stdin; clones share it.
#[derive(Clone)]
pub(crate) struct StdinQueue(Arc<Shared>);

struct Shared {
    state: Mutex<Queue>,
    /// Wakes readers that block their thread.
    readable: Condvar,
    /// Wakes readers that are tasks.
    readable_async: Notify,
    /// Wakes the callers of `room`.
    writable: Notify,
    /// Whether `read_lines` was called.
    is_read_by_lines: AtomicBool,
    /// Whether the process itself, and not one of its children, has read.
    is_read_by_process: AtomicBool,
}

impl StdinQueue {
    pub(crate) fn new(framing: Framing, capacity: usize, line_limit: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(Queue::new(framing, capacity, line_limit)),
            readable: Condvar::new(),
            readable_async: Notify::new(),
            writable: Notify::new(),
            is_read_by_lines: AtomicBool::new(false),
            is_read_by_process: AtomicBool::new(false),
        }))
    }

    /// Lets writes bypass the queue while it is empty and its reader waits.
    #[cfg_attr(
        not(any(unix, test)),
        expect(dead_code, reason = "only Unix pipes are written directly")
    )]
    pub(crate) fn set_direct_write(&self, direct_write: DirectWrite) {
        self.lock().set_direct_write(direct_write);
    }

    /// Queues `data`; waits while the queue is full. Dropping the future withdraws a write that still waits.
    pub(crate) async fn write(&self, data: Bytes) -> Result<(), Closed> {
        let accepted = {
            let bytes = self.queued_bytes(data);
            let mut queue = self.lock();
            if queue.write_directly(&bytes) {
                return Ok(());
            }
            let accepted = queue.write(bytes)?;
            // A reader that waits for the end of a split character can also take it from a waiting write.
            self.wake(queue);
            accepted
        };
        let Some(accepted) = accepted else { return Ok(()) };
        // Dropped after the receiver: `withdraw` removes writes whose receiver is gone.
        let withdraw = WithdrawOnDrop(self);
        let written = accepted.await.map_err(|_| Closed);
        std::mem::forget(withdraw);
        written
    }

    /// Queues all of `data` or nothing, without waiting. Returns the number of queued bytes.
    pub(crate) fn try_write(&self, data: Bytes) -> Result<usize, Refused> {
        let bytes = self.queued_bytes(data);
        let mut queue = self.lock();
        if queue.write_directly(&bytes) {
            return Ok(queue.unread());
        }
        let queued = queue.try_write(bytes)?;
        self.wake(queue);
        Ok(queued)
    }

    /// Waits until `try_write` would not return `Refused::Full`.
    pub(crate) async fn room(&self) -> Result<(), Closed> {
        loop {
            let room = self.0.writable.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let mut state = self.lock();
                if state.is_writable() {
                    return if state.is_closed() { Err(Closed) } else { Ok(()) };
                }
                state.waiters.writers = true;
            }
            room.await;
        }
    }

    /// Closes the queue for writers; readers get the queued bytes and then the end.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        queue.close();
        self.wake(queue);
    }

    /// Drops the queued bytes; readers get the end, writers an error.
    pub(crate) fn break_pipe(&self) {
        let mut queue = self.lock();
        queue.break_pipe();
        self.wake(queue);
    }

    /// Puts unused bytes of a read back to the front.
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "only Unix shares the stdin with child processes")
    )]
    pub(crate) fn put_back(&self, data: &[u8]) {
        let mut queue = self.lock();
        queue.put_back(data);
        self.wake(queue);
    }

    /// Whether a read was ever attempted.
    #[cfg_attr(
        not(feature = "embedded"),
        expect(dead_code, reason = "reads of a child process are not visible")
    )]
    pub(crate) fn has_been_read(&self) -> bool {
        self.lock().has_been_read()
    }

    /// Bytes that were written and not read yet, including waiting writes.
    pub(crate) fn queued(&self) -> usize {
        self.lock().unread()
    }

    /// Reads into `buffer`, and blocks the thread until there are bytes; 0 is the end.
    pub(crate) fn read_blocking(&self, buffer: &mut [u8]) -> usize {
        self.0.is_read_by_process.store(true, Ordering::Relaxed);
        let mut queue = self.lock();
        loop {
            if let Some(count) = queue.read(buffer) {
                self.wake(queue);
                return count;
            }
            self.0.readable.wait(&mut queue);
        }
    }

    /// Reads into `buffer`; 0 is the end. Cancel-safe.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> usize {
        self.0.is_read_by_process.store(true, Ordering::Relaxed);
        self.read_when_ready(|queue| queue.read(buffer)).await
    }

    /// Reads for a child of the process that inherits its stdin. The child gets bytes only while the process waits
    /// for the child's exit, or if the process has never read.
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "only Unix shares the stdin with child processes")
    )]
    pub(crate) async fn read_for_child(&self, buffer: &mut [u8], is_waited_for: bool) -> usize {
        self.read_when_ready(|queue| {
            let is_free = is_waited_for || !self.0.is_read_by_process.load(Ordering::Relaxed);
            if is_free || queue.is_finished() { queue.read(buffer) } else { None }
        })
        .await
    }

    /// Reads the complete lines that are queued, up to a bound; an empty result is the end. Cancel-safe.
    pub(crate) async fn read_lines(&self) -> Result<Vec<Line>, LineTooLong> {
        self.0.is_read_by_process.store(true, Ordering::Relaxed);
        self.0.is_read_by_lines.store(true, Ordering::Relaxed);
        self.read_when_ready(Queue::read_lines).await
    }

    /// Calls `read` until it returns something; waits for changes between calls.
    async fn read_when_ready<T>(&self, mut read: impl FnMut(&mut Queue) -> Option<T>) -> T {
        loop {
            // Created before the queue is read, so that no wake-up is missed.
            let changed = self.0.readable_async.notified();
            {
                let mut queue = self.lock();
                if let Some(found) = read(&mut queue) {
                    self.wake(queue);
                    return found;
                }
                queue.waiters.readers = true;
                // A read without a result may have made room: it drops a line that is too long.
                self.wake_writers(&mut queue);
            }
            changed.await;
        }
    }

    /// Scans the data on the writer's thread if the reader reads lines: the writer's cache holds the data, and the
    /// reader's thread is the busier one.
    fn queued_bytes(&self, data: Bytes) -> QueuedBytes {
        if self.0.is_read_by_lines.load(Ordering::Relaxed) {
            QueuedBytes::scanned(data)
        } else {
            data.into()
        }
    }

    /// Wakes all readers and writers that can continue. Called after every change and every read: a read may leave
    /// bytes for other readers.
    fn wake(&self, mut queue: MutexGuard<'_, Queue>) {
        self.wake_writers(&mut queue);
        let is_readable = queue.is_readable();
        // Notifying takes as long as the rest of a write: most writes find no waiting reader.
        let wakes_tasks = is_readable && std::mem::take(&mut queue.waiters.readers);
        drop(queue);
        if is_readable {
            self.0.readable.notify_all();
        }
        if wakes_tasks {
            self.0.readable_async.notify_waiters();
        }
    }

    fn wake_writers(&self, queue: &mut Queue) {
        if queue.is_writable() && std::mem::take(&mut queue.waiters.writers) {
            self.0.writable.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.state.lock()
    }
}

/// Removes a waiting write when its future is dropped.
struct WithdrawOnDrop<'a>(&'a StdinQueue);

impl Drop for WithdrawOnDrop<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.withdraw();
        self.0.wake(queue);
    }
}

#[cfg(test)]
mod tests;
