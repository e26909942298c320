//! Memory, processor time and wake-ups of this program and of children, from `/proc`.

use std::fs;

use crate::session::Session;

/// The processes of these sessions: this program, and the children among them.
pub(crate) fn pids<'a>(sessions: impl IntoIterator<Item = &'a Session>) -> Vec<u32> {
    let own = std::process::id();
    let mut pids: Vec<u32> = sessions.into_iter().filter_map(Session::pid).collect();
    // The pid of an embedded backend is this program's.
    pids.retain(|pid| *pid != own);
    pids.push(own);
    pids
}

/// Anonymous memory in KiB, in memory and swapped out: heaps, stacks, and written pages of the executable.
pub(crate) fn anonymous_kb(pids: &[u32]) -> f64 {
    let of = |pid: &u32| {
        let sums = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        field(&sums, "Anonymous:") + field(&sums, "Swap:")
    };
    pids.iter().map(of).sum()
}

/// Processor time of all live threads, in microseconds.
pub(crate) fn cpu_micros(pids: &[u32]) -> f64 {
    let nanos = |text: String| text.split_whitespace().next()?.parse::<f64>().ok();
    of_threads(pids, "schedstat", |text| nanos(text).unwrap_or_default()) / 1e3
}

/// How often the live threads have slept, which equals how often they were woken.
pub(crate) fn sleeps(pids: &[u32]) -> f64 {
    of_threads(pids, "status", |text| field(&text, "voluntary_ctxt_switches:"))
}

/// The sum of a value over all threads.
fn of_threads(pids: &[u32], file: &str, value: impl Fn(String) -> f64) -> f64 {
    let tasks = pids.iter().filter_map(|pid| fs::read_dir(format!("/proc/{pid}/task")).ok());
    let texts = tasks.flatten().flatten().map(|task| fs::read_to_string(task.path().join(file)));
    // A thread may end between the two reads.
    texts.flatten().map(value).sum()
}

/// The number after the name of a field at the beginning of a line.
fn field(text: &str, name: &str) -> f64 {
    let rest = text.lines().find_map(|line| line.strip_prefix(name));
    rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
