//! Splits a byte stream into lines of limited length.
//!
//! Works on bytes and never parses a line: invalid UTF-8 passes unchanged, and an RPC frame is an ordinary line.

use bytes::{Bytes, BytesMut};

use crate::wire::Framing;

/// Size of a read: the content of a full pipe.
const ROOM: usize = 64 * 1024;

/// The least free space for a read. Less would split one read into many.
const LEAST_ROOM: usize = 16 * 1024;

/// Text is scanned and copied in blocks that stay in the first-level cache between the passes.
const BLOCK: usize = 16 * 1024;

/// Longer text without a line end is an unfinished line and not a prompt. A pipe delivers writes of up to
/// `PIPE_BUF` bytes whole, and longer ones in parts.
const LONGEST_PARTIAL: usize = 4096;

/// A frame that a script passed to the frame API, without terminator. With line feeds it is several lines.
pub(crate) struct Frame {
    text: Vec<u8>,
    has_line_feed: bool,
}

impl Frame {
    /// Copies `text` if it is ASCII, in one pass through memory.
    pub(crate) fn of_ascii(text: &[u8]) -> Option<Self> {
        // One more byte for a terminator.
        let mut frame = Self { text: Vec::with_capacity(text.len() + 1), has_line_feed: false };
        for block in text.chunks(BLOCK) {
            if !block.is_ascii() {
                return None;
            }
            frame.has_line_feed |= memchr::memchr(b'\n', block).is_some();
            frame.text.extend_from_slice(block);
        }
        Some(frame)
    }
}

impl From<Vec<u8>> for Frame {
    fn from(text: Vec<u8>) -> Self {
        Self { has_line_feed: memchr::memchr(b'\n', &text).is_some(), text }
    }
}

/// Whether `data` is exactly one line of ASCII with its terminator.
pub(crate) fn is_ascii_line(data: &[u8]) -> bool {
    let Some((b'\n', text)) = data.split_last() else { return false };
    text.chunks(BLOCK).all(|block| block.is_ascii() && memchr::memchr(b'\n', block).is_none())
}

/// Output of the splitter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// One line without its terminator, or the bytes of one read with `Framing::Bytes`.
    Data(Bytes),
    /// Text of an unfinished line. The rest of the line follows in further chunks.
    Partial(Bytes),
    /// The current line exceeds the limit and is dropped.
    TooLong,
    /// A line that was too long has ended: the number of its bytes.
    Dropped(u64),
}

/// Splits one stream; holds its unfinished line.
pub(crate) struct LineSplitter {
    framing: Framing,
    limit: usize,
    unfinished: BytesMut,
    /// The number of leading bytes of `unfinished` that contain no line feed.
    searched: usize,
    /// Bytes dropped so far of a line that is too long.
    skipped: u64,
    /// Whether the start of the current line was emitted as a partial chunk.
    is_continued: bool,
    /// The length of `unfinished` at the last [tick](Self::tick), if the line is still the same.
    unfinished_before: usize,
}

impl LineSplitter {
    pub(crate) fn new(framing: Framing, limit: usize) -> Self {
        Self {
            framing,
            limit,
            unfinished: BytesMut::new(),
            searched: 0,
            skipped: 0,
            is_continued: false,
            unfinished_before: 0,
        }
    }

    /// Appends bytes and emits every complete chunk.
    pub(crate) fn push(&mut self, data: &[u8], mut emit: impl FnMut(Chunk)) {
        let is_dropped = self.framing == Framing::Lines
            && self.unfinished.len() + data.len() > self.limit
            && memchr::memchr(b'\n', data).is_none();
        if is_dropped {
            self.skip(data.len(), &mut emit);
        } else {
            self.unfinished.extend_from_slice(data);
            self.cut(emit);
        }
    }

    /// Appends a frame as lines, without a copy if there is no unfinished line. Its lines share an allocation.
    pub(crate) fn push_frame(&mut self, frame: Frame, mut emit: impl FnMut(Chunk)) {
        let Frame { mut text, has_line_feed } = frame;
        let starts_line =
            self.framing == Framing::Lines && self.unfinished.is_empty() && self.skipped == 0;
        let is_whole = !has_line_feed && text.len() <= self.limit && text.last() != Some(&b'\r');
        if starts_line && is_whole {
            self.is_continued = false;
            return emit(Chunk::Data(Bytes::from(text)));
        }
        text.push(b'\n');
        if !starts_line {
            return self.push(&text, emit);
        }
        let mut rest = Bytes::from(text);
        while let Some(end) = memchr::memchr(b'\n', &rest) {
            self.end_line(rest.split_to(end + 1), end, &mut emit);
        }
    }

    /// The buffer for the next read. Call [`cut`](Self::cut) after the read.
    pub(crate) fn room(&mut self) -> &mut BytesMut {
        if self.unfinished.capacity() - self.unfinished.len() < LEAST_ROOM {
            self.unfinished.reserve(ROOM);
        }
        &mut self.unfinished
    }

    /// Emits every complete chunk. Chunks of one read share an allocation.
    pub(crate) fn cut(&mut self, mut emit: impl FnMut(Chunk)) {
        if self.framing == Framing::Bytes {
            if !self.unfinished.is_empty() {
                emit(Chunk::Data(self.unfinished.split().freeze()));
            }
            return;
        }
        let is_large = self.unfinished.capacity() > ROOM;
        while let Some(end) = memchr::memchr(b'\n', &self.unfinished[self.searched..]) {
            let end = self.searched + end;
            self.searched = 0;
            let line = self.unfinished.split_to(end + 1).freeze();
            self.end_line(line, end, &mut emit);
        }
        self.searched = self.unfinished.len();
        if self.skipped > 0 || self.unfinished.len() > self.limit {
            self.skip(0, &mut emit);
        } else if is_large && self.unfinished.is_empty() {
            // The rest of a long line's allocation would retain all of it.
            self.unfinished = BytesMut::new();
        }
    }

    /// Ends the stream: the remaining bytes are a last line without a terminator. It is empty if all of its text was
    /// emitted: a partial chunk is always followed by the rest of its line.
    pub(crate) fn finish(&mut self, mut emit: impl FnMut(Chunk)) {
        if self.skipped > 0 {
            emit(Chunk::Dropped(std::mem::take(&mut self.skipped)));
        } else if self.is_continued || !self.unfinished.is_empty() {
            self.is_continued = false;
            emit(Chunk::Data(self.unfinished.split().freeze()));
        }
    }

    /// Whether there is an unfinished line. Then [`tick`](Self::tick) must be called periodically.
    pub(crate) fn holds_text(&self) -> bool {
        !self.unfinished.is_empty() && self.skipped == 0 && self.framing == Framing::Lines
    }

    /// Emits text that is unchanged since the last call: a prompt, or a progress display, which is cut after each
    /// carriage return. A possible RPC frame is not cut.
    pub(crate) fn tick(&mut self, may_have_frames: bool, mut emit: impl FnMut(Chunk)) {
        if !self.holds_text() {
            return;
        }
        let is_frame = may_have_frames && !self.is_continued && self.unfinished[0] == b'{';
        let length = self.unfinished.len();
        let has_waited = length == self.unfinished_before && length <= LONGEST_PARTIAL;
        // A carriage return at the very end may be the first half of a terminator.
        let until_return =
            memchr::memrchr(b'\r', &self.unfinished[..length - 1]).map(|end| end + 1);
        self.unfinished_before = length;
        if is_frame || !(has_waited || until_return.is_some()) {
            return;
        }
        let whole = match until_return {
            Some(end) if !has_waited && self.unfinished.ends_with(b"\r") => end,
            _ => length - crate::io::read_boundary::incomplete_utf8_tail(&self.unfinished),
        };
        let mut text = self.unfinished.split_to(whole);
        self.searched = self.unfinished.len();
        self.unfinished_before = self.unfinished.len();
        while !text.is_empty() {
            let end = memchr::memchr(b'\r', &text).map_or(text.len(), |end| end + 1);
            self.is_continued = true;
            emit(Chunk::Partial(text.split_to(end).freeze()));
        }
    }

    /// Drops `unfinished` and `more` further bytes of a line that is too long.
    fn skip(&mut self, more: usize, emit: &mut impl FnMut(Chunk)) {
        if self.skipped == 0 {
            emit(Chunk::TooLong);
        }
        self.skipped += (self.unfinished.len() + more) as u64;
        if self.unfinished.capacity() > ROOM {
            self.unfinished = BytesMut::new();
        }
        self.unfinished.clear();
        self.searched = 0;
    }

    /// Emits a line that has `text` bytes before its line feed.
    fn end_line(&mut self, mut line: Bytes, text: usize, emit: &mut impl FnMut(Chunk)) {
        (self.is_continued, self.unfinished_before) = (false, 0);
        if self.skipped == 0 && text > self.limit {
            emit(Chunk::TooLong);
        }
        if self.skipped > 0 || text > self.limit {
            return emit(Chunk::Dropped(std::mem::take(&mut self.skipped) + text as u64));
        }
        // Only here a carriage return is part of the terminator.
        let is_carriage_return = line[..text].last() == Some(&b'\r');
        line.truncate(text - usize::from(is_carriage_return));
        emit(Chunk::Data(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits the reads by `push` and by `room` and `cut`; both must give the same output.
    fn split(limit: usize, reads: &[&[u8]]) -> Vec<Chunk> {
        let [mut pushed, mut read] = [(); 2].map(|()| LineSplitter::new(Framing::Lines, limit));
        let [mut from_push, mut from_read] = [(); 2].map(|()| Vec::new());
        for data in reads {
            pushed.push(data, |chunk| from_push.push(chunk));
            read.room().extend_from_slice(data);
            read.cut(|chunk| from_read.push(chunk));
        }
        pushed.finish(|chunk| from_push.push(chunk));
        read.finish(|chunk| from_read.push(chunk));
        assert_eq!(from_push, from_read);
        from_push
    }

    fn data(text: &[u8]) -> Chunk {
        Chunk::Data(Bytes::copy_from_slice(text))
    }

    #[test]
    fn lines_do_not_depend_on_the_reads() {
        let stream: &[u8] = b"one\r\ntwo\n\n\xff\xfe\0three\nlast";
        let whole = split(64, &[stream]);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(whole, split(64, &bytes));
        let expected: [&[u8]; 5] = [b"one", b"two", b"", b"\xff\xfe\0three", b"last"];
        assert_eq!(whole, expected.map(data));
    }

    #[test]
    fn a_carriage_return_is_a_terminator_only_before_a_line_feed() {
        let chunks = split(64, &[b"10%\r50%\r", b"\n\r\n", b"90%\r"]);
        assert_eq!(chunks, [data(b"10%\r50%"), data(b""), data(b"90%\r")]);
    }

    #[test]
    fn the_memory_of_a_long_line_is_freed() {
        let mut splitter = LineSplitter::new(Framing::Lines, usize::MAX);
        let mut lines = Vec::new();
        for end in [&b"x"[..], b"\n", b"short\n"] {
            splitter.room().extend_from_slice(&vec![b'x'; ROOM]);
            splitter.room().extend_from_slice(end);
            splitter.cut(|chunk| lines.push(chunk));
            let is_retained = splitter.unfinished.capacity() > ROOM;
            assert_eq!(is_retained, lines.is_empty(), "only an unfinished line retains memory");
        }
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_line_over_the_limit_is_reported_counted_and_followed_by_the_next() {
        let chunks = split(4, &[b"12345", b"678\n", b"1234\n", b"12345"]);
        assert_eq!(
            chunks,
            [Chunk::TooLong, Chunk::Dropped(8), data(b"1234"), Chunk::TooLong, Chunk::Dropped(5)]
        );
    }

    #[test]
    fn a_frame_is_split_like_written_text() {
        let lines: [&[u8]; 6] = [b"one", b"", b"two\nthree", b"four\r", b"12345678", b"last"];
        for (framing, start) in
            [(Framing::Lines, &b""[..]), (Framing::Lines, b"start "), (Framing::Bytes, b"")]
        {
            let [mut frames, mut written] = [(); 2].map(|()| LineSplitter::new(framing, 7));
            let [mut from_frames, mut from_writes] = [(); 2].map(|()| Vec::new());
            frames.push(start, |chunk| from_frames.push(chunk));
            written.push(start, |chunk| from_writes.push(chunk));
            for line in lines {
                for frame in [Frame::from(line.to_vec()), Frame::of_ascii(line).unwrap()] {
                    frames.push_frame(frame, |chunk| from_frames.push(chunk));
                    written.push(&[line, b"\n"].concat(), |chunk| from_writes.push(chunk));
                }
            }
            assert_eq!(from_frames, from_writes);
        }
    }

    #[test]
    fn the_scan_in_blocks_misses_no_byte() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let plain = [&vec![b'x'; length][..], b"\n"].concat();
            assert!(is_ascii_line(&plain), "{length}");
            let copy = Frame::of_ascii(&plain[..length]).unwrap();
            assert_eq!((&copy.text[..], copy.has_line_feed), (&plain[..length], false));
            assert!(!is_ascii_line(&plain[..length]), "{length} without a line feed");
            for at in [0, length / 2, length.saturating_sub(1)].into_iter().filter(|_| length > 0) {
                for other in [b'\n', 0x80] {
                    let mut changed = plain.clone();
                    changed[at] = other;
                    assert!(!is_ascii_line(&changed), "{other} at {at} of {length}");
                    let copy = Frame::of_ascii(&changed[..length]);
                    assert_eq!(
                        copy.map(|copy| copy.has_line_feed),
                        (other == b'\n').then_some(true)
                    );
                }
            }
        }
    }

    /// Text, ticks after it, whether it may have frames, more text; the expected partial chunks and the line.
    type Case<'a> = (&'a [u8], usize, bool, &'a [u8], &'a [&'a [u8]], &'a [u8]);

    #[test]
    fn waiting_text_is_emitted_and_a_frame_is_not() {
        let long = vec![b'x'; LONGEST_PARTIAL + 1];
        let cases: [Case<'_>; 10] = [
            (b"Name? ", 2, true, b"Ann\nnext\n", &[b"Name? "], b"Ann"),
            (b"Name? ", 2, true, b"\r\nnext\n", &[b"Name? "], b""),
            (b"1%\r20%\r300", 2, true, b"%\nnext\n", &[b"1%\r", b"20%\r", b"300"], b"%"),
            (b"50%\r", 1, true, b"\nnext\n", &[], b"50%"),
            (b"1%\r50%\r", 1, true, b"\nnext\n", &[b"1%\r"], b"50%"),
            (b"{\"id\":", 2, true, b"1}\nnext\n", &[], b"{\"id\":1}"),
            (b"{\"id\":", 2, false, b"1}\nnext\n", &[b"{\"id\":"], b"1}"),
            (b"gr\xc3", 2, true, b"\xbc\xc3\x9fe\nnext\n", &[b"gr"], "\u{fc}\u{df}e".as_bytes()),
            (b"done\n", 2, true, b"\nnext\n", &[], b""),
            (&long, 2, true, b"\nnext\n", &[], &long),
        ];
        for (text, ticks, may_have_frames, rest, partial, line) in cases {
            let mut splitter = LineSplitter::new(Framing::Lines, 1 << 20);
            let mut chunks = Vec::new();
            splitter.push(text, |chunk| chunks.push(chunk));
            chunks.clear();
            for _ in 0..ticks {
                splitter.tick(may_have_frames, |chunk| chunks.push(chunk));
            }
            splitter.push(rest, |chunk| chunks.push(chunk));
            let partial = partial.iter().map(|text| Chunk::Partial(Bytes::copy_from_slice(text)));
            let expected: Vec<_> = partial.chain([data(line), data(b"next")]).collect();
            assert_eq!(chunks, expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn growing_text_is_not_emitted_and_its_continuation_may_look_like_a_frame() {
        let mut splitter = LineSplitter::new(Framing::Lines, 64);
        let mut chunks = Vec::new();
        for (text, count) in
            [("a", 0), ("b", 0), ("c", 0), ("", 1), ("{", 1), ("", 2), ("\nd", 3), ("", 4)]
        {
            splitter.push(text.as_bytes(), |chunk| chunks.push(chunk));
            splitter.tick(true, |chunk| chunks.push(chunk));
            assert_eq!(chunks.len(), count, "{text:?}: {chunks:?}");
        }
        splitter.finish(|chunk| chunks.push(chunk));
        let partial = |text: &'static str| Chunk::Partial(Bytes::from_static(text.as_bytes()));
        assert_eq!(chunks, [partial("abc"), partial("{"), data(b""), partial("d"), data(b"")]);
    }

    #[test]
    fn bytes_framing_passes_reads_unchanged() {
        let mut splitter = LineSplitter::new(Framing::Bytes, 2);
        let mut chunks = Vec::new();
        splitter.push(b"a\nb\r\nlong", |chunk| chunks.push(chunk));
        splitter.finish(|chunk| chunks.push(chunk));
        assert_eq!(chunks, [data(b"a\nb\r\nlong")]);
    }
}
