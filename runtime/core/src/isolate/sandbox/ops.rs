//! Deno's ops: the replacements, the checks before the rest, and the reviewed list of all ops.

pub(crate) mod buffers;
pub(crate) mod checks;
pub(crate) mod code_cache;
pub(crate) mod entry;
pub(crate) mod originals;
pub(crate) mod overrides;
pub(crate) mod ports;
pub(crate) mod verdicts;
pub(crate) mod worker_args;
