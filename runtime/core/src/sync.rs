//! The locks and atomics of what wakes others up, in one place: `runtime/core/wakes` puts those of a model checker
//! here.

#[cfg(feature = "embedded")]
pub(crate) use std::sync::atomic::AtomicU8;
pub(crate) use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
