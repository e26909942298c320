//! Delivers signals to the listeners of a script.

use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

/// These numbers are the same on every system.
pub(crate) const SIGABRT: i32 = 6;
pub(crate) const SIGTERM: i32 = 15;

/// The listeners of one process, by signal number.
#[derive(Default)]
pub(crate) struct Signals(Mutex<HashMap<i32, watch::Sender<()>>>);

impl Signals {
    /// Returns `false` if the signal has no listener.
    pub(crate) fn deliver(&self, signal: i32) -> bool {
        self.lock().get(&signal).is_some_and(|sender| sender.send(()).is_ok())
    }

    pub(crate) fn listen(&self, signal: i32) -> watch::Receiver<()> {
        self.lock().entry(signal).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, watch::Sender<()>>> {
        self.0.lock()
    }
}

/// Whether the default action of a signal is to be ignored.
#[cfg(unix)]
pub(crate) fn is_ignored(signal: i32) -> bool {
    use nix::libc::{SIGCHLD, SIGCONT, SIGURG, SIGWINCH};
    [SIGCHLD, SIGCONT, SIGURG, SIGWINCH].contains(&signal)
}

#[cfg(not(unix))]
pub(crate) fn is_ignored(_: i32) -> bool {
    false
}
