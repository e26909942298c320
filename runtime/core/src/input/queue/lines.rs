//! Reads of whole lines.

use bytes::Bytes;

use super::Queue;

/// A line grew past the limit, which is given in bytes, and was dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineTooLong(pub(crate) usize);

/// A reader of lines gets so many at once at the most, until they have so many bytes.
const LINES: usize = 256;
const LINES_BYTES: usize = 16 << 10;

/// What a read of whole lines found: no lines are the end.
pub(in crate::input) enum NextLines {
    Lines(Vec<Bytes>),
    Nothing,
}

/// What a read of a whole line found.
enum NextLine {
    Line(Bytes),
    End,
    Nothing,
}

/// What is known of a line that is too long.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TooLong {
    No,
    /// The one that is being read is: its beginning was dropped.
    IsRead,
    /// The one before was, and its reader has still to be told.
    Untold,
}

impl Queue {
    /// Whole lines without their terminators; more than one if they are there and not too much to be
    /// held by their reader.
    pub(in crate::input) fn read_lines(&mut self) -> Result<NextLines, LineTooLong> {
        if self.too_long == TooLong::Untold {
            self.too_long = TooLong::No;
            return Err(LineTooLong(self.line_limit));
        }
        let (mut lines, mut room) = (Vec::new(), LINES_BYTES);
        while lines.len() < LINES && room > 0 {
            match self.read_line() {
                Ok(NextLine::Line(line)) => {
                    room = room.saturating_sub(line.len());
                    lines.push(line);
                }
                Ok(NextLine::Nothing) if lines.is_empty() => return Ok(NextLines::Nothing),
                Ok(NextLine::Nothing | NextLine::End) => break,
                Err(error) if lines.is_empty() => return Err(error),
                Err(LineTooLong(_)) => {
                    // Told when those before it have been read.
                    self.too_long = TooLong::Untold;
                    break;
                }
            }
        }
        Ok(NextLines::Lines(lines))
    }

    fn read_line(&mut self) -> Result<NextLine, LineTooLong> {
        loop {
            let Some(front) = self.chunks.front_mut() else {
                if self.admit_first_waiting() {
                    continue;
                }
                if !self.eof && !self.broken {
                    return Ok(NextLine::Nothing);
                }
                let last = self.take_line()?;
                return Ok(if last.is_empty() { NextLine::End } else { NextLine::Line(last) });
            };
            let end = memchr::memchr(b'\n', front);
            let piece = front.split_to(end.map_or(front.len(), |end| end + 1));
            if front.is_empty() {
                self.chunks.pop_front();
            }
            self.queued -= piece.len();
            self.admit_waiting();
            let text = end.unwrap_or(piece.len());
            let is_whole = end.is_some() && self.line.is_empty() && self.too_long == TooLong::No;
            if is_whole && text <= self.line_limit {
                return Ok(NextLine::Line(without_terminator(piece)));
            }
            if self.too_long == TooLong::IsRead || self.line.len() + text > self.line_limit {
                self.too_long = TooLong::IsRead;
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(&piece);
            }
            if end.is_some() {
                return self.take_line().map(NextLine::Line);
            }
        }
    }

    fn take_line(&mut self) -> Result<Bytes, LineTooLong> {
        if self.too_long == TooLong::IsRead {
            self.too_long = TooLong::No;
            return Err(LineTooLong(self.line_limit));
        }
        Ok(without_terminator(std::mem::take(&mut self.line).into()))
    }
}

fn without_terminator(mut line: Bytes) -> Bytes {
    if let Some(text) = line.strip_suffix(b"\n") {
        // A carriage return is part of the terminator only before a line feed.
        line.truncate(text.strip_suffix(b"\r").unwrap_or(text).len());
    }
    line
}
