//! The way out of a process: one bounded history per name, and cursors into it.
//!
//! Writers append, subscribers read at their own pace, and a late one begins with the backlog. When
//! the history is full the oldest event goes, and a subscriber that had not read it is told how much
//! it missed; a subscriber that must not miss anything makes the writer wait instead. A writer may be
//! a thread that blocks (an isolate's synchronous write) or a task. Cutting a generation off wakes
//! them, so a kill never waits for a reader.

mod pull;
mod subscription;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

pub use self::subscription::Subscription;
use crate::io::event::{Event, Record, Stream};
pub(crate) use crate::io::history::pull::{PullFn, PullSource};
use crate::io::spin::Spin;

/// The generation was cut off; nothing of it is taken any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CutOff;

/// What happens to a subscriber that reads more slowly than the process writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenSlow {
    /// It misses events, and is told how many. Nobody waits for it.
    #[default]
    Drop,
    /// The process waits for it. For RPC, where a lost frame is a call that never returns.
    Wait,
}

/// The history of one name; clones share it.
#[derive(Clone)]
pub(crate) struct History(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Counts what subscribers may want to see, so that they need not lock to look for it.
    news: AtomicU64,
    /// How many threads have to run for something to come.
    others: AtomicUsize,
    /// Takes in what a child has written, where that need not run but the child.
    fetch: Mutex<Option<PullFn>>,
    room: Condvar,
    room_async: Notify,
}

struct State {
    history: VecDeque<Record>,
    cost: usize,
    capacity: usize,
    next_seq: u64,
    /// The generation that may write.
    generation: u64,
    /// Its streams that nobody reads.
    unread: Vec<Stream>,
    subscribers: Vec<Subscriber>,
    next_subscriber: u64,
    /// The latest generation that a subscriber said it hears.
    heard: u64,
    /// The name is gone: subscribers end after what is left.
    closed: bool,
    /// Dropped from the history before anybody could ask, for late subscribers.
    forgotten: Missed,
}

struct Subscriber {
    id: u64,
    /// The next event it wants.
    cursor: u64,
    /// The first event that it has not released; `None` if taking is as good as that.
    held: Option<u64>,
    when_slow: WhenSlow,
    missed: Missed,
    wake: Arc<Notify>,
}

impl Subscriber {
    /// The first event that must stay for it.
    fn needs(&self) -> u64 {
        self.held.unwrap_or(self.cursor)
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
                history: VecDeque::new(),
                cost: 0,
                capacity,
                next_seq: 0,
                generation: 0,
                unread: Vec::new(),
                subscribers: Vec::new(),
                next_subscriber: 0,
                heard: 0,
                closed: false,
                forgotten: Missed::default(),
            }),
            news: AtomicU64::new(0),
            others: AtomicUsize::new(1),
            fetch: Mutex::new(None),
            room: Condvar::new(),
            room_async: Notify::new(),
        }))
    }

    /// From now on only `generation` may write, with this much history.
    pub(crate) fn begin(&self, generation: u64, capacity: usize) {
        let mut state = self.lock();
        state.generation = generation;
        state.unread.clear();
        state.capacity = capacity;
        drop(state);
        self.wake_writers();
    }

    /// What is written comes of so many threads, one after the other.
    pub(crate) fn comes_of(&self, threads: usize) {
        self.0.others.store(threads, Ordering::Relaxed);
    }

    /// Nothing more of `generation` is taken; its waiting writers fail.
    pub(crate) fn cut_off(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation == generation {
            state.generation = 0;
        }
        drop(state);
        self.wake_writers();
    }

    /// Nothing more of the stream is taken until the next generation; its waiting writers fail.
    pub(crate) fn close_stream(&self, stream: Stream) {
        self.lock().unread.push(stream);
        self.wake_writers();
    }

    /// Appends all, blocking the thread while a subscriber must be waited for.
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

    /// Appends as many as a subscriber need not be waited for; whether that was all.
    pub(crate) fn try_push(
        &self,
        generation: u64,
        events: &mut VecDeque<Event>,
    ) -> Result<bool, CutOff> {
        self.push_some(&mut self.lock(), generation, events)
    }

    /// Tells subscribers once.
    fn push_some(
        &self,
        state: &mut State,
        generation: u64,
        events: &mut VecDeque<Event>,
    ) -> Result<bool, CutOff> {
        if events.is_empty() {
            return Ok(true);
        }
        let before = state.next_seq;
        let pushed = state.push(generation, events);
        if state.next_seq != before {
            self.tell(state);
        }
        pushed
    }

    /// Calls `push` until it has found room for everything.
    pub(crate) async fn until(
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

    /// Appends at once whatever the state: changes of state are few, and must not be held up.
    pub(crate) fn push_now(&self, generation: u64, event: Event) {
        let mut state = self.lock();
        state.append(generation, event);
        self.tell(&state);
    }

    /// The name is gone; subscribers read what is left and end.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.generation = 0;
        self.tell(&state);
        drop(state);
        self.wake_writers();
    }

    pub(crate) fn subscribe(&self, when_slow: WhenSlow, backlog: bool) -> Subscription {
        self.add_subscriber(when_slow, backlog, false, None)
    }

    /// From the backlog on, missing nothing; what it takes stays until it is released.
    /// What it knows already, up to and including `after`, is not reported as missed.
    pub(crate) fn subscribe_held(&self, after: Option<u64>) -> Subscription {
        self.add_subscriber(WhenSlow::Wait, true, true, after)
    }

    fn add_subscriber(
        &self,
        when_slow: WhenSlow,
        backlog: bool,
        releases: bool,
        after: Option<u64>,
    ) -> Subscription {
        let mut state = self.lock();
        let id = state.next_subscriber;
        state.next_subscriber += 1;
        let wake = Arc::new(Notify::new());
        let knows_all = after.is_some_and(|after| after.saturating_add(1) >= state.first_seq());
        let (cursor, missed) = if backlog {
            (state.first_seq(), if knows_all { Missed::default() } else { state.forgotten })
        } else {
            (state.next_seq, Missed::default())
        };
        let held = releases.then_some(cursor);
        let subscriber = Subscriber { id, cursor, held, when_slow, missed, wake: wake.clone() };
        state.subscribers.push(subscriber);
        drop(state);
        let (ready, spin) = (VecDeque::new(), Spin::default());
        Subscription { output: self.clone(), id, wake, ready, spin, is_dialogue: false }
    }

    /// Something has come for the subscribers.
    fn tell(&self, state: &State) {
        self.0.news.fetch_add(1, Ordering::Release);
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
        self.next_seq - self.history.len() as u64
    }

    /// `false` when a subscriber must be waited for first; of a generation that was cut off nothing is
    /// kept.
    fn push(&mut self, generation: u64, events: &mut VecDeque<Event>) -> Result<bool, CutOff> {
        let stream = events.front().and_then(Event::stream);
        let is_unread = stream.is_some_and(|stream| self.unread.contains(&stream));
        if is_unread || self.generation != generation {
            events.clear();
            return Err(CutOff);
        }
        while !events.is_empty() {
            if self.cost >= self.capacity && self.is_waited_for() {
                return Ok(false);
            }
            if let Some(event) = events.pop_front() {
                self.append(generation, event);
            }
        }
        Ok(true)
    }

    /// Whether dropping the oldest event would cost a subscriber something it must not miss.
    fn is_waited_for(&self) -> bool {
        let first = self.first_seq();
        self.subscribers.iter().any(|s| s.when_slow == WhenSlow::Wait && s.needs() <= first)
    }

    fn append(&mut self, generation: u64, event: Event) {
        let record = Record { seq: self.next_seq, generation, event };
        self.next_seq += 1;
        self.cost += record.cost();
        self.history.push_back(record);
        while self.cost > self.capacity && self.history.len() > 1 && !self.is_waited_for() {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(record) = self.history.pop_front() else {
            return;
        };
        self.cost -= record.cost();
        self.forgotten.add(&record);
        for subscriber in self.subscribers.iter_mut().filter(|s| s.cursor == record.seq) {
            subscriber.missed.add(&record);
            subscriber.cursor += 1;
        }
    }

    /// The next events for a subscriber; empty when it has seen all.
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
                generation: self.history.get(start).map_or(self.generation, |r| r.generation),
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
        into.extend(self.history.iter().skip(start).take(most).take_while(fits).cloned());
        subscriber.cursor += (into.len() - before) as u64;
    }
}

#[cfg(test)]
mod tests;
