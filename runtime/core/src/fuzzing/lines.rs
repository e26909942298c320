//! Compares the line splitters of stdin and stdout with a reference that sees the whole stream at once.

use bytes::Bytes;
use futures_util::FutureExt;

use crate::io::line_splitter::{Chunk, LineSplitter};
use crate::io::stdin_queue::{LineTooLong, StdinQueue};
use crate::wire::Framing;

/// Checks that the lines of a stream do not depend on its chunks, and that each line is delivered as soon as it is
/// complete.
///
/// Input format: byte 0 is framing and limit; byte 1 is the number of chunk lengths that follow; the rest is the
/// stream. The last chunk is the remainder of the stream.
pub fn lines(input: &[u8]) {
    let [mode, cuts, rest @ ..] = input else { return };
    let limit = usize::from(mode / 2);
    let (lengths, rest) = rest.split_at(rest.len().min(usize::from(cuts % 16)));
    let stream = Bytes::copy_from_slice(rest);
    let mut rest = stream.clone();
    let mut chunks: Vec<_> =
        lengths.iter().map(|&length| rest.split_to(rest.len().min(length.into()))).collect();
    chunks.push(rest);
    if mode % 2 == 0 {
        output_is_cut_into_lines(&stream, &chunks, limit);
        input_is_read_in_lines(&stream, &chunks, limit);
    } else {
        output_is_passed_on(&chunks, limit);
    }
}

fn output_is_cut_into_lines(stream: &Bytes, chunks: &[Bytes], limit: usize) {
    let mut splitter = LineSplitter::new(Framing::Lines, limit);
    let mut pieces = Vec::new();
    let mut pushed = 0;
    for chunk in chunks {
        splitter.push(chunk, |piece| pieces.push(piece));
        pushed += chunk.len();
        assert_eq!(pieces, expected(&stream.slice(..pushed), limit, false));
    }
    splitter.finish(|piece| pieces.push(piece));
    splitter.finish(|piece| panic!("{piece:?} after the end"));
    assert_eq!(pieces, expected(stream, limit, true));
    for piece in pieces {
        let Chunk::Data(line) = piece else { continue };
        assert!(line.len() <= limit && !line.contains(&b'\n'), "{line:?}");
    }
}

fn input_is_read_in_lines(stream: &Bytes, chunks: &[Bytes], limit: usize) {
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
        let line = |piece| match piece {
            Chunk::Data(line) => Some(Ok(line)),
            Chunk::TooLong | Chunk::Partial(_) => None,
            Chunk::Dropped(_) => Some(Err(LineTooLong(limit))),
        };
        expected(stream, limit, has_ended).into_iter().filter_map(line).collect()
    };
    let mut sent = 0;
    for chunk in chunks {
        let written = input.write(chunk.clone()).now_or_never();
        assert_eq!(written, Some(Ok(())), "the queue is empty");
        sent += chunk.len();
        assert!(!read(&mut lines));
        assert_eq!(lines, expected_lines(&stream.slice(..sent), false));
    }
    input.close();
    assert!(read(&mut lines));
    assert_eq!(lines, expected_lines(stream, true));
}

fn output_is_passed_on(chunks: &[Bytes], limit: usize) {
    let mut splitter = LineSplitter::new(Framing::Bytes, limit);
    for chunk in chunks {
        let mut pieces = Vec::new();
        splitter.push(chunk, |piece| pieces.push(piece));
        let expected: &[Chunk] = if chunk.is_empty() { &[] } else { &[Chunk::Data(chunk.clone())] };
        assert_eq!(pieces, expected);
    }
    splitter.finish(|piece| panic!("{piece:?} after the last chunk"));
}

/// The expected output for a stream that begins with `start`. Every byte is part of a line, of a dropped line's
/// count, or of a terminator; if the stream has not ended, the last bytes are part of the unfinished line.
fn expected(start: &Bytes, limit: usize, has_ended: bool) -> Vec<Chunk> {
    let mut pieces = Vec::new();
    for line in start.split_inclusive(|&byte| byte == b'\n') {
        let terminated = line.strip_suffix(b"\n");
        let text = terminated.unwrap_or(line);
        let is_over = terminated.is_some() || has_ended;
        if text.len() > limit {
            pieces.push(Chunk::TooLong);
            pieces.extend(is_over.then_some(Chunk::Dropped(text.len() as u64)));
        } else if is_over {
            let text = terminated.and_then(|text| text.strip_suffix(b"\r")).unwrap_or(text);
            pieces.push(Chunk::Data(start.slice_ref(text)));
        }
    }
    pieces
}
