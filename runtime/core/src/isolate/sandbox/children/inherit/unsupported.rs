//! Placeholder for systems where pipes cannot be passed to a child yet: the stream is null.

use std::io;

use tokio::sync::mpsc::UnboundedReceiver;

use super::{DrainRequest, Transfer};

pub(super) enum End {}

pub(super) enum Task {}

pub(super) struct PipePump;

pub(super) fn raw_fd(end: &End) -> i32 {
    match *end {}
}

#[expect(clippy::unnecessary_wraps, reason = "the same shape as where there are pipes")]
pub(super) fn task(
    _: Transfer,
    _: UnboundedReceiver<DrainRequest>,
) -> io::Result<Option<(Task, End)>> {
    Ok(None)
}

impl PipePump {
    pub(super) fn start() -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) fn spawn(&self, task: Task) {
        match task {}
    }

    pub(super) fn join(self) {}
}
