//! `limits.memoryMb`: limits all memory of a process, including native memory outside heap and buffers.
//!
//! The system reports the memory of the application and not that of an isolate. So growth of the application is
//! attributed to processes by the share of their threads in page faults or processor time (see [`super::footprint`]).
//! Shrinkage is attributed by the share of the process in all growth. A process is never charged with more than the
//! application has grown by since the process started.
//!
//! Nothing is measured while the process is idle: it cannot take memory then.

use std::time::Duration;

use super::control::Control;
use super::footprint::{self, Sample, ratio};

/// Between two measurements while the process works.
const INTERVAL: Duration = Duration::from_millis(10);

/// The same when the process has used half of its limit.
const SHORT_INTERVAL: Duration = Duration::from_millis(2);

/// The longest interval, for a process with little work, and for an idle process with workers: the event loops of
/// workers do not report the start of an iteration.
const LONGEST_INTERVAL: Duration = Duration::from_millis(50);

/// A process is busy if its threads run for at least 1/20 of the time.
const BUSY_DIVISOR: u32 = 20;

/// Changes below this many bytes are not attributed yet, because attribution costs more than a measurement.
const MIN_CHANGE: u64 = 4 << 20;

/// Resolves when the process exceeds `limit` bytes. Never resolves if the system does not report the application's
/// memory.
pub(crate) async fn exceeded(control: &Control, limit: u64) {
    let Some(sample) = Sample::take(&control.threads) else { return std::future::pending().await };
    let mut account = Account::new(limit, sample);
    let (mut interval, mut is_busy) = (INTERVAL, true);
    let mut worked = control.threads.worked().time;
    loop {
        if !is_busy && control.isolates.count() <= 1 {
            if !footprint::KNOWS_WORK
                && let Some(sample) = Sample::take(&control.threads)
            {
                account.add(sample);
            }
            control.watchdog.tick_started().await;
            // The process was idle, so others have caused this change.
            if !footprint::KNOWS_WORK
                && let Some(sample) = Sample::take(&control.threads)
            {
                account.skip(sample);
            }
        }
        tokio::time::sleep(interval).await;
        if let Some(memory) = footprint::memory()
            && account.has_changed(memory)
            && let Some(sample) = Sample::take(&control.threads)
        {
            account.add(sample);
        }
        if account.is_over() {
            return;
        }
        let before = std::mem::replace(&mut worked, control.threads.worked().time);
        is_busy = control.watchdog.tick().is_some()
            || worked.saturating_sub(before) > interval / BUSY_DIVISOR;
        interval = match is_busy {
            true if account.charged > limit / 2 => SHORT_INTERVAL,
            true => INTERVAL,
            false => LONGEST_INTERVAL.min(interval * 2),
        };
    }
}

/// The memory attributed to one process. Sizes are in bytes.
struct Account {
    limit: u64,
    /// The least memory of the application since the process started.
    lowest: u64,
    latest: Sample,
    charged: u64,
}

impl Account {
    fn new(limit: u64, sample: Sample) -> Self {
        Self { limit, lowest: sample.memory, latest: sample, charged: 0 }
    }

    /// Whether the application has grown or shrunk enough since the latest sample.
    fn has_changed(&self, memory: u64) -> bool {
        memory.abs_diff(self.latest.memory) >= MIN_CHANGE
    }

    fn add(&mut self, sample: Sample) {
        let before = std::mem::replace(&mut self.latest, sample);
        let memory = self.latest.memory;
        let grew = memory.saturating_sub(before.memory);
        let shrank = before.memory.saturating_sub(memory);
        let growth_before = before.memory.saturating_sub(self.lowest);
        self.charged += part(grew, self.latest.share_since(&before, grew));
        let share_of_growth = ratio(self.charged, growth_before);
        self.charged = self.charged.saturating_sub(part(shrank, share_of_growth));
        self.lowest = self.lowest.min(memory);
        self.charged = self.charged.min(memory - self.lowest);
    }

    /// Does not charge the process with the change since the latest sample.
    fn skip(&mut self, sample: Sample) {
        self.latest = sample;
        self.lowest = self.lowest.min(sample.memory);
        self.charged = self.charged.min(sample.memory - self.lowest);
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

    /// The memory of the application, and the page faults so far of the process and of all threads, each in MiB.
    fn sample(memory_mb: u64, own: u64, all: u64) -> Sample {
        // Pages of 4 KiB, so that growth is attributed by faults.
        let work = |faults_mb: u64| Work { faults: Some(faults_mb * 256), time: Duration::ZERO };
        Sample { memory: memory_mb * MIB, own: work(own), all: work(all) }
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
        assert_eq!(account.charged, 80 * MIB, "charged with the growth of another process");
        account.add(sample(1201, 101, 201));
        assert!(account.is_over());
    }

    #[test]
    fn skipped_growth_is_not_charged() {
        let mut account = account();
        account.add(sample(1080, 80, 80));
        account.skip(sample(1500, 80, 80));
        assert_eq!(account.charged, 80 * MIB);
        account.skip(sample(900, 80, 80));
        assert_eq!(account.charged, 0);
    }

    #[test]
    fn growth_by_several_processes_is_charged_in_parts() {
        let mut account = account();
        account.add(sample(1100, 25, 100));
        assert_eq!(account.charged, 25 * MIB);
    }

    #[test]
    fn shrinkage_is_deducted_by_the_share_in_the_growth() {
        let mut account = account();
        account.add(sample(1080, 60, 80));
        account.add(sample(1040, 60, 80));
        assert_eq!(account.charged, 30 * MIB);
        account.add(sample(990, 60, 80));
        assert_eq!(account.charged, 0, "the application has less memory than before the process");
        account.add(sample(1090, 160, 180));
        assert_eq!(account.charged, 100 * MIB);
    }

    #[test]
    fn alternating_growth_and_shrinkage_of_other_processes_add_up_to_nothing() {
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
        for round in 1..10 {
            account.add(sample(1080, 80 * round, 80 * round));
            account.add(sample(1004, 80 * round, 80 * round));
        }
        assert!(account.charged <= 4 * MIB, "{}", account.charged);
    }
}
