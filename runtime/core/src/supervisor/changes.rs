//! That something changed, for whoever shows a list of processes.
//!
//! Tells that and not what: a watcher looks at the list when it has time to, and any number of changes
//! until then cost nothing.

use tokio::sync::watch;

/// The side that tells; clones tell the same watchers.
#[derive(Clone)]
pub(crate) struct ChangeNotifier(watch::Sender<bool>);

impl ChangeNotifier {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn tell(&self) {
        // The value says whether it is over; that it was touched is the message.
        self.0.send_modify(|_| {});
    }

    /// Nothing changes any more.
    pub(crate) fn end(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn watch(&self) -> Changes {
        Changes(self.0.subscribe())
    }
}

/// Tells when the list of processes, or a state in it, has changed.
#[derive(Clone)]
pub struct Changes(watch::Receiver<bool>);

impl Changes {
    /// Waits until something has changed since the last call, or since this was made; at once if it
    /// has already. `false` when the supervisor has shut down.
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
    fn many_changes_are_told_once_and_the_end_for_ever() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let notice = ChangeNotifier::new();
            let mut changes = notice.watch();
            notice.tell();
            notice.tell();
            assert!(changes.changed().await);
            let end = async { notice.end() };
            let (goes_on, ()) = tokio::join!(biased; changes.changed(), end);
            notice.tell();
            assert_eq!((goes_on, changes.changed().await), (false, false));
            assert!(!notice.watch().changed().await);
        });
    }
}
