//! Wake-ups under shuttle: threads are switched at every lock and atomic, in thousands of orders. A wake-up that
//! is lost is a deadlock, which shuttle finds.
//!
//! Run it with `cargo run` in this folder.

mod sync;

/// The files of `js-runtime` themselves.
#[path = "../src"]
mod checked {
    #![allow(dead_code, unused_imports, reason = "only the wake-ups are checked")]

    #[path = "isolate/lifecycle/event_loop_waker.rs"]
    mod event_loop_waker;
    #[path = "../wakes/checks.rs"]
    pub(crate) mod checks;
    pub(crate) mod io {
        pub(crate) mod line_splitter;
        pub(crate) mod spin;
        pub(crate) mod stdin_queue;
    }
}

/// What the files need of the rest.
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
