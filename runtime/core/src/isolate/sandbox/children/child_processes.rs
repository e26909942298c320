//! Programs that an embedded script started: they end with it.
//!
//! Deno starts children from the isolate's own thread, and Linux tells a thread's children apart from
//! those of the rest of the application. So they can be found without a list of them, however they
//! were started; what they started in turn is found below them.

use std::path::{Path, PathBuf};

/// The children of one thread.
pub(crate) struct ChildProcesses(PathBuf);

impl ChildProcesses {
    /// Those of the calling thread.
    #[cfg(target_os = "linux")]
    pub(crate) fn of_this_thread() -> Self {
        let thread = nix::unistd::gettid();
        Self(PathBuf::from(format!("/proc/self/task/{thread}/children")))
    }

    /// Elsewhere there is no such list, and children end when their handles are dropped.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn of_this_thread() -> Self {
        Self(PathBuf::new())
    }

    /// Kills them and their descendants. Whoever waits for one of them, waits no longer.
    pub(crate) fn kill(&self) {
        let mut left = pids(&self.0);
        while let Some(pid) = left.pop() {
            // Read before it is killed: its children then belong to somebody else.
            left.extend(children_of(pid));
            kill(pid);
        }
    }
}

fn children_of(pid: i32) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    // One that has just ended has no children any more.
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
    // Fails for one that has just ended, which is as good.
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL);
}

#[cfg(not(unix))]
fn kill(_: i32) {}
