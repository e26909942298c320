//! Subscriptions that hold what they have taken.

use bytes::Bytes;

use super::*;

/// What a history of `LINES` lines may cost.
const LINES: usize = 4;

fn history() -> History {
    let output = History::new(0);
    output.begin(1, LINES * line(0).1);
    output
}

/// An event, and what it costs.
fn line(number: u64) -> (Event, usize) {
    let event = Event::Stdout(Bytes::from(format!("line {}", number % 10)));
    let record = Record { seq: 0, generation: 1, event };
    let cost = record.cost();
    (record.event, cost)
}

/// Writes until somebody must be waited for, or `most` lines; tells how many.
fn fill(output: &History, most: u64) -> u64 {
    let write = |number: &u64| output.try_push(1, &mut [line(*number).0].into()) == Ok(true);
    (0..most).take_while(write).count() as u64
}

/// The lines that there are to take, by number.
fn take(subscription: &Subscription) -> Vec<u64> {
    let taken = subscription.take(usize::MAX, usize::MAX).0;
    let lines = taken.iter().filter(|record| record.text().is_some());
    lines.map(|record| record.seq).collect()
}

#[test]
fn what_was_taken_and_not_released_is_there_for_the_next_one() {
    let output = history();
    let first = output.subscribe_held(None);
    assert_eq!(fill(&output, 3), 3);
    assert_eq!(take(&first), [0, 1, 2]);
    first.release(0);
    assert_eq!(fill(&output, 100), 2, "one more than fits, and the one that was released");
    let second = output.subscribe_held(None);
    assert_eq!((second.next_seq(), take(&second)), (5, vec![1, 2, 3, 4]));
}

#[test]
fn a_writer_waits_for_what_is_held_and_goes_on_when_it_is_released() {
    let output = history();
    let held = output.subscribe_held(None);
    assert_eq!(fill(&output, 100), LINES as u64);
    assert_eq!(take(&held), [0, 1, 2, 3]);
    assert_eq!(fill(&output, 100), 0, "taking is not releasing");
    held.release(1);
    assert_eq!(fill(&output, 100), 2);

    let (sender, written) = std::sync::mpsc::channel();
    let writer = output.clone();
    let thread =
        std::thread::spawn(move || sender.send(writer.push_blocking(1, &mut [line(9).0].into())));
    // Long enough for the writer to find no room, as a rule; it must have written nothing in any case.
    assert!(written.recv_timeout(std::time::Duration::from_millis(20)).is_err());
    held.release(2);
    assert_eq!(written.recv(), Ok(Ok(())));
    thread.join().expect("no panic").expect("somebody listens");
}

#[test]
fn nothing_is_released_before_it_was_taken_or_taken_back_after() {
    let output = history();
    let held = output.subscribe_held(None);
    assert_eq!(fill(&output, 100), LINES as u64);
    held.release(u64::MAX);
    assert_eq!(fill(&output, 100), 0, "it has seen nothing yet");
    assert_eq!(take(&held), [0, 1, 2, 3]);
    held.release(3);
    held.release(0);
    assert_eq!(fill(&output, 100), LINES as u64, "everything was released");
    assert_eq!(take(&held), [4, 5, 6, 7], "and is not seen twice");
}

#[test]
fn a_subscription_that_is_dropped_holds_nothing() {
    let output = history();
    let held = output.subscribe_held(None);
    assert_eq!(fill(&output, 100), LINES as u64);
    drop(held);
    assert_eq!(fill(&output, 100), 100);
    let late = output.subscribe_held(None);
    assert_eq!(fill(&output, 100), 0, "a full history is held from the beginning");
    let lost = late.take(1, usize::MAX).0;
    assert!(matches!(lost[0].event, Event::Dropped { events: 100, .. }), "{lost:?}");
}

#[test]
fn releasing_means_nothing_to_a_subscription_that_does_not_hold() {
    let output = history();
    let plain = output.subscribe(WhenSlow::Wait, true);
    assert_eq!(fill(&output, 100), LINES as u64);
    plain.release(3);
    assert_eq!(fill(&output, 100), 0);
    assert_eq!(take(&plain), [0, 1, 2, 3]);
    assert_eq!(fill(&output, 100), LINES as u64);
}

#[test]
fn whoever_knows_what_was_forgotten_is_not_told_that_it_missed_it() {
    let output = history();
    assert_eq!(fill(&output, 10), 10);
    let first = output.lock().first_seq();
    for (after, is_told) in [(None, true), (Some(first - 2), true), (Some(first - 1), false)] {
        let taken = output.subscribe_held(after).take(usize::MAX, usize::MAX).0;
        assert_eq!(matches!(taken[0].event, Event::Dropped { .. }), is_told, "{after:?}");
    }
}

#[test]
fn one_is_the_first_to_hear_a_generation() {
    let output = History::new(0);
    let subscription = output.subscribe_held(None);
    let heard = [1, 1, 3, 2, 3].map(|generation| subscription.is_first_to_hear(generation));
    assert_eq!(heard, [true, false, true, false, false]);
}

#[test]
fn a_fetcher_that_ends_leaves_that_of_the_next_generation() {
    let output = history();
    let can_fetch = || output.fetch().is_some();
    let first = output.fetch_by(|| ());
    let second = output.fetch_by(|| ());
    drop(first);
    assert!(can_fetch());
    drop(second);
    assert!(!can_fetch());
}

#[test]
fn of_a_stream_that_is_not_read_neither_lines_nor_parts_of_them_are_taken() {
    let output = history();
    output.close_stream(Stream::Stderr);
    let data = Bytes::from_static(b"Name? ");
    for stream in [Stream::Stdout, Stream::Stderr] {
        let line = match stream {
            Stream::Stdout => Event::Stdout(data.clone()),
            Stream::Stderr => Event::Stderr(data.clone()),
        };
        for event in [line, Event::Partial { stream, data: data.clone() }] {
            let is_taken = output.try_push(1, &mut [event.clone()].into()) == Ok(true);
            assert_eq!(is_taken, stream == Stream::Stdout, "{event:?}");
        }
    }
}
