//! The memory of the application, and who takes it.
//!
//! On Linux the system counts for each thread the pages that it touches for the first time. Where memory grows
//! by large pages there are too few of them to tell, and processor time stands for them: the system clears a
//! page before it gives it away. V8's own threads work for all isolates, and are left out of the whole. Other
//! systems tell neither; there a process is charged with all growth while it works.

use std::time::Duration;

use super::control::Control;
use super::process_threads::Work;

/// The memory of the application at a moment, and what was done until then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Bytes of memory that the application holds.
    pub(crate) held: u64,
    /// By the threads of the process.
    pub(crate) own: Work,
    /// By all threads of the application but V8's.
    pub(crate) all: Work,
}

impl Sample {
    /// `None` where the system does not tell.
    pub(crate) fn take(control: &Control) -> Option<Self> {
        Some(Self { held: held()?, own: control.threads.worked(), all: system::all_work() })
    }

    /// The share of the process in what the application has grown by since.
    pub(crate) fn share_since(&self, before: &Self, grew: u64) -> f64 {
        let faults = |now: Work, then: Work| Some(now.faults?.saturating_sub(then.faults?));
        let (own, all) = (faults(self.own, before.own), faults(self.all, before.all));
        if let (Some(own), Some(all)) = (own, all)
            && all.saturating_mul(SMALL_PAGE) >= grew / 2
        {
            return ratio(own, all);
        }
        let time = |now: Work, then: Work| micros(now.time.saturating_sub(then.time));
        ratio(time(self.own, before.own), time(self.all, before.all))
    }
}

/// Bytes; a page fault brings so many at the least.
const SMALL_PAGE: u64 = 4096;

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// At most 1. Of nothing a part is all.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { (part as f64 / whole as f64).min(1.0) }
}

/// Whether the system tells what a thread has done.
pub(crate) const KNOWS_WORK: bool = cfg!(target_os = "linux");

/// Bytes of memory that the application holds: no file is behind them, but they may be swapped out.
pub(crate) fn held() -> Option<u64> {
    system::held()
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::sync::OnceLock;
    use std::time::Duration;

    use nix::sys::resource::{UsageWho, getrusage};

    use super::super::process_threads::Work;
    use super::super::thread_clock::ThreadClock;

    /// As the system knows V8's threads; it cuts names off.
    const V8_THREADS: &str = "V8 DefaultWorke";

    /// Longer than what is read.
    const ROOM: usize = 4096;

    /// Is kept open: a script may open so many files that no other can be opened.
    static STATUS: OnceLock<File> = OnceLock::new();

    pub(crate) fn held() -> Option<u64> {
        if STATUS.get().is_none() {
            // Another thread may have been faster.
            let _ = STATUS.set(File::open("/proc/self/status").ok()?);
        }
        let mut text = [0; ROOM];
        let length = STATUS.get()?.read_at(&mut text, 0).ok()?;
        let text = text.get(..length)?;
        Some((kib(text, b"RssAnon:")? + kib(text, b"VmSwap:")?) * 1024)
    }

    fn kib(text: &[u8], name: &[u8]) -> Option<u64> {
        let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name))?;
        std::str::from_utf8(line).ok()?.trim().strip_suffix(" kB")?.parse().ok()
    }

    /// Of all threads, also of those that have ended.
    pub(crate) fn all_work() -> Work {
        let faults = getrusage(UsageWho::RUSAGE_SELF).ok().map(|usage| usage.minor_page_faults());
        let faults = faults.and_then(|faults| u64::try_from(faults).ok());
        let time = nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID.now().map(Duration::from);
        let mut of_v8 = Work::default();
        for thread in v8_threads() {
            of_v8 += Work::of(thread);
        }
        Work {
            faults: faults.zip(of_v8.faults).map(|(all, v8)| all.saturating_sub(v8)),
            time: time.unwrap_or_default().saturating_sub(of_v8.time),
        }
    }

    /// They are there before the first isolate, and stay.
    fn v8_threads() -> &'static [ThreadClock] {
        static THREADS: OnceLock<Vec<ThreadClock>> = OnceLock::new();
        if THREADS.get().is_none() {
            let found = ThreadClock::of_threads_named(V8_THREADS);
            if !found.is_empty() {
                // As above.
                let _ = THREADS.set(found);
            }
        }
        THREADS.get().map_or(&[], Vec::as_slice)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

    use super::super::process_threads::Work;

    pub(crate) fn held() -> Option<u64> {
        let this = Pid::from_u32(std::process::id());
        let mut system = System::new().ok()?;
        let kind = ProcessRefreshKind::nothing().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[this]), true, kind);
        let process = system.process(this)?;
        // On Windows this is what no other process shares and the system has promised.
        Some(if cfg!(windows) { process.virtual_memory() } else { process.memory() })
    }

    pub(crate) fn all_work() -> Work {
        Work::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_the_application_takes_is_held() {
        let before = held().expect("the system tells");
        let taken = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = held().expect("the system tells");
        assert!(after >= before + (32 << 20), "{before}, {after}");
        drop(taken);
    }

    /// A sample by page faults and milliseconds of the process and of all.
    fn sample(faults: [u64; 2], millis: [u64; 2]) -> Sample {
        let work =
            |at: usize| Work { faults: Some(faults[at]), time: Duration::from_millis(millis[at]) };
        Sample { held: 0, own: work(0), all: work(1) }
    }

    #[test]
    fn page_faults_tell_who_takes_the_memory_whoever_works() {
        let share = sample([30, 100], [5, 100]).share_since(&sample([0, 0], [0, 0]), 100 * 4096);
        assert!((share - 0.3).abs() < 0.01, "{share}");
    }

    #[test]
    fn processor_time_tells_it_where_pages_are_large_or_faults_unknown() {
        let before = sample([0, 0], [0, 0]);
        let mut after = sample([1, 10], [50, 100]);
        let share = after.share_since(&before, 20 << 20);
        assert!((share - 0.5).abs() < 0.01, "{share}");
        after.own.faults = None;
        let share = after.share_since(&before, 10 * 4096);
        assert!((share - 0.5).abs() < 0.01, "{share}");
    }
}
