//! What the operating system knows of processes.
//!
//! Read from `/proc`; where there is none, nothing is ever seen.

use std::fs;

/// Whether a process still runs. One that ended and waits to be reaped does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    // The name is in parentheses, and may itself contain some.
    !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
}
