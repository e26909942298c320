//! Ends the child processes of a script with the script.
//!
//! Deno starts children from the isolate's thread, and Linux lists the children of each thread. So the children are
//! found without a list of our own, however they were started. Their descendants are found in the same way.

use std::path::{Path, PathBuf};

/// The children of one thread.
pub(crate) struct ChildProcesses(PathBuf);

impl ChildProcesses {
    /// The children of the calling thread.
    #[cfg(target_os = "linux")]
    pub(crate) fn of_this_thread() -> Self {
        let thread = nix::unistd::gettid();
        Self(PathBuf::from(format!("/proc/self/task/{thread}/children")))
    }

    /// Other systems have no such list. There children end when their handles are dropped.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn of_this_thread() -> Self {
        Self(PathBuf::new())
    }

    /// Kills the children and their descendants, which ends all waits for them.
    pub(crate) fn kill(&self) {
        let mut pending = pids(&self.0);
        while let Some(pid) = pending.pop() {
            // Read before the kill, which reparents the descendants.
            pending.extend(children_of(pid));
            kill(pid);
        }
    }
}

fn children_of(pid: i32) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    // A process that has just ended has no children.
    let threads = threads.into_iter().flatten().flatten();
    threads.flat_map(|thread| pids(&thread.path().join("children"))).collect()
}

fn pids(list: &Path) -> Vec<i32> {
    let list = std::fs::read_to_string(list).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

#[cfg(unix)]
fn kill(pid: i32) {
    use nix::sys::signal::Signal;
    // Fails only if the process has ended.
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL);
}

#[cfg(not(unix))]
fn kill(_: i32) {}
