//! Working directory and umask of an isolate's thread.
//!
//! The operating system has one of each per application. Linux can give a thread its own, unless a container
//! forbids that. A script without its own stays in the application's working directory.

use std::path::Path;

use crate::error::shown;

/// The owner of a thread's working directory and umask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkingDirectory {
    /// The thread, and the threads that it starts.
    Thread,
    Application,
}

impl WorkingDirectory {
    /// Gives this thread its own working directory and umask if the system can. The directory stays the same.
    pub(crate) fn unshare() -> Self {
        if unshare() { Self::Thread } else { Self::Application }
    }

    /// Changes the thread's working directory to `cwd`.
    pub(crate) fn change_to(self, cwd: &Path) -> Result<(), String> {
        match self {
            Self::Thread => std::env::set_current_dir(cwd)
                .map_err(|error| format!("cwd '{}': {error}", shown(cwd))),
            Self::Application => require_current(cwd),
        }
    }
}

fn require_current(cwd: &Path) -> Result<(), String> {
    match std::env::current_dir() {
        Ok(own) if own == cwd => Ok(()),
        _ => Err(format!(
            "cwd '{}': on this system the embedded engine runs in the application's own working \
             directory; leave `cwd` out, or use runtime \"deno\"",
            shown(cwd)
        )),
    }
}

#[cfg(target_os = "linux")]
fn unshare() -> bool {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_FS).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn unshare() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_working_directory_accepts_only_itself() {
        let own = std::env::current_dir().unwrap();
        assert_eq!(require_current(&own), Ok(()));
        let elsewhere = own.join("elsewhere");
        let message = require_current(&elsewhere).unwrap_err();
        assert!(message.contains("elsewhere") && message.contains("leave `cwd` out"), "{message}");
    }
}
