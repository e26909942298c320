//! Limits of a process: heap, buffers, memory, time; and how a script is interrupted.

pub(crate) mod array_buffers;
pub(crate) mod blobs;
pub(crate) mod buffer_pages;
pub(crate) mod control;
pub(crate) mod footprint;
pub(crate) mod heap_limit;
pub(crate) mod interrupt;
pub(crate) mod key_sizes;
pub(crate) mod memory_limit;
pub(crate) mod native_sizes;
pub(crate) mod ports;
pub(crate) mod process_threads;
pub(crate) mod thread_clock;
pub(crate) mod usage_probe;
pub(crate) mod watchdog;
