//! Memory, processor time and wake-ups of this program and of children, on Linux.

use std::fs;
use std::time::Duration;

use crate::session::Session;
use crate::stats::micros;

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

/// Processor time of these processes in microseconds, of threads that have ended too.
pub(crate) fn cpu_micros(pids: &[u32]) -> f64 {
    pids.iter().filter_map(|pid| cpu_time(*pid)).map(micros).sum()
}

#[cfg(target_os = "linux")]
fn cpu_time(pid: u32) -> Option<Duration> {
    use nix::time::{ClockId, clock_gettime};
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).ok()?);
    Some(clock_gettime(ClockId::pid_cpu_clock_id(pid).ok()?).ok()?.into())
}

#[cfg(not(target_os = "linux"))]
fn cpu_time(_pid: u32) -> Option<Duration> {
    None
}

/// How often the live threads have slept, which equals how often they were woken.
pub(crate) fn sleeps(pids: &[u32]) -> f64 {
    let tasks = pids.iter().filter_map(|pid| fs::read_dir(format!("/proc/{pid}/task")).ok());
    let states =
        tasks.flatten().flatten().map(|task| fs::read_to_string(task.path().join("status")));
    // A thread may end between the two reads.
    states.flatten().map(|state| field(&state, "voluntary_ctxt_switches:")).sum()
}

/// The number after the name of a field at the beginning of a line.
fn field(text: &str, name: &str) -> f64 {
    let rest = text.lines().find_map(|line| line.strip_prefix(name));
    rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
