//! One reader of a process's events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::Notify;
use tokio::task::coop::consume_budget;

use super::History;
use crate::io::event::Record;
use crate::io::spin::Spin;

/// What `recv` takes at a time: so many events, until they cost so much.
const BATCH: usize = 64;
const BATCH_COST: usize = 64 << 10;

/// What has more bytes is rather read by a thread that has nothing else to do.
const SHORT: usize = 4 << 10;

/// The events of one process, in order. Dropping it unsubscribes.
pub struct Subscription {
    pub(super) output: History,
    pub(super) id: u64,
    pub(super) wake: Arc<Notify>,
    /// Taken from the history, not yet handed out by `recv`.
    pub(super) ready: VecDeque<Record>,
    pub(super) spin: Spin,
    /// What was taken last was short output alone, as an answer is.
    pub(super) is_dialogue: bool,
}

impl Subscription {
    /// The next event; `None` once the process has been removed and everything was read.
    ///
    /// Cancel-safe.
    pub async fn recv(&mut self) -> Option<Record> {
        if self.ready.is_empty() {
            self.ready = self.recv_at_most(BATCH, BATCH_COST, true).await.into();
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
        // Whoever wants many is better off with those that come while it sleeps.
        self.recv_at_most(most.max(1), usize::MAX, false).await
    }

    async fn recv_at_most(&mut self, most: usize, most_cost: usize, looks: bool) -> Vec<Record> {
        // There may always be more: whoever reads in a loop must not keep an executor to itself.
        consume_budget().await;
        loop {
            let seen = self.output.0.news.load(Ordering::Acquire);
            let (batch, closed) = self.take(most, most_cost);
            if !batch.is_empty() || closed {
                let is_answer = |answer: &Record| (1..=SHORT).contains(&answer.output_len());
                self.is_dialogue = matches!(&batch[..], [answer] if is_answer(answer));
                return batch;
            }
            if !looks || !self.look(seen) {
                self.wake.notified().await;
            }
        }
    }

    /// Whether there are other news than `seen`, which may come in a moment.
    fn look(&mut self, seen: u64) -> bool {
        let Self { output, spin, is_dialogue, .. } = self;
        let has_news = || output.0.news.load(Ordering::Acquire) != seen;
        // Who fetches a flood gets it line by line.
        match is_dialogue.then(|| output.fetch()).flatten() {
            Some(fetch) => spin.look(1, || {
                fetch();
                has_news()
            }),
            None => spin.look(output.0.others.load(Ordering::Relaxed), has_news),
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

    pub(super) fn take(&self, most: usize, most_cost: usize) -> (Vec<Record>, bool) {
        let mut batch = Vec::new();
        let mut state = self.output.lock();
        state.take(self.id, most, most_cost, &mut batch);
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
