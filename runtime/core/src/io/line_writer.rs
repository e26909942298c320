//! Writes one output stream of one generation into the history: bytes in, events out.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;

use crate::io::event::{Event, Stream};
use crate::io::history::{CutOff, History};
use crate::io::line_splitter::{Chunk, Frame, LineSplitter};
use crate::wire::Framing;

/// The interval of ticks. Text of an unfinished line waits for one to two intervals.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// Creates the line writers of one generation.
#[derive(Clone)]
pub(crate) struct LineWriters {
    pub(crate) history: History,
    pub(crate) generation: u64,
    pub(crate) framing: Framing,
    /// Longest line, in bytes.
    pub(crate) line_limit: usize,
}

impl LineWriters {
    pub(crate) fn stream(&self, stream: Stream) -> LineWriter {
        LineWriter {
            splitter: LineSplitter::new(self.framing, self.line_limit),
            stream,
            writers: self.clone(),
            pending: VecDeque::new(),
        }
    }

    /// Refuses further output; waiting writers fail.
    pub(crate) fn cut_off(&self) {
        self.history.cut_off(self.generation);
    }
}

/// One output stream of one generation.
///
/// Writing has two steps, so that a caller does not hold a lock on the writer while it waits: `append` splits the
/// bytes into events, and a flush moves the events to the history in order.
pub(crate) struct LineWriter {
    splitter: LineSplitter,
    stream: Stream,
    writers: LineWriters,
    pending: VecDeque<Event>,
}

impl LineWriter {
    pub(crate) fn append(&mut self, data: &[u8]) {
        self.cut(|splitter, emit| splitter.push(data, emit));
    }

    /// The buffer for the next read. Call [`take_read`](Self::take_read) after the read.
    pub(crate) fn room(&mut self) -> &mut BytesMut {
        self.splitter.room()
    }

    /// Splits the bytes that were read into [`room`](Self::room).
    pub(crate) fn take_read(&mut self) {
        self.cut(|splitter, emit| splitter.cut(emit));
    }

    /// Appends a frame of the frame API.
    pub(crate) fn append_frame(&mut self, frame: Frame) {
        self.cut(|splitter, emit| splitter.push_frame(frame, emit));
    }

    /// Ends the stream; emits a last line without a terminator.
    pub(crate) fn append_end(&mut self) {
        self.cut(|splitter, emit| splitter.finish(emit));
    }

    /// Whether an unfinished line is held. Then [`tick`](Self::tick) must be called every [`TICK`].
    pub(crate) fn holds_text(&self) -> bool {
        self.splitter.holds_text()
    }

    /// Emits text of an unfinished line that is unchanged since the last tick. Does nothing while events wait for a
    /// subscriber: the rest of the line may arrive before they are flushed.
    pub(crate) fn tick(&mut self) {
        if !self.is_flushed() {
            return;
        }
        let may_have_frames = self.stream == Stream::Stdout;
        self.cut(|splitter, emit| splitter.tick(may_have_frames, emit));
    }

    /// Whether no event waits for room in the history.
    pub(crate) fn is_flushed(&self) -> bool {
        self.pending.is_empty()
    }

    /// Flushes all events. Blocks the thread while a subscriber must be waited for.
    pub(crate) fn flush_blocking(&mut self) -> Result<(), CutOff> {
        let LineWriters { history, generation, .. } = &self.writers;
        history.push_blocking(*generation, &mut self.pending)
    }

    /// Flushes without waiting. Returns `false` if a subscriber must be waited for first.
    pub(crate) fn try_flush(&mut self) -> Result<bool, CutOff> {
        let LineWriters { history, generation, .. } = &self.writers;
        history.try_push(*generation, &mut self.pending)
    }

    pub(crate) async fn flush(&mut self) -> Result<(), CutOff> {
        let history = self.writers.history.clone();
        history.retry_until_pushed(|| self.try_flush()).await
    }

    pub(crate) fn history(&self) -> History {
        self.writers.history.clone()
    }

    fn cut(&mut self, cut: impl FnOnce(&mut LineSplitter, &mut dyn FnMut(Chunk))) {
        let (stream, limit, pending) = (self.stream, self.writers.line_limit, &mut self.pending);
        let LineWriters { history, generation, .. } = &self.writers;
        cut(&mut self.splitter, &mut |chunk| {
            if let (Chunk::Data(line), Stream::Stdout) = (&chunk, stream)
                && line.first() == Some(&b'{')
                && let Some(sink) = history.frame_sink()
            {
                sink.frame(*generation, line);
            }
            pending.push_back(match (chunk, stream) {
                (Chunk::Data(line), Stream::Stdout) => Event::Stdout(line),
                (Chunk::Data(line), Stream::Stderr) => Event::Stderr(line),
                (Chunk::Partial(data), stream) => Event::Partial { stream, data },
                (Chunk::TooLong, stream) => Event::LineTooLong { stream, limit },
                (Chunk::Dropped(bytes), _) => Event::Dropped { events: 1, bytes },
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn partial_text_is_not_emitted_while_events_wait_for_a_subscriber() {
        let history = History::new(0);
        history.start_generation(1, 1);
        let mut subscriber = history.subscribe_held(None);
        let writers =
            LineWriters { history, generation: 1, framing: Framing::Lines, line_limit: 1 << 20 };
        let mut writer = writers.stream(Stream::Stderr);
        writer.append(b"one\ntwo\nthr");
        assert_eq!(writer.try_flush(), Ok(false), "the history has room for one line");
        writer.tick();
        writer.tick();
        writer.append(b"ee\n");
        let mut lines = Vec::new();
        while lines.len() < 3 {
            for record in subscriber.recv_batch(usize::MAX).await {
                subscriber.release(record.seq);
                lines.push(record.event);
            }
            assert!(writer.try_flush().is_ok());
        }
        let expected = ["one", "two", "three"].map(|line| Event::Stderr(line.into()));
        assert_eq!(lines, expected);
    }
}
