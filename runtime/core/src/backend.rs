//! The choice of a backend for a process, and the types that all kinds of backends share.

pub(crate) mod bundled;
mod candidates;
pub(crate) mod launch;
pub(crate) mod paths;
pub(crate) mod plan;
pub(crate) mod running;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod usage;
pub(crate) mod validate;

pub use start::find_sidecar;

#[cfg(test)]
mod tests;
