//! What this program has: threads and child processes.
//!
//! Read from `/proc`; where there is none, nothing is ever seen.

use std::fs;

/// The names of this program's threads, cut to 15 bytes by the kernel.
pub(crate) fn threads() -> Vec<String> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    // A thread may end while the list is read.
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .collect()
}

/// The children of this program, with those that ended and were not waited for, as
/// `/proc/<pid>/stat` tells: id, name, state, …
pub(crate) fn children() -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let own = std::process::id().to_string();
    processes
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        // The name is in parentheses, and may itself contain some.
        .filter(|stat| {
            let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' '));
            fields.and_then(|mut fields| fields.nth(1)) == Some(&own)
        })
        .map(|stat| stat.chars().take(40).collect())
        .collect()
}
