//! The embedded engine: one Deno isolate per process, on a thread of its own.
//!
//! An isolate never leaves its thread; only messages do. JavaScript cannot end or block the application from here.

mod engine_files;
mod lifecycle;
pub(crate) mod limits;
mod modules;
mod sandbox;
mod stdio;

pub(crate) use self::lifecycle::pool::Pool;
pub(crate) use self::lifecycle::start::start;
pub(crate) use self::limits::control::Meter;
pub(crate) use self::modules::Entry;

/// The version of Deno that the engine is built from.
pub(crate) const DENO_VERSION: &str = "2.9.8";
