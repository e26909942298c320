//! Cuts a byte stream into lines, with a cap on a line's length.
//!
//! Works on bytes and never looks inside a line: what is not UTF-8 passes through untouched, and a
//! frame of an RPC protocol is a line like any other.

use bytes::Bytes;

use crate::wire::Framing;

/// What came out of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// One line without its terminator, or one chunk in byte mode.
    Data(Bytes),
    /// The line that is being read has passed the limit and is being dropped.
    TooLong,
    /// The end of a line that was too long: this many bytes are gone.
    Dropped(u64),
}

/// Holds the unfinished line of one stream.
pub(crate) struct Splitter {
    framing: Framing,
    limit: usize,
    partial: Vec<u8>,
    /// Bytes dropped so far of a line that is too long.
    skipped: u64,
}

impl Splitter {
    pub(crate) fn new(framing: Framing, limit: usize) -> Self {
        Self { framing, limit, partial: Vec::new(), skipped: 0 }
    }

    /// Takes the next bytes and hands on every piece that they complete.
    pub(crate) fn push(&mut self, mut data: &[u8], mut emit: impl FnMut(Piece)) {
        if data.is_empty() {
            return;
        }
        if self.framing == Framing::Bytes {
            return emit(Piece::Data(Bytes::copy_from_slice(data)));
        }
        while let Some(end) = memchr::memchr(b'\n', data) {
            self.append(&data[..end], &mut emit);
            // Part of the terminator here, and data everywhere else.
            self.partial.pop_if(|last| *last == b'\r');
            self.end_line(&mut emit);
            data = &data[end + 1..];
        }
        self.append(data, &mut emit);
    }

    /// Takes a line without its terminator, which is not copied if nothing of another is held.
    pub(crate) fn push_line(&mut self, mut line: Vec<u8>, mut emit: impl FnMut(Piece)) {
        let is_alone = self.framing == Framing::Lines
            && self.partial.is_empty()
            && self.skipped == 0
            && line.len() <= self.limit;
        if is_alone && line.last() != Some(&b'\r') && memchr::memchr(b'\n', &line).is_none() {
            return emit(Piece::Data(Bytes::from(line)));
        }
        line.push(b'\n');
        self.push(&line, emit);
    }

    /// The stream has ended: what is left is a last line without a terminator.
    pub(crate) fn finish(&mut self, mut emit: impl FnMut(Piece)) {
        if self.skipped > 0 || !self.partial.is_empty() {
            self.end_line(&mut emit);
        }
    }

    fn append(&mut self, data: &[u8], emit: &mut impl FnMut(Piece)) {
        if self.skipped > 0 {
            self.skipped += data.len() as u64;
        } else if self.partial.len() + data.len() > self.limit {
            self.skipped = (self.partial.len() + data.len()) as u64;
            self.partial = Vec::new();
            emit(Piece::TooLong);
        } else {
            self.partial.extend_from_slice(data);
        }
    }

    fn end_line(&mut self, emit: &mut impl FnMut(Piece)) {
        if self.skipped > 0 {
            return emit(Piece::Dropped(std::mem::take(&mut self.skipped)));
        }
        let mut line = std::mem::take(&mut self.partial);
        // A buffer that grew by doubling may be twice the line; lines are kept in the backlog.
        line.shrink_to_fit();
        emit(Piece::Data(Bytes::from(line)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(limit: usize, chunks: &[&[u8]]) -> Vec<Piece> {
        let mut splitter = Splitter::new(Framing::Lines, limit);
        let mut pieces = Vec::new();
        for chunk in chunks {
            splitter.push(chunk, |piece| pieces.push(piece));
        }
        splitter.finish(|piece| pieces.push(piece));
        pieces
    }

    fn data(text: &[u8]) -> Piece {
        Piece::Data(Bytes::copy_from_slice(text))
    }

    #[test]
    fn lines_are_the_same_however_the_stream_is_chunked() {
        let stream: &[u8] = b"one\r\ntwo\n\n\xff\xfe\0three\nlast";
        let whole = split(64, &[stream]);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(whole, split(64, &bytes));
        let expected: [&[u8]; 5] = [b"one", b"two", b"", b"\xff\xfe\0three", b"last"];
        assert_eq!(whole, expected.map(data));
    }

    #[test]
    fn a_carriage_return_is_a_terminator_only_before_a_line_feed() {
        let pieces = split(64, &[b"10%\r50%\r", b"\n\r\n", b"90%\r"]);
        assert_eq!(pieces, [data(b"10%\r50%"), data(b""), data(b"90%\r")]);
    }

    #[test]
    fn a_line_over_the_limit_is_reported_counted_and_followed_by_the_next() {
        let pieces = split(4, &[b"12345", b"678\n", b"1234\n", b"12345"]);
        assert_eq!(
            pieces,
            [Piece::TooLong, Piece::Dropped(8), data(b"1234"), Piece::TooLong, Piece::Dropped(5)]
        );
    }

    #[test]
    fn a_line_given_whole_is_the_same_as_one_that_is_written() {
        let lines: [&[u8]; 6] = [b"one", b"", b"two\nthree", b"four\r", b"12345678", b"last"];
        for (framing, begun) in
            [(Framing::Lines, &b""[..]), (Framing::Lines, b"begun "), (Framing::Bytes, b"")]
        {
            let [mut given, mut written] = [(); 2].map(|()| Splitter::new(framing, 7));
            let [mut of_given, mut of_written] = [(); 2].map(|()| Vec::new());
            given.push(begun, |piece| of_given.push(piece));
            written.push(begun, |piece| of_written.push(piece));
            for line in lines {
                given.push_line(line.to_vec(), |piece| of_given.push(piece));
                written.push(&[line, b"\n"].concat(), |piece| of_written.push(piece));
            }
            assert_eq!(of_given, of_written);
        }
    }

    #[test]
    fn byte_mode_passes_chunks_on_as_they_are() {
        let mut splitter = Splitter::new(Framing::Bytes, 2);
        let mut pieces = Vec::new();
        splitter.push(b"a\nb\r\nlong", |piece| pieces.push(piece));
        splitter.finish(|piece| pieces.push(piece));
        assert_eq!(pieces, [data(b"a\nb\r\nlong")]);
    }
}
