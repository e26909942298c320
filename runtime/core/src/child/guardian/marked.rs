//! Processes that have a mark in their environment, found in `/proc`.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getsid};

/// Time limit for killing programs that keep starting others.
const LIMIT: Duration = Duration::from_secs(2);

/// Kills every process with this variable in the application's session, or in all sessions. Repeats until none is
/// found: each may be starting others.
pub(super) fn kill_all(variable: &str, value: &str, in_all_sessions: bool) {
    let entry = format!("{variable}={value}").into_bytes();
    let deadline = Instant::now() + LIMIT;
    loop {
        let found = marked(&entry).filter(|pid| in_all_sessions || is_in_our_session(*pid));
        // Fails for a process that has just ended.
        let killed = found.filter(|pid| kill(*pid, Signal::SIGKILL).is_ok()).count();
        if killed == 0 || Instant::now() > deadline {
            return;
        }
        // A killed process has its environment until it has ended.
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn marked(entry: &[u8]) -> impl Iterator<Item = Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    // The environment of another user's process cannot be read; it could not be killed either.
    let is_marked = move |pid: &i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|env| env.split(|&byte| byte == 0).any(|found| found == entry))
    };
    pids.filter(is_marked).map(Pid::from_raw)
}

fn is_in_our_session(pid: Pid) -> bool {
    matches!((getsid(Some(pid)), getsid(None)), (Ok(theirs), Ok(ours)) if theirs == ours)
}
