//! The working directory and umask of an isolate's thread.
//!
//! To the operating system they belong to the whole application. Linux can part a thread from it,
//! unless a container forbids that; a script then lives in the application's own folder, and cannot
//! leave it.

use std::path::Path;

use crate::error::shown;

/// Whose working directory and umask a thread has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkingDirectory {
    /// Its own, and that of the threads that it starts.
    Own,
    Applications,
}

impl WorkingDirectory {
    /// Parts this thread from the application where it can be; it stays where it is.
    pub(crate) fn part() -> Self {
        if part() { Self::Own } else { Self::Applications }
    }

    /// Takes the thread to `cwd`.
    pub(crate) fn enter(self, cwd: &Path) -> Result<(), String> {
        match self {
            Self::Own => std::env::set_current_dir(cwd)
                .map_err(|error| format!("cwd '{}': {error}", shown(cwd))),
            Self::Applications => stay(cwd),
        }
    }
}

fn stay(cwd: &Path) -> Result<(), String> {
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
fn part() -> bool {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_FS).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn part() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_thread_cannot_be_parted_only_the_applications_folder_will_do() {
        let own = std::env::current_dir().unwrap();
        assert_eq!(stay(&own), Ok(()));
        let elsewhere = own.join("elsewhere");
        let message = stay(&elsewhere).unwrap_err();
        assert!(message.contains("elsewhere") && message.contains("leave `cwd` out"), "{message}");
    }
}
