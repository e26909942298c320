//! Ops of Deno that are replaced or checked, and the verdict on each op.

pub(crate) mod buffers;
pub(crate) mod checks;
pub(crate) mod code_cache;
pub(crate) mod entry;
pub(crate) mod originals;
pub(crate) mod overrides;
pub(crate) mod verdicts;
