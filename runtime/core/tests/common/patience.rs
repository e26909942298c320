//! Waiting in tests, on machines that may be very busy.
//!
//! Tests do not check durations, because a busy machine may take ten times as long. They wait for an event and fail
//! after [`PATIENCE`], or count, or compare with a duration that is measured at the same time.

#![allow(dead_code, reason = "each test program uses a part")]

use std::time::{Duration, Instant};

/// Much longer than any successful step takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A command that does not end by itself within [`PATIENCE`].
pub(crate) const LONGER_THAN_PATIENCE: &str = "sleep 600";

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Blocks this thread until `holds` returns true. Returns `false` after [`PATIENCE`].
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > give_up {
            return false;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    true
}

/// [`eventually`] without blocking the thread. The executor must have timers.
pub(crate) async fn becomes(mut holds: impl FnMut() -> bool) -> bool {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > give_up {
            return false;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    true
}

/// The output of `future`; `None` if it does not resolve within [`PATIENCE`].
pub(crate) async fn finishes<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PATIENCE, future).await.ok()
}
