//! `limits.memoryMb`: all memory of a process, of which most belongs to no heap and no buffer.
//!
//! The system counts the memory of the application and not that of an isolate. So the growth of the application
//! is attributed: each piece of it to a process in the share that its threads have in the page faults meanwhile,
//! or in the processor time (see [`super::footprint`]). What shrinks is taken off in the share that the process
//! has in all growth. A process has never more than what the application has grown by since the process began.
//!
//! Nothing is measured while the process does nothing: without threads that run, it takes no memory.

use std::time::Duration;

use super::footprint::{self, Sample, ratio};
use crate::isolate::limits::control::Control;

/// Between two measurements while the process works.
const INTERVAL: Duration = Duration::from_millis(10);

/// The same when it has used half of its limit.
const SHORT_INTERVAL: Duration = Duration::from_millis(2);

/// The longest interval, for a process that works little. One whose workers do nothing is measured as often:
/// their event loops do not tell when they begin.
const LONGEST_INTERVAL: Duration = Duration::from_millis(50);

/// A process works little while its threads run for less of the time than this part.
const BUSY: u32 = 20;

/// Growth and shrinkage of so many bytes are attributed at a time: to attribute costs more than to measure.
const PIECE: u64 = 4 << 20;

/// Resolves when the process has more memory than it may have. Never resolves where the system does not tell
/// what the application has.
pub(crate) async fn exceeded(control: &Control, limit: u64) {
    let Some(sample) = Sample::take(control) else { return std::future::pending().await };
    let mut account = Account::new(limit, sample);
    let (mut interval, mut is_busy) = (INTERVAL, true);
    let mut worked = control.threads.worked().time;
    loop {
        if !is_busy && control.members.count() <= 1 {
            if !footprint::KNOWS_WORK
                && let Some(sample) = Sample::take(control)
            {
                account.add(sample);
            }
            control.pulse.begun().await;
            // Where nothing tells who has taken it meanwhile, it was another.
            if !footprint::KNOWS_WORK
                && let Some(sample) = Sample::take(control)
            {
                account.pass_over(sample);
            }
        }
        tokio::time::sleep(interval).await;
        if let Some(held) = footprint::held()
            && account.has_changed(held)
            && let Some(sample) = Sample::take(control)
        {
            account.add(sample);
        }
        if account.is_over() {
            return;
        }
        let before = std::mem::replace(&mut worked, control.threads.worked().time);
        is_busy = control.pulse.turn().is_some() || worked.saturating_sub(before) > interval / BUSY;
        interval = match is_busy {
            true if account.charged > limit / 2 => SHORT_INTERVAL,
            true => INTERVAL,
            false => LONGEST_INTERVAL.min(interval * 2),
        };
    }
}

/// What one process is charged with.
struct Account {
    limit: u64,
    /// The least that the application has had since the process began.
    lowest: u64,
    latest: Sample,
    charged: u64,
}

impl Account {
    fn new(limit: u64, sample: Sample) -> Self {
        Self { limit, lowest: sample.held, latest: sample, charged: 0 }
    }

    /// Whether the application has grown or shrunk by a piece since the latest sample.
    fn has_changed(&self, held: u64) -> bool {
        held.abs_diff(self.latest.held) >= PIECE
    }

    fn add(&mut self, sample: Sample) {
        let before = std::mem::replace(&mut self.latest, sample);
        let held = self.latest.held;
        let grew = held.saturating_sub(before.held);
        let shrank = before.held.saturating_sub(held);
        let growth_before = before.held.saturating_sub(self.lowest);
        self.charged += part(grew, self.latest.share_since(&before, grew));
        let share_of_growth = ratio(self.charged, growth_before);
        self.charged = self.charged.saturating_sub(part(shrank, share_of_growth));
        self.lowest = self.lowest.min(held);
        self.charged = self.charged.min(held - self.lowest);
    }

    /// Leaves out what has changed since the latest sample.
    fn pass_over(&mut self, sample: Sample) {
        self.latest = sample;
        self.lowest = self.lowest.min(sample.held);
        self.charged = self.charged.min(sample.held - self.lowest);
    }

    fn is_over(&self) -> bool {
        self.charged > self.limit
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate of bytes by a ratio between 0 and 1"
)]
fn part(bytes: u64, ratio: f64) -> u64 {
    (bytes as f64 * ratio) as u64
}

#[cfg(test)]
mod tests {
    use super::super::process_threads::Work;
    use super::*;

    const MIB: u64 = 1 << 20;

    /// What the application holds, and the page faults so far of the process and of all.
    fn sample(held_mb: u64, own: u64, all: u64) -> Sample {
        // Small pages, so that the faults tell who took the memory.
        let work = |faults_mb: u64| Work { faults: Some(faults_mb * 256), time: Duration::ZERO };
        Sample { held: held_mb * MIB, own: work(own), all: work(all) }
    }

    fn account() -> Account {
        Account::new(100 * MIB, sample(1000, 0, 0))
    }

    #[test]
    fn growth_is_charged_to_the_process_whose_threads_cause_it() {
        let mut account = account();
        account.add(sample(1080, 80, 80));
        assert_eq!(account.charged, 80 * MIB);
        assert!(!account.is_over());
        account.add(sample(1180, 80, 180));
        assert_eq!(account.charged, 80 * MIB, "another has grown");
        account.add(sample(1201, 101, 201));
        assert!(account.is_over());
    }

    #[test]
    fn growth_that_is_passed_over_is_not_charged() {
        let mut account = account();
        account.add(sample(1080, 80, 80));
        account.pass_over(sample(1500, 80, 80));
        assert_eq!(account.charged, 80 * MIB);
        account.pass_over(sample(900, 80, 80));
        assert_eq!(account.charged, 0);
    }

    #[test]
    fn growth_by_several_is_charged_in_parts() {
        let mut account = account();
        account.add(sample(1100, 25, 100));
        assert_eq!(account.charged, 25 * MIB);
    }

    #[test]
    fn what_shrinks_is_taken_off_in_the_share_of_the_growth() {
        let mut account = account();
        account.add(sample(1080, 60, 80));
        account.add(sample(1040, 60, 80));
        assert_eq!(account.charged, 30 * MIB);
        account.add(sample(990, 60, 80));
        assert_eq!(account.charged, 0, "the application has less than before the process");
        account.add(sample(1090, 160, 180));
        assert_eq!(account.charged, 100 * MIB);
    }

    #[test]
    fn growth_and_shrinkage_of_others_in_turns_add_up_to_nothing() {
        let mut account = account();
        let (mut own, mut all) = (0, 0);
        for _ in 0..1000 {
            (own, all) = (own + 30, all + 300);
            account.add(sample(1300, own, all));
            account.add(sample(1000, own, all));
        }
        account.add(sample(1050, own, all + 50));
        assert!(account.charged < 10 * MIB, "{}", account.charged);
    }

    #[test]
    fn a_process_is_charged_with_no_more_than_the_application_has_grown_by() {
        let mut account = account();
        for turn in 1..10 {
            account.add(sample(1080, 80 * turn, 80 * turn));
            account.add(sample(1004, 80 * turn, 80 * turn));
        }
        assert!(account.charged <= 4 * MIB, "{}", account.charged);
    }
}
