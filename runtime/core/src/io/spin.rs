//! Spinning before a thread sleeps.
//!
//! Putting a thread to sleep and waking it takes longer (about 25 µs) than a script takes to answer a line. Failed
//! spins back off exponentially. A thread never spins if the answering threads need its processor.

use std::hint::spin_loop;
use std::num::NonZero;
use std::sync::OnceLock;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// The longest spin. A short answer takes less.
const LONGEST: Duration = Duration::from_micros(100);

/// Polls between two reads of the clock.
const LOOKS: u32 = 32;

/// The most waits without a spin after a failed one.
const MOST_SAT_OUT: u32 = 256;

/// The spinning of one waiting task, with its back-off.
#[derive(Default)]
pub(crate) struct Spin {
    sit_out: u32,
    penalty: u32,
}

impl Spin {
    /// Polls `has_come` on this thread for up to [`LONGEST`]; returns its last result. Returns `false` at once during
    /// a back-off, and if this thread and `others` other threads do not have a processor each.
    pub(crate) fn look(&mut self, others: usize, has_come: impl Fn() -> bool) -> bool {
        if self.sit_out > 0 || !can_run_meanwhile(others) {
            self.sit_out = self.sit_out.saturating_sub(1);
            return false;
        }
        let has_come = look(has_come);
        self.penalty = if has_come { 0 } else { (self.penalty * 2).clamp(1, MOST_SAT_OUT) };
        self.sit_out = self.penalty;
        has_come
    }
}

fn look(has_come: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < LONGEST {
        for _ in 0..LOOKS {
            if has_come() {
                return true;
            }
            spin_loop();
        }
    }
    false
}

fn can_run_meanwhile(others: usize) -> bool {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| available_parallelism().map_or(1, NonZero::get)) > others
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn failed_spins_back_off_until_one_succeeds() {
        let mut spin = Spin::default();
        let mut looks_of = |waits: usize, finds: bool| {
            let looks = Cell::new(0);
            for _ in 0..waits {
                let has_looked = Cell::new(false);
                spin.look(0, || {
                    has_looked.set(true);
                    finds
                });
                looks.set(looks.get() + usize::from(has_looked.get()));
            }
            looks.get()
        };
        // The waits 0, 2, 5, 10, 19, 36, 69, 134, 263, 520 and 777 spin.
        assert_eq!(looks_of(1_000, false), 11);
        assert_eq!(looks_of(257, true), 257 - 34, "the back-off of the last failure ends first");
        assert_eq!(looks_of(10, true), 10);
    }
}
