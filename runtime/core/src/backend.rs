//! The choice of a backend for a process, its start, and its usage.

pub(crate) mod bundled;
mod candidates;
pub(crate) mod running;
pub(crate) mod start;
pub(crate) mod usage;

pub use start::find_sidecar;
