//! Where a read of stdin may end.
//!
//! kkrpc's adapters decode each chunk that they read on its own, and lose a line terminator that arrives alone. So a
//! read ends after a whole character, and after a whole line if more bytes follow.

/// The number of bytes of `read` to deliver now; the rest is delivered with the next read. `next` is the first queued
/// byte after `read`. `is_end` says that the stream ends after the queued bytes.
///
/// Never 0 for a non-empty `read`, except for the start of a character whose end is not queued yet.
pub(crate) fn deliverable_len(read: &[u8], next: Option<u8>, is_end: bool) -> usize {
    let lines = next.map_or(read.len(), |next| whole_lines_len(read, next));
    let has_more = next.is_some() || lines < read.len();
    if is_end && !has_more {
        return lines;
    }
    match incomplete_utf8_tail(&read[..lines]) {
        // The buffer is smaller than a character: its reader counts bytes.
        tail if tail == lines && has_more => lines,
        tail => lines - tail,
    }
}

/// The length up to the last line feed; without a line feed, that of all bytes. If the line feed is `next`, the last
/// byte stays with it, so that no chunk is a line feed alone.
fn whole_lines_len(read: &[u8], next: u8) -> usize {
    match memchr::memrchr(b'\n', read) {
        Some(end) => end + 1,
        None if next == b'\n' && read.len() > 1 => read.len() - 1,
        None => read.len(),
    }
}

/// The number of bytes at the end of `bytes` that start an incomplete UTF-8 sequence.
pub(crate) fn incomplete_utf8_tail(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let needed = match bytes[bytes.len() - back] {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_ends_after_a_line_or_a_character() {
        let cases: [(&[u8], Option<u8>, bool, usize); 10] = [
            (b"one\ntwo", Some(b'x'), false, 4),
            (b"one\ntwo", None, false, 7),
            (b"one", Some(b'\n'), false, 2),
            (b"o", Some(b'\n'), false, 1),
            (b"one", Some(b'x'), false, 3),
            (b"a\xE2\x82", None, false, 1),
            (b"a\xE2\x82", None, true, 3),
            (b"a\n\xE2\x82", None, true, 4),
            (b"\xE2\x82", None, false, 0),
            (b"\xE2\x82", Some(0xAC), false, 2),
        ];
        for (read, next, is_end, expected) in cases {
            assert_eq!(deliverable_len(read, next, is_end), expected, "{read:?} {next:?} {is_end}");
        }
    }
}
