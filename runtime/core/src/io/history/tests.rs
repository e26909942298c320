//! Tests of the history, mostly with subscriptions that acknowledge records.

use bytes::Bytes;
use futures_util::FutureExt;

use super::*;

/// The capacity of the history, in lines.
const LINES: usize = 4;

fn history() -> History {
    let history = History::new(0);
    history.start_generation(1, LINES * line(0).1);
    history
}

/// An event and its cost.
fn line(number: u64) -> (Event, usize) {
    let event = Event::Stdout(Bytes::from(format!("line {}", number % 10)));
    let record = Record { seq: 0, generation: 1, event };
    let cost = record.cost();
    (record.event, cost)
}

/// Writes up to `most` lines, until a subscriber must be waited for. Returns the number of lines.
fn fill(history: &History, most: u64) -> u64 {
    let write = |number: &u64| history.try_push(1, &mut [line(*number).0].into()) == Ok(true);
    (0..most).take_while(write).count() as u64
}

/// Takes all available lines and returns their numbers.
fn take(subscription: &Subscription) -> Vec<u64> {
    let taken = subscription.take(usize::MAX, usize::MAX).0;
    let lines = taken.iter().filter(|record| record.text().is_some());
    lines.map(|record| record.seq).collect()
}

#[test]
fn records_that_were_not_released_are_there_for_the_next_subscriber() {
    let history = history();
    let first = history.subscribe_held(None);
    assert_eq!(fill(&history, 3), 3);
    assert_eq!(take(&first), [0, 1, 2]);
    first.release(0);
    assert_eq!(fill(&history, 100), 2, "one more than fits, and one for the released record");
    let second = history.subscribe_held(None);
    assert_eq!((second.next_seq(), take(&second)), (5, vec![1, 2, 3, 4]));
}

#[test]
fn a_writer_waits_until_records_are_released() {
    let history = history();
    let unacked = history.subscribe_held(None);
    assert_eq!(fill(&history, 100), LINES as u64);
    assert_eq!(take(&unacked), [0, 1, 2, 3]);
    assert_eq!(fill(&history, 100), 0, "taking is not releasing");
    unacked.release(1);
    assert_eq!(fill(&history, 100), 2);

    let (sender, written) = std::sync::mpsc::channel();
    let writer = history.clone();
    let thread =
        std::thread::spawn(move || sender.send(writer.push_blocking(1, &mut [line(9).0].into())));
    // Usually long enough for the writer to find no room; in any case it must not have written.
    assert!(written.recv_timeout(std::time::Duration::from_millis(20)).is_err());
    unacked.release(2);
    assert_eq!(written.recv(), Ok(Ok(())));
    thread.join().expect("no panic").expect("the receiver lives");
}

#[test]
fn a_record_is_released_only_after_it_was_taken_and_only_once() {
    let history = history();
    let unacked = history.subscribe_held(None);
    assert_eq!(fill(&history, 100), LINES as u64);
    unacked.release(u64::MAX);
    assert_eq!(fill(&history, 100), 0, "nothing was taken yet");
    assert_eq!(take(&unacked), [0, 1, 2, 3]);
    unacked.release(3);
    unacked.release(0);
    assert_eq!(fill(&history, 100), LINES as u64, "everything was released");
    assert_eq!(take(&unacked), [4, 5, 6, 7], "no record is taken twice");
}

#[test]
fn a_dropped_subscription_blocks_no_writer() {
    let history = history();
    let unacked = history.subscribe_held(None);
    assert_eq!(fill(&history, 100), LINES as u64);
    drop(unacked);
    assert_eq!(fill(&history, 100), 100);
    let late = history.subscribe_held(None);
    assert_eq!(fill(&history, 100), 0, "a full history blocks the writer at once");
    let missed = late.take(1, usize::MAX).0;
    assert!(matches!(missed[0].event, Event::Dropped { events: 100, .. }), "{missed:?}");
}

#[test]
fn release_has_no_effect_on_a_subscription_without_acknowledgement() {
    let history = history();
    let plain = history.subscribe(Backpressure::Wait, true);
    assert_eq!(fill(&history, 100), LINES as u64);
    plain.release(3);
    assert_eq!(fill(&history, 100), 0);
    assert_eq!(take(&plain), [0, 1, 2, 3]);
    assert_eq!(fill(&history, 100), LINES as u64);
}

#[test]
fn evicted_records_that_a_subscriber_knows_are_not_reported_as_missed() {
    let history = history();
    assert_eq!(fill(&history, 10), 10);
    let first = history.lock().first_seq();
    for (after, is_reported) in [(None, true), (Some(first - 2), true), (Some(first - 1), false)] {
        let taken = history.subscribe_held(after).take(usize::MAX, usize::MAX).0;
        assert_eq!(matches!(taken[0].event, Event::Dropped { .. }), is_reported, "{after:?}");
    }
}

#[test]
fn a_generation_is_heard_first_once() {
    let history = History::new(0);
    let subscription = history.subscribe_held(None);
    let latest = [1, 1, 3, 2, 3].map(|generation| subscription.is_first_to_hear(generation));
    assert_eq!(latest, [true, false, true, false, false]);
}

#[test]
fn a_dropped_pull_source_does_not_remove_that_of_the_next_generation() {
    let history = history();
    let can_pull = || history.pull_fn().is_some();
    let first = history.pull_with(|| ());
    let second = history.pull_with(|| ());
    drop(first);
    assert!(can_pull());
    drop(second);
    assert!(!can_pull());
}

#[test]
fn a_subscriber_that_does_not_spin_pulls_nothing() {
    let has_processors = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
    for (spins, is_without, pulls) in
        [(true, false, has_processors), (true, true, false), (false, false, false)]
    {
        let history = history();
        history.set_spins(spins);
        let calls = Arc::new(AtomicUsize::new(0));
        let count = calls.clone();
        let _source = history.pull_with(move || _ = count.fetch_add(1, Ordering::Relaxed));
        let subscription = history.subscribe(Backpressure::Drop, true);
        let mut subscription = if is_without { subscription.without_spin() } else { subscription };
        assert_eq!(fill(&history, 1), 1);
        assert!(subscription.recv().now_or_never().flatten().is_some(), "the answer");
        assert!(subscription.recv().now_or_never().is_none(), "no further answer");
        assert_eq!(calls.load(Ordering::Relaxed) > 0, pulls, "{spins} {is_without}");
    }
}

#[test]
fn a_closed_stream_refuses_lines_and_partial_lines() {
    let history = history();
    history.close_stream(Stream::Stderr);
    let data = Bytes::from_static(b"Name? ");
    for stream in [Stream::Stdout, Stream::Stderr] {
        let line = match stream {
            Stream::Stdout => Event::Stdout(data.clone()),
            Stream::Stderr => Event::Stderr(data.clone()),
        };
        for event in [line, Event::Partial { stream, data: data.clone() }] {
            let is_taken = history.try_push(1, &mut [event.clone()].into()) == Ok(true);
            assert_eq!(is_taken, stream == Stream::Stdout, "{event:?}");
        }
    }
}

/// A frame sink with a settable fullness.
struct FullSink(std::sync::atomic::AtomicBool);

impl FrameSink for FullSink {
    fn frame(&self, _: u64, _: &Bytes) {}

    fn is_full(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn exited(&self, _: u64, _: &crate::wire::ExitReason, _: Option<i32>) {}

    fn removed(&self) {}
}

#[test]
fn a_writer_waits_for_a_full_sink_but_not_once_it_is_cut_off() {
    let history = history();
    let sink = Arc::new(FullSink(true.into()));
    let weak: Weak<FullSink> = Arc::downgrade(&sink);
    history.set_frame_sink(weak);
    assert_eq!(history.try_push(1, &mut [line(0).0].into()), Ok(false));
    let blocked = |history: History| {
        std::thread::spawn(move || history.push_blocking(1, &mut [line(1).0].into()))
    };
    let writer = blocked(history.clone());
    sink.0.store(false, Ordering::SeqCst);
    history.sink_has_room();
    assert_eq!(writer.join().expect("no panic"), Ok(()));

    sink.0.store(true, Ordering::SeqCst);
    let writer = blocked(history.clone());
    history.cut_off(1);
    assert_eq!(writer.join().expect("no panic"), Err(CutOff));
    history.start_generation(2, LINES * line(0).1);
    history.close_stream(Stream::Stdout);
    assert_eq!(history.try_push(2, &mut [line(2).0].into()), Err(CutOff));
}
