//! The queued bytes, the waiting writes, and the limits on both. Never blocks.

mod lines;

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::oneshot;

use self::lines::TooLong;
pub(crate) use self::lines::{Line, LineTooLong};
use crate::io::line_splitter::is_ascii_line;
use crate::io::read_boundary::deliverable_len;
use crate::wire::Framing;

/// The reader is gone, or the queue was closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// Why a write was refused. Nothing was queued.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Closed,
    /// The queue is full; contains its capacity in bytes.
    Full(usize),
}

/// Writes all bytes to the process without waiting, or none. Returns whether it has.
pub(crate) type DirectWrite = Box<dyn Fn(&[u8]) -> bool + Send>;

/// Bytes of the longest UTF-8 sequence.
const LONGEST_CHAR: usize = 4;

/// The unread bytes of one write.
pub(super) struct QueuedBytes {
    data: Bytes,
    /// Whether the data is ASCII with exactly one line feed, at its end. Stays true after partial reads.
    is_ascii_line: bool,
}

impl QueuedBytes {
    pub(super) fn scanned(data: Bytes) -> Self {
        Self { is_ascii_line: is_ascii_line(&data), data }
    }
}

impl From<Bytes> for QueuedBytes {
    fn from(data: Bytes) -> Self {
        Self { data, is_ascii_line: false }
    }
}

/// The last known state of the reader.
#[derive(PartialEq, Eq)]
enum Reader {
    NeverRead,
    HasRead,
    /// Its last read found nothing: all earlier bytes have reached the process.
    Waiting,
}

/// Who must be notified of a change. A flag stays set if the waiting future is dropped.
#[derive(Default)]
pub(super) struct Waiters {
    /// Tasks wait for bytes.
    pub(super) readers: bool,
    /// Callers wait for room.
    pub(super) writers: bool,
}

pub(super) struct Queue {
    queued: VecDeque<QueuedBytes>,
    queued_len: usize,
    capacity: usize,
    framing: Framing,
    line_limit: usize,
    /// The start of an unfinished line, if the reader reads lines.
    line: Vec<u8>,
    too_long: TooLong,
    /// Writes that wait for room, in the order of the calls.
    waiting: VecDeque<(QueuedBytes, oneshot::Sender<()>)>,
    direct_write: Option<DirectWrite>,
    reader: Reader,
    pub(super) waiters: Waiters,
    eof: bool,
    broken: bool,
}

impl Queue {
    pub(super) fn new(framing: Framing, capacity: usize, line_limit: usize) -> Self {
        Self {
            queued: VecDeque::new(),
            queued_len: 0,
            capacity,
            framing,
            line_limit,
            line: Vec::new(),
            too_long: TooLong::No,
            waiting: VecDeque::new(),
            direct_write: None,
            reader: Reader::NeverRead,
            waiters: Waiters::default(),
            eof: false,
            broken: false,
        }
    }

    pub(super) fn set_direct_write(&mut self, direct_write: DirectWrite) {
        self.direct_write = Some(direct_write);
    }

    /// Writes the bytes directly to the process if the queue is empty and its reader waits. Returns whether it has.
    /// Only ASCII: a write that starts or ends inside a character needs the queue.
    pub(super) fn write_directly(&self, QueuedBytes { data, .. }: &QueuedBytes) -> bool {
        let is_next =
            self.reader == Reader::Waiting && self.queued_len == 0 && self.waiting.is_empty();
        is_next
            && !self.is_closed()
            && data.is_ascii()
            && self.direct_write.as_ref().is_some_and(|direct_write| direct_write(data))
    }

    /// Queues the bytes, or returns a receiver that resolves when they are queued.
    pub(super) fn write(
        &mut self,
        bytes: QueuedBytes,
    ) -> Result<Option<oneshot::Receiver<()>>, Closed> {
        if self.is_closed() {
            return Err(Closed);
        }
        if bytes.data.is_empty() {
            return Ok(None);
        }
        if self.has_room(bytes.data.len()) {
            self.enqueue(bytes);
            return Ok(None);
        }
        let (accepted, receiver) = oneshot::channel();
        self.waiting.push_back((bytes, accepted));
        Ok(Some(receiver))
    }

    /// Queues the bytes without waiting, or refuses them. Returns the number of queued bytes. The last accepted write
    /// may exceed the capacity: a caller that waits for room cannot specify an amount, so a large write would retry
    /// repeatedly.
    pub(super) fn try_write(&mut self, bytes: QueuedBytes) -> Result<usize, Refused> {
        if self.is_closed() {
            return Err(Refused::Closed);
        }
        if bytes.data.is_empty() {
            return Ok(self.unread());
        }
        if !self.accepts_more() {
            return Err(Refused::Full(self.capacity));
        }
        self.enqueue(bytes);
        Ok(self.queued_len)
    }

    /// Whether a write would be queued at once or fail with `Closed`.
    pub(super) fn is_writable(&self) -> bool {
        self.is_closed() || self.accepts_more()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.eof || self.broken
    }

    /// Even a small capacity has room for a whole character: readers wait for the end of a split one.
    fn accepts_more(&self) -> bool {
        self.waiting.is_empty() && self.queued_len < self.capacity.max(LONGEST_CHAR)
    }

    /// Removes waiting writes whose callers have given up.
    pub(super) fn withdraw(&mut self) {
        self.waiting.retain(|(_, accepted)| !accepted.is_closed());
    }

    pub(super) fn close(&mut self) {
        self.eof = true;
    }

    pub(super) fn break_pipe(&mut self) {
        self.broken = true;
        self.queued.clear();
        self.line.clear();
        self.waiting.clear();
        self.queued_len = 0;
        self.direct_write = None;
    }

    /// Whether every further read returns the end.
    pub(super) fn is_finished(&self) -> bool {
        self.broken || (self.at_end() && self.line.is_empty())
    }

    /// Whether a read may return something.
    pub(super) fn is_readable(&self) -> bool {
        !self.queued.is_empty()
            || self.too_long == TooLong::Unreported
            || self.broken
            || self.at_end()
    }

    pub(super) fn has_been_read(&self) -> bool {
        self.reader != Reader::NeverRead
    }

    pub(super) fn unread(&self) -> usize {
        self.queued_len + self.waiting.iter().map(|(bytes, _)| bytes.data.len()).sum::<usize>()
    }

    /// An empty queue accepts a write of any size, so that a frame may exceed the capacity.
    fn has_room(&self, len: usize) -> bool {
        self.waiting.is_empty() && (self.queued_len == 0 || self.queued_len + len <= self.capacity)
    }

    fn enqueue(&mut self, bytes: QueuedBytes) {
        self.queued_len += bytes.data.len();
        self.queued.push_back(bytes);
    }

    /// Reads into `buffer`; 0 is the end, `None` means that nothing is readable yet.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let count = self.take(buffer);
        self.reader = if count.is_none() { Reader::Waiting } else { Reader::HasRead };
        count
    }

    fn take(&mut self, buffer: &mut [u8]) -> Option<usize> {
        loop {
            let count = self.fill(buffer);
            self.admit_waiting();
            if count > 0 {
                return Some(count);
            }
            if self.broken || self.at_end() {
                return Some(0);
            }
            // Only the start of a character is queued; a waiting write may have the rest.
            if !self.admit_first_waiting() {
                return None;
            }
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> usize {
        self.requeue_line();
        let mut count = 0;
        while count < buffer.len() {
            let Some(front) = self.queued.front_mut() else {
                break;
            };
            let front = &mut front.data;
            let part = front.len().min(buffer.len() - count);
            buffer[count..count + part].copy_from_slice(&front[..part]);
            count += part;
            if part == front.len() {
                self.queued.pop_front();
            } else {
                let _ = front.split_to(part);
            }
        }
        self.queued_len -= count;
        if self.framing == Framing::Bytes {
            return count;
        }
        let next = self.queued.front().and_then(|next| next.data.first().copied());
        let is_end = self.eof && self.waiting.is_empty();
        let delivered = deliverable_len(&buffer[..count], next, is_end);
        self.push_front(&buffer[delivered..count]);
        delivered
    }

    /// Puts the bytes back: the next read returns them first.
    pub(super) fn put_back(&mut self, data: &[u8]) {
        if !self.broken {
            self.requeue_line();
            self.push_front(data);
        }
    }

    /// Puts the start of an unfinished line back, which a reader of lines has left.
    fn requeue_line(&mut self) {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.queued_len += line.len();
            self.queued.push_front(Bytes::from(line).into());
        }
    }

    fn push_front(&mut self, data: &[u8]) {
        if !data.is_empty() {
            self.queued.push_front(Bytes::copy_from_slice(data).into());
            self.queued_len += data.len();
        }
    }

    fn at_end(&self) -> bool {
        self.eof && self.queued.is_empty() && self.waiting.is_empty()
    }

    fn admit_waiting(&mut self) {
        while let Some((bytes, _)) = self.waiting.front() {
            if self.queued_len > 0 && self.queued_len + bytes.data.len() > self.capacity {
                return;
            }
            self.admit_first_waiting();
        }
    }

    /// Queues the first waiting write. Returns `false` if there is none.
    fn admit_first_waiting(&mut self) -> bool {
        let Some((bytes, accepted)) = self.waiting.pop_front() else {
            return false;
        };
        // The bytes of a writer that has given up are dropped.
        if accepted.send(()).is_ok() {
            self.enqueue(bytes);
        }
        true
    }
}
