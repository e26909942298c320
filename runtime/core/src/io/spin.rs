//! Spinning before a thread sleeps.
//!
//! Putting a thread to sleep and waking it takes longer (about 25 µs) than a script takes to answer a line. Failed
//! spins back off exponentially. A thread never spins if the answering threads need its processor, or if the
//! supervisor's settings forbid it.

use std::hint::spin_loop;
use std::num::NonZero;
use std::sync::OnceLock;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// The longest spin. A short answer takes less.
const MAX_SPIN: Duration = Duration::from_micros(100);

/// Polls between two reads of the clock.
const POLLS: u32 = 32;

/// The most waits without a spin after a failed one.
const MAX_BACKOFF: u32 = 256;

/// The spinning of one waiting task, with its back-off.
#[derive(Default)]
pub(crate) struct Spin {
    is_off: bool,
    waits_to_skip: u32,
    backoff: u32,
}

impl Spin {
    /// Spins only if `is_on`.
    pub(crate) fn new(is_on: bool) -> Self {
        Self { is_off: !is_on, ..Self::default() }
    }

    #[cfg(test)]
    pub(crate) fn is_on(&self) -> bool {
        !self.is_off
    }

    /// Polls `is_ready` on this thread for up to [`MAX_SPIN`]; returns its last result. Returns `false` at once during
    /// a back-off, and if this thread and `other_threads` other threads do not have a processor each.
    pub(crate) fn poll(&mut self, other_threads: usize, is_ready: impl Fn() -> bool) -> bool {
        if self.is_off || self.waits_to_skip > 0 || !have_processors(other_threads) {
            self.waits_to_skip = self.waits_to_skip.saturating_sub(1);
            return false;
        }
        let is_ready = spin(is_ready);
        self.backoff = if is_ready { 0 } else { (self.backoff * 2).clamp(1, MAX_BACKOFF) };
        self.waits_to_skip = self.backoff;
        is_ready
    }
}

fn spin(is_ready: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < MAX_SPIN {
        for _ in 0..POLLS {
            if is_ready() {
                return true;
            }
            spin_loop();
        }
    }
    false
}

fn have_processors(other_threads: usize) -> bool {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| available_parallelism().map_or(1, NonZero::get)) > other_threads
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_spin_that_is_off_does_not_poll() {
        assert!(!Spin::new(false).poll(0, || panic!("it polls")));
        assert!(Spin::new(true).poll(0, || true));
    }

    #[test]
    fn failed_spins_back_off_until_one_succeeds() {
        let mut spin = Spin::default();
        let mut count_spins = |waits: usize, succeeds: bool| {
            let spins = Cell::new(0);
            for _ in 0..waits {
                let has_spun = Cell::new(false);
                spin.poll(0, || {
                    has_spun.set(true);
                    succeeds
                });
                spins.set(spins.get() + usize::from(has_spun.get()));
            }
            spins.get()
        };
        // The waits 0, 2, 5, 10, 19, 36, 69, 134, 263, 520 and 777 spin.
        assert_eq!(count_spins(1_000, false), 11);
        assert_eq!(count_spins(257, true), 257 - 34, "the back-off of the last failure ends first");
        assert_eq!(count_spins(10, true), 10);
    }
}
