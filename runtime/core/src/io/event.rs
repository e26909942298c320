//! The events of a process.

use bytes::Bytes;

use crate::wire::{ExitReason, State};

/// An event of one generation of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// One line of stdout without its terminator; with `Framing::Bytes` one chunk exactly as read. It may share an
    /// allocation of 64 KiB or more with other events: copy the bytes to store them for long.
    Stdout(Bytes),
    /// The same for stderr.
    Stderr(Bytes),
    /// The start of a line that has no end yet, after 100 to 200 ms: a prompt, or a progress display. Text that is
    /// overwritten with carriage returns is one event per state, each with its carriage return. More text of the
    /// line follows in further partial events, and the rest as [`Event::Stdout`] or [`Event::Stderr`]. A line on
    /// stdout that starts with `{`, like an RPC frame, is never split.
    Partial {
        /// The stream.
        stream: Stream,
        /// The text.
        data: Bytes,
    },
    /// The state changed. The change to `Exited` is [`Event::Exit`] instead.
    State(State),
    /// The process ended. The last event of its generation, sent exactly once.
    Exit {
        /// Why the process ended.
        reason: ExitReason,
        /// The exit code; `None` when a signal or a kill ended it.
        code: Option<i32>,
    },
    /// A line exceeds `limits.lineMb` and is dropped. The next line is not affected.
    LineTooLong {
        /// The stream.
        stream: Stream,
        /// The limit in bytes.
        limit: usize,
    },
    /// Output was dropped because this subscriber was too slow, or because a line was too long.
    Dropped {
        /// The number of dropped events.
        events: u64,
        /// Bytes of output in these events.
        bytes: u64,
    },
}

impl Event {
    /// The stream that the event belongs to, if it is output.
    pub(crate) fn stream(&self) -> Option<Stream> {
        match self {
            Self::Stdout(_) => Some(Stream::Stdout),
            Self::Stderr(_) => Some(Stream::Stderr),
            Self::LineTooLong { stream, .. } | Self::Partial { stream, .. } => Some(*stream),
            _ => None,
        }
    }
}

/// An output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// For the protocol: one frame per line.
    Stdout,
    /// For the log.
    Stderr,
}

impl Stream {
    /// `stdout` or `stderr`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// An event with its position in the history of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The number of the event; counts the events of one name across generations. Missed events are gaps.
    pub seq: u64,
    /// The generation of the process.
    pub generation: u64,
    /// The event.
    pub event: Event,
}

impl Record {
    /// The text of a line or partial line; invalid UTF-8 is replaced. `None` for other events.
    #[must_use]
    pub fn text(&self) -> Option<std::borrow::Cow<'_, str>> {
        match &self.event {
            Event::Stdout(text) | Event::Stderr(text) | Event::Partial { data: text, .. } => {
                Some(String::from_utf8_lossy(text))
            }
            _ => None,
        }
    }

    /// The cost of storing the record, in bytes. Includes a constant for bookkeeping, so that a flood of empty lines
    /// is bounded too.
    pub(crate) fn cost(&self) -> usize {
        const FLAT: usize = 64;
        FLAT + self.output_len()
    }

    pub(crate) fn output_len(&self) -> usize {
        match &self.event {
            Event::Stdout(data) | Event::Stderr(data) | Event::Partial { data, .. } => data.len(),
            _ => 0,
        }
    }
}
