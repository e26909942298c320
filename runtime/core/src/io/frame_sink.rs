//! A reader of RPC frames on the thread that cuts output into lines.

use bytes::Bytes;

use crate::wire::ExitReason;

/// Receives the frames and the exits of one process. Methods must not block.
pub(crate) trait FrameSink: Send + Sync {
    /// A line of stdout that starts with `{`, before it is in the history.
    fn frame(&self, generation: u64, line: &Bytes);

    /// Whether writers must wait. After it has become `false` the sink calls `History::sink_has_room`.
    fn is_full(&self) -> bool;

    /// A generation has ended. Its last frame precedes this call.
    fn exited(&self, generation: u64, reason: &ExitReason, code: Option<i32>);

    /// The process was removed.
    fn removed(&self);
}
