//! Where one stream of one generation writes: bytes in, events into the history out.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;

use crate::io::event::{Event, Stream};
use crate::io::history::{CutOff, History};
use crate::io::line_splitter::{Chunk, LineSplitter, WholeLine};
use crate::wire::Framing;

/// How long text waits for the end of its line; twice as long at the most.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// Makes the two sinks of a generation.
#[derive(Clone)]
pub(crate) struct LineWriters {
    pub(crate) output: History,
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
            sinks: self.clone(),
            pending: VecDeque::new(),
        }
    }

    /// Nothing more is taken, and whoever waits to write fails.
    pub(crate) fn cut_off(&self) {
        self.output.cut_off(self.generation);
    }
}

/// One output stream of one generation.
///
/// Writing has two halves, so that a caller need not hold the sink while it waits: `append` takes the
/// bytes, flushing hands the events that came of them to the history, in order.
pub(crate) struct LineWriter {
    splitter: LineSplitter,
    stream: Stream,
    sinks: LineWriters,
    pending: VecDeque<Event>,
}

impl LineWriter {
    pub(crate) fn append(&mut self, data: &[u8]) {
        self.cut(|splitter, emit| splitter.push(data, emit));
    }

    /// Where a reader puts the next bytes without a copy; then they are to be [taken](Self::take_read).
    pub(crate) fn room(&mut self) -> &mut BytesMut {
        self.splitter.room()
    }

    /// Takes what was put into the [room](Self::room).
    pub(crate) fn take_read(&mut self) {
        self.cut(|splitter, emit| splitter.cut(emit));
    }

    /// Like `append`, for a line.
    pub(crate) fn append_line(&mut self, line: WholeLine) {
        self.cut(|splitter, emit| splitter.push_line(line, emit));
    }

    /// Ends the stream; a line without a terminator is a line.
    pub(crate) fn append_end(&mut self) {
        self.cut(|splitter, emit| splitter.finish(emit));
    }

    /// Whether text waits for the end of its line. Then the sink wants a [tick](Self::tick) every [`TICK`].
    pub(crate) fn holds_text(&self) -> bool {
        self.splitter.holds_text()
    }

    /// Takes text that has waited for the end of its line since the last tick. Behind events that wait for
    /// a subscriber none is taken: the rest of its line may come before they are gone.
    pub(crate) fn tick(&mut self) {
        if !self.is_flushed() {
            return;
        }
        let may_have_frames = self.stream == Stream::Stdout;
        self.cut(|splitter, emit| splitter.tick(may_have_frames, emit));
    }

    /// Whether nothing waits for room.
    pub(crate) fn is_flushed(&self) -> bool {
        self.pending.is_empty()
    }

    /// Blocks the thread while a subscriber must be waited for.
    pub(crate) fn flush_blocking(&mut self) -> Result<(), CutOff> {
        let LineWriters { output, generation, .. } = &self.sinks;
        output.push_blocking(*generation, &mut self.pending)
    }

    /// `false` when a subscriber must be waited for first.
    pub(crate) fn try_flush(&mut self) -> Result<bool, CutOff> {
        let LineWriters { output, generation, .. } = &self.sinks;
        output.try_push(*generation, &mut self.pending)
    }

    pub(crate) async fn flush(&mut self) -> Result<(), CutOff> {
        let output = self.sinks.output.clone();
        output.until(|| self.try_flush()).await
    }

    pub(crate) fn output(&self) -> History {
        self.sinks.output.clone()
    }

    fn cut(&mut self, cut: impl FnOnce(&mut LineSplitter, &mut dyn FnMut(Chunk))) {
        let (stream, limit, pending) = (self.stream, self.sinks.line_limit, &mut self.pending);
        cut(&mut self.splitter, &mut |piece| {
            pending.push_back(match (piece, stream) {
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
    async fn text_behind_events_that_wait_for_a_subscriber_waits_for_its_line() {
        let output = History::new(0);
        output.begin(1, 1);
        let mut page = output.subscribe_held(None);
        let sinks =
            LineWriters { output, generation: 1, framing: Framing::Lines, line_limit: 1 << 20 };
        let mut sink = sinks.stream(Stream::Stderr);
        sink.append(b"one\ntwo\nthr");
        assert_eq!(sink.try_flush(), Ok(false), "there is room for one line");
        sink.tick();
        sink.tick();
        sink.append(b"ee\n");
        let mut lines = Vec::new();
        while lines.len() < 3 {
            for record in page.recv_batch(usize::MAX).await {
                page.release(record.seq);
                lines.push(record.event);
            }
            assert!(sink.try_flush().is_ok());
        }
        let expected = ["one", "two", "three"].map(|line| Event::Stderr(line.into()));
        assert_eq!(lines, expected);
    }
}
