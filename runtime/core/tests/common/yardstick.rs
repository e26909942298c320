//! A clock that slows down on a busy machine: the processor time of a thread that never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A thread that spins until it is stopped.
pub(crate) struct Yardstick {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Yardstick {
    pub(crate) fn start() -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            let clock = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
            clock.expect("every Unix has thread clocks").into()
        });
        Self { stop, thread }
    }

    /// The processor time of the thread since its start.
    pub(crate) fn stop(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the thread only spins")
    }
}
