//! What a thread gets done that never waits: a clock that is as slow as the machine is busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A thread that spins until it is stopped.
pub(crate) struct Yardstick {
    stops: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Yardstick {
    pub(crate) fn start() -> Self {
        let stops = Arc::<AtomicBool>::default();
        let is_over = stops.clone();
        let thread = std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            let clock = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
            clock.expect("every Unix counts the time of a thread").into()
        });
        Self { stops, thread }
    }

    /// The processor time that the thread got since its start.
    pub(crate) fn stop(self) -> Duration {
        self.stops.store(true, Ordering::Relaxed);
        self.thread.join().expect("the thread only spins")
    }
}
