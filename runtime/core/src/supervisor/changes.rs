//! Notifications about changes of the list of processes.
//!
//! A notification has no content: a watcher reads the list itself, and any number of changes in between are one.

use tokio::sync::watch;

/// The sending side; clones notify the same watchers.
#[derive(Clone)]
pub(crate) struct ChangeNotifier(watch::Sender<bool>);

impl ChangeNotifier {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn notify(&self) {
        // The value is only set by `end`; modifying it notifies.
        self.0.send_modify(|_| {});
    }

    /// Ends all watchers.
    pub(crate) fn end(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn watch(&self) -> Changes {
        Changes(self.0.subscribe())
    }
}

/// Waits for changes of the list of processes, including state changes.
#[derive(Clone)]
pub struct Changes(watch::Receiver<bool>);

impl Changes {
    /// Waits for a change since the last call, or since [`Supervisor::changes`](crate::Supervisor::changes). Returns
    /// `false` after the supervisor has shut down.
    ///
    /// Cancel-safe.
    pub async fn changed(&mut self) -> bool {
        !*self.0.borrow() && self.0.changed().await.is_ok() && !*self.0.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_coalesced_and_the_end_is_permanent() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let notifier = ChangeNotifier::new();
            let mut changes = notifier.watch();
            notifier.notify();
            notifier.notify();
            assert!(changes.changed().await);
            let end = async { notifier.end() };
            let (continues, ()) = tokio::join!(biased; changes.changed(), end);
            notifier.notify();
            assert_eq!((continues, changes.changed().await), (false, false));
            assert!(!notifier.watch().changed().await);
        });
    }
}
