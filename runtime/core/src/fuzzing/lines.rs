//! Compares the line splitters of stdin and stdout with a reference that sees the whole stream at once.

use bytes::Bytes;
use futures_util::FutureExt;

use crate::io::line_splitter::{Chunk, LineSplitter};
use crate::io::stdin_queue::{LineTooLong, StdinQueue};
use crate::wire::Framing;

/// Checks that the lines of a stream do not depend on its writes, and that each line is delivered as soon as it is
/// complete.
///
/// Input format: byte 0 is framing and limit; byte 1 is the number of lengths of writes that follow; the rest is the
/// stream. The last write is the remainder of the stream.
pub fn lines(input: &[u8]) {
    let [mode, count, rest @ ..] = input else { return };
    let limit = usize::from(mode / 2);
    let (lengths, rest) = rest.split_at(rest.len().min(usize::from(count % 16)));
    let stream = Bytes::copy_from_slice(rest);
    let mut rest = stream.clone();
    let mut writes: Vec<_> =
        lengths.iter().map(|&length| rest.split_to(rest.len().min(length.into()))).collect();
    writes.push(rest);
    if mode % 2 == 0 {
        check_output_lines(&stream, &writes, limit);
        check_input_lines(&stream, &writes, limit);
    } else {
        check_bytes_framing(&writes, limit);
    }
}

fn check_output_lines(stream: &Bytes, writes: &[Bytes], limit: usize) {
    let mut splitter = LineSplitter::new(Framing::Lines, limit);
    let mut chunks = Vec::new();
    let mut pushed = 0;
    for write in writes {
        splitter.push(write, |chunk| chunks.push(chunk));
        pushed += write.len();
        assert_eq!(chunks, expected(&stream.slice(..pushed), limit, false));
    }
    splitter.finish(|chunk| chunks.push(chunk));
    splitter.finish(|chunk| panic!("{chunk:?} after the end"));
    assert_eq!(chunks, expected(stream, limit, true));
    for chunk in chunks {
        let Chunk::Data(line) = chunk else { continue };
        assert!(line.len() <= limit && !line.contains(&b'\n'), "{line:?}");
    }
}

fn check_input_lines(stream: &Bytes, writes: &[Bytes], limit: usize) {
    let input = StdinQueue::new(Framing::Lines, 1, limit);
    let mut lines = Vec::new();
    // Returns whether the end is reached.
    let read = |lines: &mut Vec<_>| loop {
        match input.read_lines().now_or_never() {
            None => return false,
            Some(Ok(read)) if read.is_empty() => return true,
            Some(Ok(read)) => {
                assert!(read.iter().all(|line| !line.is_ascii || line.text.is_ascii()));
                lines.extend(read.into_iter().map(|line| Ok(line.text)));
            }
            Some(Err(too_long)) => lines.push(Err(too_long)),
        }
    };
    let expected_lines = |stream: &Bytes, has_ended: bool| -> Vec<_> {
        let line = |chunk| match chunk {
            Chunk::Data(line) => Some(Ok(line)),
            Chunk::TooLong | Chunk::Partial(_) => None,
            Chunk::Dropped(_) => Some(Err(LineTooLong(limit))),
        };
        expected(stream, limit, has_ended).into_iter().filter_map(line).collect()
    };
    let mut sent = 0;
    for write in writes {
        let written = input.write(write.clone()).now_or_never();
        assert_eq!(written, Some(Ok(())), "the queue is empty");
        sent += write.len();
        assert!(!read(&mut lines));
        assert_eq!(lines, expected_lines(&stream.slice(..sent), false));
    }
    input.close();
    assert!(read(&mut lines));
    assert_eq!(lines, expected_lines(stream, true));
}

fn check_bytes_framing(writes: &[Bytes], limit: usize) {
    let mut splitter = LineSplitter::new(Framing::Bytes, limit);
    for write in writes {
        let mut chunks = Vec::new();
        splitter.push(write, |chunk| chunks.push(chunk));
        let expected: &[Chunk] = if write.is_empty() { &[] } else { &[Chunk::Data(write.clone())] };
        assert_eq!(chunks, expected);
    }
    splitter.finish(|chunk| panic!("{chunk:?} after the last write"));
}

/// The expected output for a stream that begins with `start`. Every byte is part of a line, of a dropped line's
/// count, or of a terminator; if the stream has not ended, the last bytes are part of the unfinished line.
fn expected(start: &Bytes, limit: usize, has_ended: bool) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for line in start.split_inclusive(|&byte| byte == b'\n') {
        let terminated = line.strip_suffix(b"\n");
        let text = terminated.unwrap_or(line);
        let is_over = terminated.is_some() || has_ended;
        if text.len() > limit {
            chunks.push(Chunk::TooLong);
            chunks.extend(is_over.then_some(Chunk::Dropped(text.len() as u64)));
        } else if is_over {
            let text = terminated.and_then(|text| text.strip_suffix(b"\r")).unwrap_or(text);
            chunks.push(Chunk::Data(start.slice_ref(text)));
        }
    }
    chunks
}
