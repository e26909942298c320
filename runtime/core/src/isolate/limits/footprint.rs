//! Samples the application's memory and estimates the share of one process in its growth.
//!
//! Linux counts page faults per thread. If memory grows by huge pages there are too few faults, and processor time is
//! used instead: the kernel clears each page before it maps it. V8's own threads work for all isolates and are excluded
//! from the total. Other systems count neither; there a process is charged with all growth while it works.

use std::time::Duration;

use super::process_threads::{ProcessThreads, Work};

/// The memory of the application at one moment, and the work done so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Memory of the application in bytes.
    pub(crate) memory: u64,
    /// Work of the threads of the process.
    pub(crate) own: Work,
    /// Work of all threads of the application except V8's.
    pub(crate) all: Work,
}

impl Sample {
    /// Returns `None` if the system does not report the application's memory.
    pub(crate) fn take(threads: &ProcessThreads) -> Option<Self> {
        Some(Self { memory: memory()?, own: threads.worked(), all: system::all_work() })
    }

    /// The share of the process, from 0 to 1, in the application's growth by `grew` bytes since `before`.
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

/// The least that one page fault adds, in bytes.
const SMALL_PAGE: u64 = 4096;

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// `part / whole`, at most 1. Returns 1 if `whole` is 0.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { (part as f64 / whole as f64).min(1.0) }
}

/// Whether the system reports the work of a thread.
pub(crate) const KNOWS_WORK: bool = cfg!(target_os = "linux");

/// Anonymous memory of the application in bytes, including swapped-out pages.
pub(crate) fn memory() -> Option<u64> {
    system::memory()
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

    /// The name of V8's threads, truncated by the kernel.
    const V8_THREADS: &str = "V8 DefaultWorke";

    /// More than the length of `/proc/self/status`.
    const STATUS_BYTES: usize = 4096;

    /// Stays open: a script may exhaust the descriptors.
    static STATUS: OnceLock<File> = OnceLock::new();

    pub(crate) fn memory() -> Option<u64> {
        if STATUS.get().is_none() {
            // Fails if another thread has set it meanwhile.
            let _ = STATUS.set(File::open("/proc/self/status").ok()?);
        }
        let mut text = [0; STATUS_BYTES];
        let length = STATUS.get()?.read_at(&mut text, 0).ok()?;
        let text = text.get(..length)?;
        Some((kib(text, b"RssAnon:")? + kib(text, b"VmSwap:")?) * 1024)
    }

    fn kib(text: &[u8], name: &[u8]) -> Option<u64> {
        let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name))?;
        std::str::from_utf8(line).ok()?.trim().strip_suffix(" kB")?.parse().ok()
    }

    /// Work of all threads, including those that have ended.
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

    /// V8's threads start before the first isolate and never end.
    fn v8_threads() -> &'static [ThreadClock] {
        static THREADS: OnceLock<Vec<ThreadClock>> = OnceLock::new();
        if THREADS.get().is_none() {
            let found = ThreadClock::of_threads_named(V8_THREADS);
            if !found.is_empty() {
                // Fails if another thread has set it meanwhile.
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

    pub(crate) fn memory() -> Option<u64> {
        let this = Pid::from_u32(std::process::id());
        let mut system = System::new().ok()?;
        let kind = ProcessRefreshKind::nothing().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[this]), true, kind);
        let process = system.process(this)?;
        // On Windows `virtual_memory` is the private committed memory.
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
    fn allocated_memory_is_reported() {
        let before = memory().expect("the system reports memory");
        let taken = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = memory().expect("the system reports memory");
        assert!(after >= before + (32 << 20), "{before}, {after}");
        drop(taken);
    }

    /// A sample from page faults and milliseconds, each of the process and of all threads.
    fn sample(faults: [u64; 2], millis: [u64; 2]) -> Sample {
        let work =
            |at: usize| Work { faults: Some(faults[at]), time: Duration::from_millis(millis[at]) };
        Sample { memory: 0, own: work(0), all: work(1) }
    }

    #[test]
    fn growth_is_shared_by_page_faults() {
        let share = sample([30, 100], [5, 100]).share_since(&sample([0, 0], [0, 0]), 100 * 4096);
        assert!((share - 0.3).abs() < 0.01, "{share}");
    }

    #[test]
    fn growth_is_shared_by_processor_time_if_pages_are_large_or_faults_unknown() {
        let before = sample([0, 0], [0, 0]);
        let mut after = sample([1, 10], [50, 100]);
        let share = after.share_since(&before, 20 << 20);
        assert!((share - 0.5).abs() < 0.01, "{share}");
        after.own.faults = None;
        let share = after.share_since(&before, 10 * 4096);
        assert!((share - 0.5).abs() < 0.01, "{share}");
    }
}
