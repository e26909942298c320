//! Limits detection of runtimes to one at a time, with a result that concurrent callers share.
//!
//! A detection starts each runtime without a cached version, and pages may call it at any rate.

use parking_lot::{Mutex, MutexGuard};

use tokio::sync::Semaphore;

use crate::wire::RuntimeInfo;

#[derive(Debug)]
pub(super) struct Detections {
    /// One permit: for the running detection.
    permit: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many detections have started.
    started: u64,
    /// The number of the last finished detection, and its result.
    last: Option<(u64, Vec<RuntimeInfo>)>,
}

impl Default for Detections {
    fn default() -> Self {
        Self { permit: Semaphore::new(1), state: Mutex::default() }
    }
}

impl Detections {
    /// The result of a detection that started after the call: that of a concurrent caller, or of `detect`.
    pub(super) async fn share(
        &self,
        detect: impl Future<Output = Vec<RuntimeInfo>>,
    ) -> Vec<RuntimeInfo> {
        let before = self.state().started;
        // The semaphore is never closed.
        let _permit = self.permit.acquire().await;
        let number = {
            let mut state = self.state();
            if let Some((_, list)) = state.last.as_ref().filter(|(number, _)| *number > before) {
                return list.clone();
            }
            state.started += 1;
            state.started
        };
        let list = detect.await;
        self.state().last = Some((number, list.clone()));
        list
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}
