//! Waiting in tests, on machines that may be very busy.
//!
//! A test may not judge by the clock: a busy machine takes ten times as long for anything. It waits for
//! what is to happen, and fails after [`PATIENCE`]; or it counts; or it compares with a yardstick that is
//! measured at the same time.

#![allow(dead_code, reason = "each test program uses a part")]

use std::time::{Duration, Instant};

/// Much longer than anything that works takes, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A program that sleeps this long has not ended by itself when [`PATIENCE`] is over.
pub(crate) const LONGER_THAN_PATIENCE: &str = "sleep 600";

/// Between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Waits on this thread until `holds` is true; whether it has become true.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > give_up {
            return false;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    true
}

/// The same in a task, whose executor must have timers: others run meanwhile.
pub(crate) async fn becomes(mut holds: impl FnMut() -> bool) -> bool {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > give_up {
            return false;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    true
}

/// What `future` resolves to; `None` when it does not.
pub(crate) async fn finishes<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PATIENCE, future).await.ok()
}
