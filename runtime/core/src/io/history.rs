//! The events of one name: a bounded history, and subscriptions that read it.
//!
//! Writers append; each subscription has a cursor of its own, and a late one starts with the backlog. A full history
//! evicts its oldest record; a subscription that has not read it gets an event with the number of missed events. If a
//! subscription must not miss events, the writer waits instead. A writer is a blocked thread (a synchronous write of
//! an isolate) or a task. Cutting off a generation wakes its writers, so a kill never waits for a reader.

mod subscription;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

pub use self::subscription::Subscription;
pub(crate) use self::subscription::{PullFn, PullSource};
use crate::io::event::{Event, Record, Stream};
use crate::io::frame_sink::FrameSink;
use crate::io::spin::Spin;

/// The generation was cut off: its events are refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CutOff;

/// The behaviour when a subscriber reads more slowly than the process writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backpressure {
    /// The subscriber misses events and gets their number in [`Event::Dropped`].
    #[default]
    Drop,
    /// The process waits for the subscriber. For RPC, where a call whose frame is lost never returns.
    Wait,
}

/// The history of one name; clones share it.
#[derive(Clone)]
pub(crate) struct History(Arc<Shared>);

/// A history that is dropped with its process.
#[derive(Clone)]
pub(crate) struct WeakHistory(Weak<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Counts changes that subscribers may want to see, so that they poll without the lock.
    version: AtomicU64,
    /// The number of other threads that must run before the next event.
    answering_threads: AtomicUsize,
    /// Whether the threads that wait for each other spin before they sleep.
    spins: AtomicBool,
    /// Reads the pipe of a child on the thread of a subscriber.
    pull: Mutex<Option<PullFn>>,
    /// Receives frames before they are stored.
    frame_sink: OnceLock<Weak<dyn FrameSink>>,
    room: Condvar,
    room_async: Notify,
}

struct State {
    records: VecDeque<Record>,
    cost: usize,
    capacity: usize,
    next_seq: u64,
    /// The generation that may write.
    generation: u64,
    /// The closed streams of this generation.
    closed_streams: Vec<Stream>,
    subscribers: Vec<Subscriber>,
    next_subscriber: u64,
    /// The latest generation with which `is_first_to_hear` was called.
    latest_heard: u64,
    /// The process was removed: subscriptions end after the last record.
    closed: bool,
    /// Everything that was evicted so far; late subscribers have missed it.
    evicted: Missed,
}

struct Subscriber {
    id: u64,
    /// The `seq` of the next record to take.
    cursor: u64,
    /// The `seq` of the first unacknowledged record; `None` if taking a record acknowledges it.
    unacked: Option<u64>,
    backpressure: Backpressure,
    missed: Missed,
    wake: Arc<Notify>,
}

impl Subscriber {
    /// The `seq` of the first record that must not be evicted.
    fn first_needed(&self) -> u64 {
        self.unacked.unwrap_or(self.cursor)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Missed {
    events: u64,
    bytes: u64,
}

impl Missed {
    fn add(&mut self, record: &Record) {
        self.events += 1;
        self.bytes += record.output_len() as u64;
    }
}

impl History {
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                records: VecDeque::new(),
                cost: 0,
                capacity,
                next_seq: 0,
                generation: 0,
                closed_streams: Vec::new(),
                subscribers: Vec::new(),
                next_subscriber: 0,
                latest_heard: 0,
                closed: false,
                evicted: Missed::default(),
            }),
            version: AtomicU64::new(0),
            answering_threads: AtomicUsize::new(1),
            spins: AtomicBool::new(true),
            pull: Mutex::new(None),
            frame_sink: OnceLock::new(),
            room: Condvar::new(),
            room_async: Notify::new(),
        }))
    }

    /// Lets only `generation` write from now on, and sets the capacity in bytes.
    pub(crate) fn start_generation(&self, generation: u64, capacity: usize) {
        let mut state = self.lock();
        state.generation = generation;
        state.closed_streams.clear();
        state.capacity = capacity;
        drop(state);
        self.wake_writers();
    }

    /// Refuses further events of `generation`; its waiting writers fail.
    pub(crate) fn cut_off(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation == generation {
            state.generation = 0;
        }
        drop(state);
        self.wake_writers();
    }

    /// Refuses further output of the stream in this generation; its waiting writers fail.
    pub(crate) fn close_stream(&self, stream: Stream) {
        self.lock().closed_streams.push(stream);
        self.wake_writers();
    }

    /// Appends all events. Blocks the thread while a subscriber that must not miss events is behind.
    pub(crate) fn push_blocking(
        &self,
        generation: u64,
        events: &mut VecDeque<Event>,
    ) -> Result<(), CutOff> {
        let mut state = self.lock();
        while !self.push_some(&mut state, generation, events)? {
            self.0.room.wait(&mut state);
        }
        Ok(())
    }

    /// Appends events until a subscriber must be waited for. Returns whether all were appended.
    pub(crate) fn try_push(
        &self,
        generation: u64,
        events: &mut VecDeque<Event>,
    ) -> Result<bool, CutOff> {
        self.push_some(&mut self.lock(), generation, events)
    }

    /// Appends like `try_push`, and notifies subscribers once.
    fn push_some(
        &self,
        state: &mut State,
        generation: u64,
        events: &mut VecDeque<Event>,
    ) -> Result<bool, CutOff> {
        if events.is_empty() {
            return Ok(true);
        }
        if state.accepts(generation, events) && self.frame_sink().is_some_and(|s| s.is_full()) {
            return Ok(false);
        }
        let before = state.next_seq;
        let pushed = state.push(generation, events);
        if state.next_seq != before {
            self.notify(state);
        }
        pushed
    }

    /// Calls `push` until it returns `true`; waits for room between calls.
    pub(crate) async fn retry_until_pushed(
        &self,
        mut push: impl FnMut() -> Result<bool, CutOff>,
    ) -> Result<(), CutOff> {
        loop {
            let room = self.0.room_async.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if push()? {
                return Ok(());
            }
            room.await;
        }
    }

    /// Appends without waiting and without a check of the generation: state changes are rare and must not be delayed.
    pub(crate) fn push_now(&self, generation: u64, event: Event) {
        let mut state = self.lock();
        state.append(generation, event);
        self.notify(&state);
    }

    /// Ends subscriptions after the last record.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.generation = 0;
        self.notify(&state);
        drop(state);
        self.wake_writers();
    }

    pub(crate) fn subscribe(&self, backpressure: Backpressure, backlog: bool) -> Subscription {
        self.add_subscriber(backpressure, backlog, false, None)
    }

    /// Subscribes with the backlog. The process waits for this subscriber, and records stay until they are acknowledged
    /// with [`Subscription::release`]. Records up to and including `after` are not reported as missed.
    pub(crate) fn subscribe_held(&self, after: Option<u64>) -> Subscription {
        self.add_subscriber(Backpressure::Wait, true, true, after)
    }

    fn add_subscriber(
        &self,
        backpressure: Backpressure,
        backlog: bool,
        acknowledges: bool,
        after: Option<u64>,
    ) -> Subscription {
        let mut state = self.lock();
        let id = state.next_subscriber;
        state.next_subscriber += 1;
        let wake = Arc::new(Notify::new());
        let has_missed_nothing =
            after.is_some_and(|after| after.saturating_add(1) >= state.first_seq());
        let (cursor, missed) = if backlog {
            (state.first_seq(), if has_missed_nothing { Missed::default() } else { state.evicted })
        } else {
            (state.next_seq, Missed::default())
        };
        let unacked = acknowledges.then_some(cursor);
        let subscriber =
            Subscriber { id, cursor, unacked, backpressure, missed, wake: wake.clone() };
        state.subscribers.push(subscriber);
        drop(state);
        let (ready, spin) = (VecDeque::new(), Spin::new(self.spins()));
        Subscription { history: self.clone(), id, wake, ready, spin, is_ping_pong: false }
    }

    /// Gives the frames of all generations to a sink too. Only the first sink is used.
    pub(crate) fn set_frame_sink(&self, sink: Weak<dyn FrameSink>) {
        self.0.frame_sink.get_or_init(|| sink);
    }

    pub(crate) fn frame_sink(&self) -> Option<Arc<dyn FrameSink>> {
        self.0.frame_sink.get()?.upgrade()
    }

    /// Wakes the writers that wait for the sink.
    pub(crate) fn sink_has_room(&self) {
        // A writer that has found the sink full holds the lock until it waits.
        drop(self.lock());
        self.wake_writers();
    }

    /// Wakes all subscribers.
    fn notify(&self, state: &State) {
        self.0.version.fetch_add(1, Ordering::Release);
        for subscriber in &state.subscribers {
            subscriber.wake.notify_one();
        }
    }

    fn wake_writers(&self) {
        self.0.room.notify_all();
        self.0.room_async.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }
}

impl State {
    fn first_seq(&self) -> u64 {
        self.next_seq - self.records.len() as u64
    }

    /// Returns `false` if a subscriber must be waited for first. Drops the events of a generation that was cut off.
    fn push(&mut self, generation: u64, events: &mut VecDeque<Event>) -> Result<bool, CutOff> {
        if !self.accepts(generation, events) {
            events.clear();
            return Err(CutOff);
        }
        while !events.is_empty() {
            if self.cost >= self.capacity && self.must_wait() {
                return Ok(false);
            }
            if let Some(event) = events.pop_front() {
                self.append(generation, event);
            }
        }
        Ok(true)
    }

    fn accepts(&self, generation: u64, events: &VecDeque<Event>) -> bool {
        let stream = events.front().and_then(Event::stream);
        let is_closed = stream.is_some_and(|stream| self.closed_streams.contains(&stream));
        !is_closed && self.generation == generation
    }

    /// Whether a subscriber that must not miss events still needs the oldest record.
    fn must_wait(&self) -> bool {
        let first = self.first_seq();
        self.subscribers
            .iter()
            .any(|s| s.backpressure == Backpressure::Wait && s.first_needed() <= first)
    }

    fn append(&mut self, generation: u64, event: Event) {
        let record = Record { seq: self.next_seq, generation, event };
        self.next_seq += 1;
        self.cost += record.cost();
        self.records.push_back(record);
        while self.cost > self.capacity && self.records.len() > 1 && !self.must_wait() {
            self.evict_oldest();
        }
    }

    fn evict_oldest(&mut self) {
        let Some(record) = self.records.pop_front() else {
            return;
        };
        self.cost -= record.cost();
        self.evicted.add(&record);
        for subscriber in self.subscribers.iter_mut().filter(|s| s.cursor == record.seq) {
            subscriber.missed.add(&record);
            subscriber.cursor += 1;
        }
    }

    /// Appends the next records of a subscriber to `into`: at most `most`, and none after a cost of `most_cost` bytes.
    fn take(&mut self, id: u64, most: usize, most_cost: usize, into: &mut Vec<Record>) {
        let first = self.first_seq();
        let Some(subscriber) = self.subscribers.iter_mut().find(|s| s.id == id) else {
            return;
        };
        let Missed { events, bytes } = std::mem::take(&mut subscriber.missed);
        let start = usize::try_from(subscriber.cursor - first).unwrap_or(usize::MAX);
        if events > 0 {
            into.push(Record {
                seq: subscriber.cursor.saturating_sub(1),
                generation: self.records.get(start).map_or(self.generation, |r| r.generation),
                event: Event::Dropped { events, bytes },
            });
        }
        let before = into.len();
        let mut room = most_cost;
        let fits = |record: &&Record| {
            let has_room = room > 0;
            room = room.saturating_sub(record.cost());
            has_room
        };
        into.extend(self.records.iter().skip(start).take(most).take_while(fits).cloned());
        subscriber.cursor += (into.len() - before) as u64;
    }
}

#[cfg(test)]
mod tests;
