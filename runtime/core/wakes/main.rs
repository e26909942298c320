//! Checks wake-ups with the model checker shuttle. It switches threads at every lock and atomic, in thousands of
//! schedules. A lost wake-up is a deadlock, which shuttle reports. It does not see the atomics inside `AtomicWaker` of
//! `futures-util`, which has model checks of its own.
//!
//! Run it with `cargo run` in this folder.

mod sync;

/// Source files of `js-runtime`, compiled with the locks of `sync`.
#[path = "../src"]
mod checked {
    #![allow(dead_code, unused_imports, reason = "only the wake-ups are checked")]

    #[path = "isolate/lifecycle/event_loop_waker.rs"]
    mod event_loop_waker;
    #[path = "../wakes/checks.rs"]
    pub(crate) mod checks;
    pub(crate) mod io {
        pub(crate) mod line_splitter;
        pub(crate) mod read_boundary;
        pub(crate) mod spin;
        pub(crate) mod stdin_queue;
    }
}

/// The part of `js_runtime::wire` that the files use.
mod wire {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) enum Framing {
        Lines,
        Bytes,
    }
}

pub(crate) use checked::io;

fn main() {
    checked::checks::run();
}
