//! A generation that runs, on whatever backend.

use tokio::sync::{oneshot, watch};

use super::stop::Stopper;
use super::usage::UsageSource;
use crate::wire::{ExitReason, Runtime};

/// How a generation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) reason: ExitReason,
    pub(crate) code: Option<i32>,
}

/// A generation that runs.
pub(crate) struct Running {
    pub(crate) pid: Option<u32>,
    /// What was chosen; `None` for `command` and `sidecar`.
    pub(crate) runtime: Option<Runtime>,
    /// `None` for a child that has ended already.
    pub(crate) meter: Option<UsageSource>,
    pub(crate) stopper: Stopper,
    /// Resolves after the last line of output, when nothing of the generation is left.
    pub(crate) exit: oneshot::Receiver<Exit>,
    /// Whether it does anything; `None` where nobody can tell.
    pub(crate) responds: Option<watch::Receiver<bool>>,
}

impl Running {
    /// Resolves when it stops to respond, or begins to again, with which of the two.
    pub(crate) async fn response_changes(responds: &mut Option<watch::Receiver<bool>>) -> bool {
        if let Some(responds) = responds
            && responds.changed().await.is_ok()
        {
            return *responds.borrow_and_update();
        }
        std::future::pending().await
    }
}
