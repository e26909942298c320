//! Locks and atomics of code that wakes other threads. `runtime/core/wakes` replaces them with a model checker's.

#[cfg(feature = "embedded")]
pub(crate) use std::sync::atomic::AtomicU8;
pub(crate) use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
