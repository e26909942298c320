//! What the operating system knows of this program: its threads and its children.
//!
//! Read from `/proc`; where there is none, nothing is ever seen.

use std::fs;
use std::time::{Duration, Instant};

/// One process, as `/proc/<pid>/stat` tells.
pub(crate) struct Seen {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) state: char,
    parent: u32,
}

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

/// The children of this program, those included that ended and were not waited for.
pub(crate) fn children() -> Vec<Seen> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|entry| look(entry.file_name().to_str()?.parse().ok()?))
        .filter(|seen| seen.parent == std::process::id())
        .collect()
}

/// Whether a process still runs. One that ended and waits to be reaped does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    look(pid).is_some_and(|seen| !matches!(seen.state, 'Z' | 'X'))
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

fn look(pid: u32) -> Option<Seen> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses, and may itself contain spaces and parentheses.
    let (name, rest) = (stat.split_once('(')?.1, stat.rsplit_once(") ")?.1);
    let name = name.rsplit_once(')')?.0.to_owned();
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    Some(Seen { pid, name, state, parent })
}
