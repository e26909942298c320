//! The way out of a process: one bounded history per name, and cursors into it.
//!
//! Writers append, subscribers read at their own pace, and a late one begins with the backlog. When
//! the history is full the oldest event goes, and a subscriber that had not read it is told how much
//! it missed; a subscriber that must not miss anything makes the writer wait instead. A writer may be
//! a thread that blocks (an isolate's synchronous write) or a task. Cutting a generation off wakes
//! them, so a kill never waits for a reader.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::coop::consume_budget;

use crate::event::{Event, Record};

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
pub(crate) struct Output(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
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

impl Output {
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                history: VecDeque::new(),
                cost: 0,
                capacity,
                next_seq: 0,
                generation: 0,
                subscribers: Vec::new(),
                next_subscriber: 0,
                heard: 0,
                closed: false,
                forgotten: Missed::default(),
            }),
            room: Condvar::new(),
            room_async: Notify::new(),
        }))
    }

    /// From now on only `generation` may write, with this much history.
    pub(crate) fn begin(&self, generation: u64, capacity: usize) {
        let mut state = self.lock();
        state.generation = generation;
        state.capacity = capacity;
        drop(state);
        self.wake_writers();
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

    /// Appends, blocking the thread while a subscriber must be waited for.
    pub(crate) fn push_blocking(&self, generation: u64, mut event: Event) -> Result<(), CutOff> {
        let mut state = self.lock();
        while let Some(back) = state.try_push(generation, event)? {
            event = back;
            state = self.0.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Appends, or gives the event back when a subscriber must be waited for.
    pub(crate) fn try_push(&self, generation: u64, event: Event) -> Result<Option<Event>, CutOff> {
        self.lock().try_push(generation, event)
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
        self.lock().append(generation, event);
    }

    /// The name is gone; subscribers read what is left and end.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.generation = 0;
        for subscriber in &state.subscribers {
            subscriber.wake.notify_one();
        }
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
        Subscription { output: self.clone(), id, wake, ready: VecDeque::new() }
    }

    fn wake_writers(&self) {
        self.0.room.notify_all();
        self.0.room_async.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn first_seq(&self) -> u64 {
        self.next_seq - self.history.len() as u64
    }

    fn try_push(&mut self, generation: u64, event: Event) -> Result<Option<Event>, CutOff> {
        if self.generation != generation {
            return Err(CutOff);
        }
        if self.cost >= self.capacity && self.is_waited_for() {
            return Ok(Some(event));
        }
        self.append(generation, event);
        Ok(None)
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
        for subscriber in &self.subscribers {
            subscriber.wake.notify_one();
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
    fn take(&mut self, id: u64, most: usize, into: &mut Vec<Record>) {
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
        into.extend(self.history.iter().skip(start).take(most).cloned());
        subscriber.cursor += (into.len() - before) as u64;
    }
}

/// The events of one process, in order. Dropping it unsubscribes.
pub struct Subscription {
    output: Output,
    id: u64,
    wake: Arc<Notify>,
    /// Taken from the history, not yet handed out by `recv`.
    ready: VecDeque<Record>,
}

impl Subscription {
    /// The next event; `None` once the process has been removed and everything was read.
    ///
    /// Cancel-safe.
    pub async fn recv(&mut self) -> Option<Record> {
        if self.ready.is_empty() {
            self.ready = self.recv_batch(1).await.into();
        }
        self.ready.pop_front()
    }

    /// Waits for at least one event and returns all there are, `most` at the most (a mark for what
    /// was dropped may come on top). Empty once the process has been removed and everything was read.
    ///
    /// Cancel-safe.
    pub async fn recv_batch(&mut self, most: usize) -> Vec<Record> {
        if !self.ready.is_empty() {
            return std::mem::take(&mut self.ready).into();
        }
        // There may always be more: whoever reads in a loop must not keep an executor to itself.
        consume_budget().await;
        loop {
            let (batch, closed) = self.take(most.max(1));
            if !batch.is_empty() || closed {
                return batch;
            }
            self.wake.notified().await;
        }
    }

    /// Says that everything up to and including `seq` was handled, and need not be kept for this
    /// subscriber any more. Of what was not taken yet nothing is released. Only for a subscription
    /// by `Supervisor::subscribe_held`; for any other, taking an event releases it.
    pub fn release(&self, seq: u64) {
        let mut state = self.output.lock();
        if let Some(subscriber) = state.subscribers.iter_mut().find(|s| s.id == self.id)
            && let Some(held) = &mut subscriber.held
        {
            *held = seq.saturating_add(1).min(subscriber.cursor).max(*held);
        }
        drop(state);
        self.output.wake_writers();
    }

    /// Says that somebody hears this generation; whether nobody has before.
    #[must_use]
    pub fn is_first_to_hear(&self, generation: u64) -> bool {
        let mut state = self.output.lock();
        let is_first = state.heard < generation;
        state.heard = state.heard.max(generation);
        is_first
    }

    /// The number that the next event of the process will have.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.output.lock().next_seq
    }

    fn take(&self, most: usize) -> (Vec<Record>, bool) {
        let mut batch = Vec::new();
        let mut state = self.output.lock();
        state.take(self.id, most, &mut batch);
        let closed = state.closed;
        drop(state);
        if !batch.is_empty() {
            self.output.wake_writers();
        }
        (batch, closed)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.output.lock().subscribers.retain(|subscriber| subscriber.id != self.id);
        self.output.wake_writers();
    }
}

#[cfg(test)]
mod tests;
