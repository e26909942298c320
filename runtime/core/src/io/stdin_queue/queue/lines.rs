//! Reads of complete lines.

use bytes::Bytes;

use super::{Queue, Reader};

/// A line without its terminator.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: Bytes,
    /// `false` if unknown.
    pub(crate) is_ascii: bool,
}

/// A line exceeded the limit and was dropped; contains the limit in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineTooLong(pub(crate) usize);

/// The most lines of a read, and the number of bytes after which it stops.
const LINES: usize = 256;
const LINES_BYTES: usize = 16 << 10;

/// The result of a read of one line.
enum NextLine {
    Line(Line),
    End,
    Nothing,
}

/// Progress of a line that exceeds the limit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TooLong {
    No,
    /// The current line is too long; its start was dropped.
    Dropping,
    /// The previous line was too long; the next read reports it.
    Unreported,
}

impl Queue {
    /// Complete lines without their terminators, up to [`LINES`] and [`LINES_BYTES`]. An empty result is the end,
    /// `None` means that no line is complete yet.
    pub(in super::super) fn read_lines(&mut self) -> Option<Result<Vec<Line>, LineTooLong>> {
        if self.reader == Reader::NeverRead {
            self.reader = Reader::HasRead;
        }
        if self.too_long == TooLong::Unreported {
            self.too_long = TooLong::No;
            return Some(Err(LineTooLong(self.line_limit)));
        }
        let (mut lines, mut room) = (Vec::new(), LINES_BYTES);
        while lines.len() < LINES && room > 0 {
            match self.read_line() {
                Ok(NextLine::Line(line)) => {
                    room = room.saturating_sub(line.text.len());
                    lines.push(line);
                }
                Ok(NextLine::Nothing) if lines.is_empty() => return None,
                Ok(NextLine::Nothing | NextLine::End) => break,
                Err(error) if lines.is_empty() => return Some(Err(error)),
                Err(LineTooLong(_)) => {
                    // Reported after the lines before it.
                    self.too_long = TooLong::Unreported;
                    break;
                }
            }
        }
        Some(Ok(lines))
    }

    fn read_line(&mut self) -> Result<NextLine, LineTooLong> {
        loop {
            let Some(front) = self.queued.front_mut() else {
                if self.admit_first_waiting() {
                    continue;
                }
                if !self.eof && !self.broken {
                    return Ok(NextLine::Nothing);
                }
                let last = self.take_line()?;
                let is_end = last.text.is_empty();
                return Ok(if is_end { NextLine::End } else { NextLine::Line(last) });
            };
            let is_ascii = front.is_ascii_line;
            let data = &mut front.data;
            let end = if is_ascii { Some(data.len() - 1) } else { memchr::memchr(b'\n', data) };
            let part = data.split_to(end.map_or(data.len(), |end| end + 1));
            if data.is_empty() {
                self.queued.pop_front();
            }
            self.queued_len -= part.len();
            self.admit_waiting();
            let text = end.unwrap_or(part.len());
            let is_complete = end.is_some() && self.line.is_empty() && self.too_long == TooLong::No;
            if is_complete && text <= self.line_limit {
                return Ok(NextLine::Line(Line { text: without_terminator(part), is_ascii }));
            }
            if self.too_long == TooLong::Dropping || self.line.len() + text > self.line_limit {
                self.too_long = TooLong::Dropping;
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(&part);
            }
            if end.is_some() {
                return self.take_line().map(NextLine::Line);
            }
        }
    }

    fn take_line(&mut self) -> Result<Line, LineTooLong> {
        if self.too_long == TooLong::Dropping {
            self.too_long = TooLong::No;
            return Err(LineTooLong(self.line_limit));
        }
        let text = without_terminator(std::mem::take(&mut self.line).into());
        Ok(Line { text, is_ascii: false })
    }
}

fn without_terminator(mut line: Bytes) -> Bytes {
    if let Some(text) = line.strip_suffix(b"\n") {
        // A carriage return is part of the terminator only before a line feed.
        line.truncate(text.strip_suffix(b"\r").unwrap_or(text).len());
    }
    line
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::io::stdin_queue::StdinQueue;
    use crate::wire::Framing;

    #[test]
    fn a_single_ascii_line_is_detected_when_it_is_written() {
        let input = StdinQueue::new(Framing::Lines, 1024, 64);
        let read = || input.read_lines().now_or_never();
        let write = |text: &'static str| {
            assert_eq!(input.write(Bytes::from(text)).now_or_never(), Some(Ok(())));
        };
        assert_eq!(read(), None, "the reader reads lines");
        let line = |text, is_ascii| Line { text: Bytes::from_static(text), is_ascii };
        let seen: [(&str, Vec<Line>); 5] = [
            ("one\n", vec![line(b"one", true)]),
            ("two\r\n", vec![line(b"two", true)]),
            ("\n", vec![line(b"", true)]),
            ("\u{e9}\n", vec![line("\u{e9}".as_bytes(), false)]),
            ("four\nfive\n", vec![line(b"four", false), line(b"five", false)]),
        ];
        for (text, lines) in seen {
            write(text);
            assert_eq!(read(), Some(Ok(lines)), "{text:?}");
        }
        write("start \u{e9}");
        assert_eq!(read(), None);
        write("ended\n");
        assert_eq!(read(), Some(Ok(vec![line("start \u{e9}ended".as_bytes(), false)])));
        // A partial read does not change the rest.
        write("seven\n");
        assert_eq!(input.read(&mut [0; 2]).now_or_never(), Some(2));
        assert_eq!(read(), Some(Ok(vec![line(b"ven", true)])));
    }
}
