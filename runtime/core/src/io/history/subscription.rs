//! A subscription to the events of a process, and the pull function that it calls while it spins.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use tokio::sync::Notify;
use tokio::task::coop::consume_budget;

use super::{History, WeakHistory};
use crate::io::event::Record;
use crate::io::spin::Spin;

/// The most records that `recv` takes from the history at a time, and the most bytes that they cost.
const BATCH: usize = 64;
const BATCH_COST: usize = 64 << 10;

/// The longest line of a ping-pong, in bytes. Longer output is read by the task that owns the pipe.
const SHORT: usize = 4 << 10;

/// The events of one process, in order. Dropping the subscription unsubscribes.
pub struct Subscription {
    pub(super) history: History,
    pub(super) id: u64,
    pub(super) wake: Arc<Notify>,
    /// Records that were taken from the history and not yet returned by `recv`.
    pub(super) ready: VecDeque<Record>,
    pub(super) spin: Spin,
    /// Whether the last batch was a single short line, as an answer to a request is.
    pub(super) is_ping_pong: bool,
}

impl Subscription {
    /// Lets the subscriber sleep at once when it waits, instead of spinning for an answer first. For a subscriber
    /// whose caller does not need the answer within microseconds. [`Builder::spin`](crate::Builder::spin) switches
    /// spinning off for all.
    #[must_use]
    pub fn without_spin(mut self) -> Self {
        self.spin = Spin::new(false);
        self
    }

    #[cfg(test)]
    pub(crate) fn spins(&self) -> bool {
        self.spin.is_on()
    }

    /// Waits for the next event; `None` after the last event of a process that was removed.
    ///
    /// Cancel-safe.
    pub async fn recv(&mut self) -> Option<Record> {
        if self.ready.is_empty() {
            self.ready = self.recv_at_most(BATCH, BATCH_COST, true).await.into();
        }
        self.ready.pop_front()
    }

    /// Waits for at least one event and returns all available ones, at most `most`, plus possibly one
    /// [`Event::Dropped`](crate::Event::Dropped). Empty after the last event of a process that was removed.
    ///
    /// Cancel-safe.
    pub async fn recv_batch(&mut self, most: usize) -> Vec<Record> {
        if !self.ready.is_empty() {
            return std::mem::take(&mut self.ready).into();
        }
        // Spins only for an answer: of a flood, a sleeping caller gets larger batches.
        self.recv_at_most(most.max(1), usize::MAX, self.is_ping_pong).await
    }

    async fn recv_at_most(&mut self, most: usize, most_cost: usize, spins: bool) -> Vec<Record> {
        // Records may always be available: a caller that reads in a loop must yield to its executor.
        consume_budget().await;
        let mut has_yielded = self.is_ping_pong;
        loop {
            let seen = self.history.0.version.load(Ordering::Acquire);
            let (batch, closed) = self.take(most, most_cost);
            if !batch.is_empty() || closed {
                let is_answer = |answer: &Record| (1..=SHORT).contains(&answer.output_len());
                self.is_ping_pong = matches!(&batch[..], [answer] if is_answer(answer));
                return batch;
            }
            if !spins {
                self.wake.notified().await;
            } else if !has_yielded {
                // The caller's task may have more to send, for example in a `join!`.
                has_yielded = true;
                yield_once().await;
            } else if !self.spin_until_changed(seen) {
                self.wake.notified().await;
            }
        }
    }

    /// Spins until the version differs from `seen`. Returns `false` if the caller should sleep.
    fn spin_until_changed(&mut self, seen: u64) -> bool {
        let Self { history, spin, is_ping_pong, .. } = self;
        // Pulling a flood would return it line by line.
        history
            .spin_until(spin, *is_ping_pong, || history.0.version.load(Ordering::Acquire) != seen)
    }

    /// Acknowledges all events up to and including `seq`: they need not be stored for this subscriber any longer.
    /// Events that were not received yet are not affected. Only for subscriptions by
    /// [`Supervisor::subscribe_held`](crate::Supervisor::subscribe_held); others acknowledge an event when they receive
    /// it.
    pub fn release(&self, seq: u64) {
        let mut state = self.history.lock();
        if let Some(subscriber) = state.subscribers.iter_mut().find(|s| s.id == self.id)
            && let Some(unacked) = &mut subscriber.unacked
        {
            *unacked = seq.saturating_add(1).min(subscriber.cursor).max(*unacked);
        }
        drop(state);
        self.history.wake_writers();
    }

    /// Returns `true` on the first call for `generation` or a later one, over all subscriptions of the process.
    #[must_use]
    pub fn is_first_to_hear(&self, generation: u64) -> bool {
        let mut state = self.history.lock();
        let is_first = state.latest_heard < generation;
        state.latest_heard = state.latest_heard.max(generation);
        is_first
    }

    /// The `seq` of the next event of the process.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.history.lock().next_seq
    }

    pub(super) fn take(&self, most: usize, most_cost: usize) -> (Vec<Record>, bool) {
        let mut batch = Vec::new();
        let mut state = self.history.lock();
        state.take(self.id, most, most_cost, &mut batch);
        let closed = state.closed;
        drop(state);
        if !batch.is_empty() {
            self.history.wake_writers();
        }
        (batch, closed)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.history.lock().subscribers.retain(|subscriber| subscriber.id != self.id);
        self.history.wake_writers();
    }
}

/// Lets the rest of this task and other tasks run. Unlike [`tokio::task::yield_now`] it polls no sockets and timers.
async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Moves available output into the history, without waiting.
pub(crate) type PullFn = Arc<dyn Fn() + Send + Sync>;

/// Registers a pull function until it is dropped.
pub(crate) struct PullSource {
    history: History,
    pull: PullFn,
}

impl History {
    /// Registers a function that waiting subscribers call while they spin.
    #[cfg_attr(
        not(any(unix, test)),
        expect(dead_code, reason = "only Unix pipes have two readers")
    )]
    pub(crate) fn pull_with(&self, pull: impl Fn() + Send + Sync + 'static) -> PullSource {
        let pull: PullFn = Arc::new(pull);
        *self.0.pull.lock() = Some(pull.clone());
        PullSource { history: self.clone(), pull }
    }

    /// Sets the number of threads that must run one after another before an event arrives.
    pub(crate) fn set_answering_threads(&self, threads: usize) {
        self.0.answering_threads.store(threads, Ordering::Relaxed);
    }

    /// Whether the isolate and the subscribers spin before they sleep; see [`crate::Builder::spin`].
    pub(crate) fn spins(&self) -> bool {
        self.0.spins.load(Ordering::Relaxed)
    }

    /// Lets later subscribers and starts spin, or not.
    pub(crate) fn set_spins(&self, spins: bool) {
        self.0.spins.store(spins, Ordering::Relaxed);
    }

    /// Spins until `is_ready` returns `true`, if the supervisor's settings allow it. With `pulls` it also reads the pipe of a child. Returns `false` if the
    /// caller should sleep.
    pub(crate) fn spin_until(
        &self,
        spin: &mut Spin,
        pulls: bool,
        is_ready: impl Fn() -> bool,
    ) -> bool {
        if !self.spins() {
            return false;
        }
        match pulls.then(|| self.pull_fn()).flatten() {
            Some(pull) => spin.poll(1, || {
                pull();
                is_ready()
            }),
            None => spin.poll(self.0.answering_threads.load(Ordering::Relaxed), is_ready),
        }
    }

    pub(crate) fn downgrade(&self) -> WeakHistory {
        WeakHistory(Arc::downgrade(&self.0))
    }

    pub(crate) fn pull_fn(&self) -> Option<PullFn> {
        self.0.pull.lock().clone()
    }
}

impl Drop for PullSource {
    fn drop(&mut self) {
        // The next generation may have registered its own.
        self.history.0.pull.lock().take_if(|other| Arc::ptr_eq(other, &self.pull));
    }
}

impl WeakHistory {
    pub(crate) fn upgrade(&self) -> Option<History> {
        self.0.upgrade().map(History)
    }
}
