//! Looking for what is about to come before going to sleep.
//!
//! To put a thread to sleep and wake it again takes longer than a script takes to answer a line. Whoever
//! was answered at once looks again for a moment; whoever looked in vain sits more and more waits out.
//! Nobody looks where that would take the processor from those who are to answer.

use std::hint::spin_loop;
use std::num::NonZero;
use std::sync::OnceLock;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// Longer than a short answer takes, and about as long as going to sleep and waking up.
const LONGEST: Duration = Duration::from_micros(100);

/// Between two looks at the clock.
const LOOKS: u32 = 32;

/// The most waits that are sat out after one in vain.
const MOST_SAT_OUT: u32 = 256;

/// Whether to look, as experience has it. Belongs to one waiting side.
#[derive(Default)]
pub(crate) struct Spin {
    sit_out: u32,
    penalty: u32,
}

impl Spin {
    /// Looks for a moment whether it `has_come`, if that is worth it; keeps the thread meanwhile. For
    /// it to come, as many as `others` have to run.
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
    fn who_looks_in_vain_looks_ever_more_rarely_until_it_finds_something() {
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
        // At the waits 0, 2, 5, 10, 19, 36, 69, 134, 263, 520, 777.
        assert_eq!(looks_of(1_000, false), 11);
        assert_eq!(looks_of(257, true), 257 - 34, "it sits out what is left of its last penalty");
        assert_eq!(looks_of(10, true), 10);
    }
}
