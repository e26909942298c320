//! What a process tells its subscribers.

use bytes::Bytes;

use crate::wire::{ExitReason, State};

/// Something that happened to one generation of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// One line of stdout without its terminator; in byte mode a chunk exactly as written. It may share its
    /// memory, 64 KiB or more, with its neighbours: copy what is to be kept for long.
    Stdout(Bytes),
    /// The same for stderr.
    Stderr(Bytes),
    /// Text of a line whose end has not come for a while, as of a prompt, or of progress drawn with carriage
    /// returns: then each state is one event, with its carriage return. What follows in the same line comes in
    /// more of these, and its end as [`Event::Stdout`] or [`Event::Stderr`] with the rest. Text on stdout that
    /// begins with `{`, as RPC frames do, never comes so.
    Partial {
        /// Which stream.
        stream: Stream,
        /// The text.
        data: Bytes,
    },
    /// The state changed. `Exited` comes as [`Event::Exit`] instead.
    State(State),
    /// It ended. The last event of its generation, sent exactly once.
    Exit {
        /// Why.
        reason: ExitReason,
        /// The exit code; `None` when a signal or a kill ended it.
        code: Option<i32>,
    },
    /// A line grew past `limits.lineMb` and is being dropped; the next line is read as usual.
    LineTooLong {
        /// Which stream.
        stream: Stream,
        /// The limit in bytes.
        limit: usize,
    },
    /// This subscriber was too slow, or a line was too long: so much output is gone.
    Dropped {
        /// Events that were dropped.
        events: u64,
        /// Bytes of output in them.
        bytes: u64,
    },
}

impl Event {
    /// Where it came from, if it is output.
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
    /// Protocol: frames, one a line.
    Stdout,
    /// Log.
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

/// An event with its place in the process's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Counts the events of one name, across generations. What a subscriber missed is a gap here.
    pub seq: u64,
    /// The start that this belongs to.
    pub generation: u64,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// The text of a line, or of a part, with what is not UTF-8 replaced; `None` for other events.
    #[must_use]
    pub fn text(&self) -> Option<std::borrow::Cow<'_, str>> {
        match &self.event {
            Event::Stdout(text) | Event::Stderr(text) | Event::Partial { data: text, .. } => {
                Some(String::from_utf8_lossy(text))
            }
            _ => None,
        }
    }

    /// What keeping it costs, in bytes; a flat amount stands for the bookkeeping, so that a flood
    /// of empty lines is bounded too.
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
