//! The queue of frames and events for the thread of callbacks and exposed functions.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::error::Error;

/// Bytes of frames at which writers wait. Each frame counts [`FLAT`] bytes more.
const CAPACITY: usize = 4 << 20;
const FLAT: usize = 128;

/// The most exposed functions that run for one process. They may wait for calls to the same backend, so the backend
/// must not wait for them: further requests fail.
pub(super) const MAX_RUNNING: usize = 4096;

pub(super) enum Item {
    /// A frame of a generation.
    Frame(u64, Bytes),
    /// A request that Rust answers.
    Request(u64, Bytes),
    /// A generation has ended.
    Exited(u64, Error),
    /// The endpoint is gone.
    Closed,
}

impl Item {
    /// What the item counts of the capacity, in bytes.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Frame(_, line) | Self::Request(_, line) => FLAT + line.len(),
            Self::Exited(..) | Self::Closed => FLAT,
        }
    }
}

#[derive(Default)]
pub(super) struct Inbox {
    items: Mutex<VecDeque<Item>>,
    arrived: Notify,
    /// Items that wait or are being handled.
    unhandled: AtomicUsize,
    cost: AtomicUsize,
    running: AtomicUsize,
}

impl Inbox {
    pub(super) fn push(&self, item: Item) {
        self.unhandled.fetch_add(1, Ordering::AcqRel);
        self.cost.fetch_add(item.cost(), Ordering::AcqRel);
        self.items.lock().push_back(item);
        self.arrived.notify_one();
    }

    /// The next item. The caller calls [`Inbox::handled`] after it.
    pub(super) async fn next(&self) -> Item {
        loop {
            let item = self.items.lock().pop_front();
            match item {
                Some(item) => return item,
                None => self.arrived.notified().await,
            }
        }
    }

    /// An item was handled. Returns whether the inbox has room again.
    pub(super) fn handled(&self, cost: usize) -> bool {
        let before = self.cost.fetch_sub(cost, Ordering::AcqRel);
        self.unhandled.fetch_sub(1, Ordering::AcqRel);
        before >= CAPACITY && before - cost < CAPACITY
    }

    /// Whether everything that has arrived was handled.
    pub(super) fn is_idle(&self) -> bool {
        self.unhandled.load(Ordering::Acquire) == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.cost.load(Ordering::Acquire) >= CAPACITY
    }

    /// A request starts to run. Returns `false` if too many run.
    pub(super) fn starts(&self) -> bool {
        self.running.fetch_add(1, Ordering::AcqRel) < MAX_RUNNING
    }

    /// A request was answered.
    pub(super) fn answered(&self) {
        self.running.fetch_sub(1, Ordering::AcqRel);
    }
}
