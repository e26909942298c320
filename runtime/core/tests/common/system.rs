//! What the operating system knows of processes.
//!
//! Read from `/proc`; where there is none, nothing is ever seen.

use std::fs;
use std::time::{Duration, Instant};

/// Whether a process still runs. One that ended and waits to be reaped does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    // The name is in parentheses, and may itself contain some.
    !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// Waits for something of which nobody tells when it happens; gives up after a long time.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let give_up = Instant::now() + Duration::from_secs(20);
    while !holds() {
        if Instant::now() > give_up {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}
