//! Limits of an embedded process (heap, buffers, memory, time) and the interruption of its scripts.

pub(crate) mod array_buffers;
pub(crate) mod blobs;
pub(crate) mod buffer_pages;
pub(crate) mod child_processes;
pub(crate) mod control;
pub(crate) mod footprint;
pub(crate) mod heap_limit;
pub(crate) mod interrupt;
pub(crate) mod isolate_registry;
pub(crate) mod memory_limit;
pub(crate) mod native_sizes;
pub(crate) mod process_threads;
pub(crate) mod signals;
pub(crate) mod thread_clock;
pub(crate) mod usage_probe;
pub(crate) mod watchdog;
