//! The lifecycle of an isolate: starting V8, threads, the pool of warm isolates, bootstrap, workers, exit.

pub(crate) mod bootstrapped;
pub(crate) mod engine;
pub(crate) mod event_loop_waker;
pub(crate) mod exit;
pub(crate) mod idle_collection;
pub(crate) mod isolate_thread;
pub(crate) mod monitor;
pub(crate) mod options;
pub(crate) mod pool;
pub(crate) mod process_context;
pub(crate) mod shared_state;
pub(crate) mod start;
pub(crate) mod v8_flags;
pub(crate) mod web_worker;
