//! Processes that have a mark in their environment, as `/proc` tells.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getsid};

/// How long programs that start others again and again are followed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Kills every process with this variable in the application's session, or in any. Again until none is found:
/// each may be starting others meanwhile.
pub(super) fn end(variable: &str, value: &str, in_all_sessions: bool) {
    let entry = format!("{variable}={value}").into_bytes();
    let give_up = Instant::now() + PATIENCE;
    loop {
        let found = marked(&entry).filter(|pid| in_all_sessions || is_in_our_session(*pid));
        // Fails for one that has just ended.
        let killed = found.filter(|pid| kill(*pid, Signal::SIGKILL).is_ok()).count();
        if killed == 0 || Instant::now() > give_up {
            return;
        }
        // A killed process keeps its environment until it has ended.
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn marked(entry: &[u8]) -> impl Iterator<Item = Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    // What belongs to another user cannot be read, and could not be killed.
    let is_marked = move |pid: &i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|env| env.split(|&byte| byte == 0).any(|found| found == entry))
    };
    pids.filter(is_marked).map(Pid::from_raw)
}

fn is_in_our_session(pid: Pid) -> bool {
    matches!((getsid(Some(pid)), getsid(None)), (Ok(theirs), Ok(ours)) if theirs == ours)
}
