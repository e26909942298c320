//! Threads and child processes of this program, read from `/proc`. Empty on systems without it.

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

/// The start of `/proc/<pid>/stat` (id, name, state, …) of each child of this program, including zombies.
pub(crate) fn children() -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let own = std::process::id().to_string();
    processes
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        // The name is in parentheses and may itself contain parentheses.
        .filter(|stat| {
            let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' '));
            fields.and_then(|mut fields| fields.nth(1)) == Some(&own)
        })
        .map(|stat| stat.chars().take(40).collect())
        .collect()
}
