//! State of processes, read from `/proc`. On systems without it, no process counts as alive.

use std::fs;

/// Whether a process runs; `false` for a zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    // The name is in parentheses and may itself contain parentheses.
    !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
}
