//! A running generation, the same for every kind of backend.

use tokio::sync::{oneshot, watch};

use super::usage::UsageSource;
use crate::generation::Exit;
use crate::generation::stop::Stopper;
use crate::wire::Runtime;

/// A running generation.
pub(crate) struct Running {
    pub(crate) pid: Option<u32>,
    /// The chosen runtime; `None` for `command` and `sidecar`.
    pub(crate) runtime: Option<Runtime>,
    /// `None` for a child that has already exited.
    pub(crate) usage_source: Option<UsageSource>,
    pub(crate) stopper: Stopper,
    /// Resolves after the last line of output, when the backend is gone.
    pub(crate) exit: oneshot::Receiver<Exit>,
    /// Whether the event loop responds; `None` for children.
    pub(crate) responds: Option<watch::Receiver<bool>>,
}

impl Running {
    /// Resolves with the new value when the backend stops responding or responds again.
    pub(crate) async fn response_changes(responds: &mut Option<watch::Receiver<bool>>) -> bool {
        if let Some(responds) = responds
            && responds.changed().await.is_ok()
        {
            return *responds.borrow_and_update();
        }
        std::future::pending().await
    }
}
