//! Whoever waits for output may fetch it where it comes from.

#![cfg_attr(not(any(unix, test)), expect(dead_code, reason = "only pipes of Unix are read by two"))]

use std::sync::Arc;

use super::History;

/// Takes in what has come, if anything has, without waiting.
pub(crate) type PullFn = Arc<dyn Fn() + Send + Sync>;

/// History can be fetched until this is dropped.
pub(crate) struct PullSource {
    output: History,
    fetch: PullFn,
}

impl History {
    /// From now on whoever waits for output calls `fetch` while looking for it.
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
        // The next generation may have its own.
        self.output.0.fetch.lock().take_if(|other| Arc::ptr_eq(other, &self.fetch));
    }
}
