//! The queued bytes, the waiting writes, and the limits on both. Never blocks.

mod lines;

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::oneshot;

use self::lines::TooLong;
pub(crate) use self::lines::{Line, LineTooLong};
use crate::io::line_splitter::is_ascii_line;
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
    pub(super) fn looked_through(data: Bytes) -> Self {
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
    Unseen,
    HasRead,
    /// Its last read found nothing: all earlier bytes have reached the process.
    Waiting,
}

pub(super) struct Queue {
    chunks: VecDeque<QueuedBytes>,
    queued: usize,
    capacity: usize,
    framing: Framing,
    line_limit: usize,
    /// The start of an unfinished line, if the reader reads lines.
    line: Vec<u8>,
    too_long: TooLong,
    /// Writes that wait for room, in the order of the calls.
    waiting: VecDeque<(QueuedBytes, oneshot::Sender<()>)>,
    shortcut: Option<DirectWrite>,
    reader: Reader,
    eof: bool,
    broken: bool,
}

impl Queue {
    pub(super) fn new(framing: Framing, capacity: usize, line_limit: usize) -> Self {
        Self {
            chunks: VecDeque::new(),
            queued: 0,
            capacity,
            framing,
            line_limit,
            line: Vec::new(),
            too_long: TooLong::No,
            waiting: VecDeque::new(),
            shortcut: None,
            reader: Reader::Unseen,
            eof: false,
            broken: false,
        }
    }

    pub(super) fn shorten(&mut self, shortcut: DirectWrite) {
        self.shortcut = Some(shortcut);
    }

    /// Writes the bytes directly to the process if the queue is empty and its reader waits. Returns whether it has.
    /// Only ASCII: a write that starts or ends inside a character needs the queue.
    pub(super) fn pass(&self, QueuedBytes { data, .. }: &QueuedBytes) -> bool {
        let is_next = self.reader == Reader::Waiting && self.queued == 0 && self.waiting.is_empty();
        is_next
            && !self.is_closed()
            && data.is_ascii()
            && self.shortcut.as_ref().is_some_and(|shortcut| shortcut(data))
    }

    /// Queues the bytes, or returns a receiver that resolves when they are queued.
    pub(super) fn write(
        &mut self,
        chunk: QueuedBytes,
    ) -> Result<Option<oneshot::Receiver<()>>, Closed> {
        if self.is_closed() {
            return Err(Closed);
        }
        if chunk.data.is_empty() {
            return Ok(None);
        }
        if self.has_room(chunk.data.len()) {
            self.enqueue(chunk);
            return Ok(None);
        }
        let (accepted, receiver) = oneshot::channel();
        self.waiting.push_back((chunk, accepted));
        Ok(Some(receiver))
    }

    /// Queues the bytes without waiting, or refuses them. Returns the number of queued bytes. The last accepted write
    /// may exceed the capacity: a caller that waits for room cannot specify an amount, so a large write would retry
    /// repeatedly.
    pub(super) fn try_write(&mut self, chunk: QueuedBytes) -> Result<usize, Refused> {
        if self.is_closed() {
            return Err(Refused::Closed);
        }
        if chunk.data.is_empty() {
            return Ok(self.unread());
        }
        if !self.takes_more() {
            return Err(Refused::Full(self.capacity));
        }
        self.enqueue(chunk);
        Ok(self.queued)
    }

    /// Whether a write would be queued at once or fail with `Closed`.
    pub(super) fn is_writable(&self) -> bool {
        self.is_closed() || self.takes_more()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.eof || self.broken
    }

    /// Even a small capacity has room for a whole character: readers wait for the end of a split one.
    fn takes_more(&self) -> bool {
        self.waiting.is_empty() && self.queued < self.capacity.max(LONGEST_CHAR)
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
        self.chunks.clear();
        self.line.clear();
        self.waiting.clear();
        self.queued = 0;
        self.shortcut = None;
    }

    /// Whether every further read returns the end.
    pub(super) fn is_over(&self) -> bool {
        self.broken || (self.at_end() && self.line.is_empty())
    }

    /// Whether a read may return something.
    pub(super) fn is_readable(&self) -> bool {
        !self.chunks.is_empty() || self.too_long == TooLong::Untold || self.broken || self.at_end()
    }

    pub(super) fn has_been_read(&self) -> bool {
        self.reader != Reader::Unseen
    }

    pub(super) fn unread(&self) -> usize {
        self.queued + self.waiting.iter().map(|(chunk, _)| chunk.data.len()).sum::<usize>()
    }

    /// An empty queue accepts a write of any size, so that a frame may exceed the capacity.
    fn has_room(&self, len: usize) -> bool {
        self.waiting.is_empty() && (self.queued == 0 || self.queued + len <= self.capacity)
    }

    fn enqueue(&mut self, chunk: QueuedBytes) {
        self.queued += chunk.data.len();
        self.chunks.push_back(chunk);
    }

    /// Reads into `buffer`; 0 is the end, `None` means that nothing is readable yet.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let count = self.take(buffer);
        self.reader = if count.is_none() { Reader::Waiting } else { Reader::HasRead };
        count
    }

    fn take(&mut self, buffer: &mut [u8]) -> Option<usize> {
        loop {
            let filled = self.fill(buffer);
            self.admit_waiting();
            if filled > 0 {
                return Some(filled);
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
        self.give_back_line();
        let mut filled = 0;
        while filled < buffer.len() {
            let Some(front) = self.chunks.front_mut() else {
                break;
            };
            let front = &mut front.data;
            let count = front.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&front[..count]);
            filled += count;
            if count == front.len() {
                self.chunks.pop_front();
            } else {
                let _ = front.split_to(count);
            }
        }
        self.queued -= filled;
        filled -= self.give_back_split_line(&buffer[..filled]);
        filled - self.give_back_split_char(&buffer[..filled])
    }

    /// Where more is queued than the buffer holds, a read ends with a line if it can: kkrpc's
    /// adapters look at every chunk by itself, and lose a terminator that comes alone.
    fn give_back_split_line(&mut self, chunk: &[u8]) -> usize {
        if self.framing == Framing::Bytes || self.chunks.is_empty() {
            return 0;
        }
        let whole = memchr::memrchr(b'\n', chunk).map_or(0, |end| end + 1);
        let next_is_a_lone_end = whole == 0
            && chunk.len() > 1
            && self.chunks.front().is_some_and(|next| next.data.first() == Some(&b'\n'));
        match whole {
            0 if next_is_a_lone_end => self.give_back(&chunk[chunk.len() - 1..]),
            0 => 0,
            whole => self.give_back(&chunk[whole..]),
        }
    }

    /// Puts the bytes back: the next read returns them first.
    pub(super) fn put_back(&mut self, data: &[u8]) {
        if !self.broken {
            self.give_back_line();
            self.give_back(data);
        }
    }

    /// Puts the start of an unfinished line back, which a reader of lines has left.
    fn give_back_line(&mut self) {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.queued += line.len();
            self.chunks.push_front(Bytes::from(line).into());
        }
    }

    fn give_back(&mut self, tail: &[u8]) -> usize {
        if !tail.is_empty() {
            self.chunks.push_front(Bytes::copy_from_slice(tail).into());
            self.queued += tail.len();
        }
        tail.len()
    }

    /// kkrpc's adapters decode every chunk by itself, so a chunk must not end inside a character.
    fn give_back_split_char(&mut self, chunk: &[u8]) -> usize {
        if self.framing == Framing::Bytes || self.at_end() {
            return 0;
        }
        let tail = incomplete_utf8_tail(chunk);
        // A buffer smaller than the character is filled all the same: its reader counts bytes.
        if tail == 0 || (tail == chunk.len() && !self.chunks.is_empty()) {
            return 0;
        }
        self.give_back(&chunk[chunk.len() - tail..])
    }

    fn at_end(&self) -> bool {
        self.eof && self.chunks.is_empty() && self.waiting.is_empty()
    }

    fn admit_waiting(&mut self) {
        while let Some((chunk, _)) = self.waiting.front() {
            if self.queued > 0 && self.queued + chunk.data.len() > self.capacity {
                return;
            }
            self.admit_first_waiting();
        }
    }

    /// Queues the first waiting write. Returns `false` if there is none.
    fn admit_first_waiting(&mut self) -> bool {
        let Some((chunk, accepted)) = self.waiting.pop_front() else {
            return false;
        };
        // The bytes of a writer that has given up are dropped.
        if accepted.send(()).is_ok() {
            self.enqueue(chunk);
        }
        true
    }
}

/// How many bytes at the end of `chunk` begin a UTF-8 sequence that is not complete.
pub(crate) fn incomplete_utf8_tail(chunk: &[u8]) -> usize {
    for back in 1..=chunk.len().min(3) {
        let needed = match chunk[chunk.len() - back] {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => return 0,
        };
        return if needed > back { back } else { 0 };
    }
    0
}
