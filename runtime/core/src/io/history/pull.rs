//! Lets a waiting subscriber read the pipe of a child on its own thread.

#![cfg_attr(not(any(unix, test)), expect(dead_code, reason = "only Unix pipes have two readers"))]

use std::sync::Arc;

use super::History;

/// Moves available output into the history, without waiting.
pub(crate) type PullFn = Arc<dyn Fn() + Send + Sync>;

/// Registers a pull function until it is dropped.
pub(crate) struct PullSource {
    output: History,
    fetch: PullFn,
}

impl History {
    /// Registers a function that waiting subscribers call while they spin.
    pub(crate) fn fetch_by(&self, fetch: impl Fn() + Send + Sync + 'static) -> PullSource {
        let fetch: PullFn = Arc::new(fetch);
        *self.0.fetch.lock() = Some(fetch.clone());
        PullSource { output: self.clone(), fetch }
    }

    pub(crate) fn fetch(&self) -> Option<PullFn> {
        self.0.fetch.lock().clone()
    }
}

impl Drop for PullSource {
    fn drop(&mut self) {
        // The next generation may have registered its own.
        self.output.0.fetch.lock().take_if(|other| Arc::ptr_eq(other, &self.fetch));
    }
}
