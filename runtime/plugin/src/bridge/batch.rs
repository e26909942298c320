//! The format of events for a page: text, one event per line.
//!
//! The first line is `{"first":<number of the first event>,"gen":<generation>}`. Each other line starts with
//! a letter for the kind of the event. Lines of output contain no newlines, so nothing is escaped and the
//! page splits the text without parsing it. The format is text, not objects, because Tauri puts small
//! messages into JavaScript source, where `{"__proto__": …}` sets the prototype.

use std::collections::VecDeque;
use std::fmt::Write;

use base64::prelude::{BASE64_STANDARD, Engine};
use js_runtime::{Event, Framing, Record, Stream};
use serde_json::json;

/// A batch of this many bytes takes no more events.
const FULL_BYTES: usize = 64 * 1024;

/// Events of one generation with consecutive numbers.
pub(super) struct Batch {
    pub(super) text: String,
    /// The number of the last event; `None` if the batch has only marks, which are not numbered.
    pub(super) last: Option<u64>,
}

/// Takes the events of the next batch.
pub(super) fn take(events: &mut VecDeque<Record>, framing: Framing) -> Batch {
    let generation = events.front().map_or(0, |record| record.generation);
    // Only marks can precede it.
    let first = events.iter().find(|record| is_numbered(record)).map_or(0, |record| record.seq);
    let mut text = json!({ "first": first, "gen": generation }).to_string();
    let mut last = None;
    while let Some(record) = events.front() {
        let fits = text.len() < FULL_BYTES && record.generation == generation;
        let follows = last.is_none_or(|last| record.seq == last + 1);
        if !fits || (is_numbered(record) && !follows) {
            break;
        }
        if is_numbered(record) {
            last = Some(record.seq);
        }
        write_line(&mut text, record, framing);
        events.pop_front();
    }
    Batch { text, last }
}

/// Whether the page counts the event. It does not count `Dropped`, and expects a gap after it.
fn is_numbered(record: &Record) -> bool {
    !matches!(record.event, Event::Dropped { .. })
}

/// The last batch of a stream.
pub(super) fn removed() -> String {
    format!("{}\nr", json!({ "first": 0, "gen": 0 }))
}

fn write_line(out: &mut String, record: &Record, framing: Framing) {
    out.push('\n');
    // Writing to a String cannot fail.
    let _ = match &record.event {
        Event::Stdout(data) => output(out, 'o', data, framing),
        Event::Stderr(data) => output(out, 'e', data, framing),
        Event::Partial { stream, data } => {
            let kind = if *stream == Stream::Stdout { 'o' } else { 'e' };
            write!(out, "p{kind}{}", String::from_utf8_lossy(data))
        }
        Event::State(state) => write!(out, "s{}", json!(state)),
        Event::Exit { reason, code } => {
            write!(out, "x{}", json!({ "reason": reason, "code": code }))
        }
        Event::LineTooLong { stream, limit } => {
            write!(out, "t{}", json!({ "stream": stream.as_str(), "limit": limit }))
        }
        Event::Dropped { events, bytes } => {
            write!(out, "d{}", json!({ "events": events, "bytes": bytes }))
        }
        // An event of a later version: the page skips unknown kinds but counts the number.
        _ => write!(out, "?"),
    };
}

/// Writes a line as text, and a chunk of bytes as Base64. Data with a newline is never written as a line, even
/// under `Framing::Lines`: a chunk of an older generation must not look like several events.
fn output(out: &mut String, kind: char, data: &[u8], framing: Framing) -> std::fmt::Result {
    if framing == Framing::Lines && memchr::memchr(b'\n', data).is_none() {
        out.push(kind);
        return out.write_str(&String::from_utf8_lossy(data));
    }
    out.push(kind.to_ascii_uppercase());
    out.write_str(&BASE64_STANDARD.encode(data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use js_runtime::{ExitReason, State};

    fn record(seq: u64, generation: u64, event: Event) -> Record {
        Record { seq, generation, event }
    }

    fn line(seq: u64, generation: u64, text: &str) -> Record {
        record(seq, generation, Event::Stdout(text.to_owned().into()))
    }

    #[test]
    fn a_partial_line_is_marked() {
        let part = |seq, stream, text: &'static str| {
            record(seq, 1, Event::Partial { stream, data: text.into() })
        };
        let mut events =
            VecDeque::from([part(0, Stream::Stdout, "Name? "), part(1, Stream::Stderr, "1%\r")]);
        let text = take(&mut events, Framing::Lines).text;
        assert_eq!(text.split('\n').skip(1).collect::<Vec<_>>(), ["poName? ", "pe1%\r"]);
    }

    #[test]
    fn each_kind_of_event_is_one_line() {
        let mut events = VecDeque::from([
            record(1, 1, Event::State(State::Running)),
            line(2, 1, "{\"id\":1}"),
            record(3, 1, Event::Stderr(vec![b'a', 0xff, b'\r'].into())),
            record(3, 1, Event::Dropped { events: 2, bytes: 9 }),
            record(4, 1, Event::LineTooLong { stream: Stream::Stderr, limit: 8 }),
            record(5, 1, Event::Exit { reason: ExitReason::Completed, code: Some(0) }),
        ]);
        let batch = take(&mut events, Framing::Lines);
        assert_eq!(batch.last, Some(5));
        let lines: Vec<&str> = batch.text.split('\n').collect();
        let json = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
        assert_eq!(json(lines[0]), json!({ "first": 1, "gen": 1 }));
        assert_eq!(
            json(lines[1].strip_prefix('s').expect("a state")),
            json!({ "state": "running" })
        );
        assert_eq!(lines[2..4], [r#"o{"id":1}"#, "ea\u{fffd}\r"]);
        assert_eq!(
            json(lines[4].strip_prefix('d').expect("a mark")),
            json!({ "events": 2, "bytes": 9 })
        );
        let too_long = json!({ "stream": "stderr", "limit": 8 });
        assert_eq!(json(lines[5].strip_prefix('t').expect("a mark")), too_long);
        let exit = json!({ "reason": { "kind": "completed" }, "code": 0 });
        assert_eq!(json(lines[6].strip_prefix('x').expect("an exit")), exit);
    }

    #[test]
    fn a_batch_ends_at_a_new_generation_a_gap_in_the_numbers_or_its_full_size() {
        let big = "x".repeat(FULL_BYTES);
        let mut events = VecDeque::from([
            line(1, 1, "a"),
            line(2, 2, "b"),
            line(5, 2, &big),
            line(6, 2, "c"),
            line(7, 2, "d"),
        ]);
        let mut seen = Vec::new();
        while !events.is_empty() {
            let batch = take(&mut events, Framing::Lines);
            let header = batch.text.lines().next().expect("a header");
            let header: serde_json::Value = serde_json::from_str(header).expect("JSON");
            seen.push((header["gen"].as_u64(), batch.last, batch.text.lines().count() - 1));
        }
        assert_eq!(
            seen,
            [
                (Some(1), Some(1), 1),
                (Some(2), Some(2), 1),
                (Some(2), Some(5), 1),
                (Some(2), Some(7), 2)
            ]
        );
    }

    #[test]
    fn a_mark_for_dropped_events_has_no_number() {
        let mut events =
            VecDeque::from([record(4, 1, Event::Dropped { events: 1, bytes: 1 }), line(5, 1, "a")]);
        let batch = take(&mut events, Framing::Lines);
        assert_eq!((batch.last, events.len()), (Some(5), 0));
        assert!(batch.text.contains("\"first\":5"), "{}", batch.text);
    }

    #[test]
    fn chunks_are_sent_unchanged() {
        let mut events =
            VecDeque::from([record(1, 1, Event::Stderr(vec![b'a', b'\n', 0xff].into()))]);
        let batch = take(&mut events, Framing::Bytes);
        assert_eq!(batch.text.split_once('\n').map(|(_, line)| line), Some("EYQr/"));

        // A chunk of an older generation, after a restart with `Framing::Lines`.
        let forged = Event::Stdout("a\nx{}".to_owned().into());
        let batch = take(&mut VecDeque::from([record(1, 1, forged)]), Framing::Lines);
        assert_eq!(batch.text.split_once('\n').map(|(_, line)| line), Some("OYQp4e30="));
    }
}
