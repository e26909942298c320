//! What processes take of the machine, measured when somebody asks and not otherwise.
//!
//! A child is counted by the system; an isolate is part of the application there, and counts itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parking_lot::Mutex;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::wire::{MemoryKind, Usage};

/// How to measure one generation.
#[derive(Clone)]
pub(crate) enum UsageSource {
    /// A child, by its process id.
    Child(u32),
    #[cfg(feature = "embedded")]
    Isolate(crate::isolate::Meter),
}

#[cfg(unix)]
impl UsageSource {
    /// Sends a signal to what is measured.
    pub(crate) fn signal(&self, signal: i32) {
        match self {
            Self::Child(pid) => {
                let pid = i32::try_from(*pid).map(nix::unistd::Pid::from_raw);
                let signal = nix::sys::signal::Signal::try_from(signal);
                if let (Ok(pid), Ok(signal)) = (pid, signal)
                    && is_child(pid)
                {
                    // Fails for one that has just ended, which is as good.
                    let _ = nix::sys::signal::kill(pid, signal);
                }
            }
            #[cfg(feature = "embedded")]
            Self::Isolate(meter) => meter.signal(signal),
        }
    }
}

/// Whether it is still a child of this process, alive or not yet reaped: one that was reaped has given its
/// number back, which may be another program's by now.
#[cfg(unix)]
fn is_child(pid: nix::unistd::Pid) -> bool {
    let Ok(id) = nix::libc::id_t::try_from(pid.as_raw()) else { return false };
    // Leaves it to be reaped by its keeper.
    let options = nix::libc::WEXITED | nix::libc::WNOHANG | nix::libc::WNOWAIT;
    // SAFETY: all of a `siginfo_t` may be zero, which is what `waitid` leaves of one that runs.
    let mut info = unsafe { std::mem::zeroed::<nix::libc::siginfo_t>() };
    // SAFETY: `waitid` writes to nothing but `info`, which outlives the call.
    unsafe { nix::libc::waitid(nix::libc::P_PID, id, &raw mut info, options) == 0 }
}

/// A generation that is to be measured.
pub(crate) struct MeteredProcess {
    pub(crate) name: String,
    pub(crate) generation: u64,
    pub(crate) meter: UsageSource,
}

/// What was measured of one generation.
#[derive(Default)]
struct Measured {
    cpu: Option<Duration>,
    memory: Option<u64>,
}

/// When a generation was last measured, and what its processor time was then.
type Before = HashMap<(String, u64), (Instant, Duration)>;

/// Remembers the last measurement; clones share it.
#[derive(Clone, Default)]
pub(crate) struct UsageMeter(Arc<Mutex<Before>>);

impl UsageMeter {
    /// Measures all of them at once. Never takes much longer than an isolate is waited for.
    pub(crate) async fn read(&self, subjects: Vec<MeteredProcess>) -> Vec<Usage> {
        let pids: Vec<Pid> = subjects.iter().filter_map(|subject| subject.meter.pid()).collect();
        let children = tokio::task::spawn_blocking(move || children(&pids));
        let isolates = join_all(subjects.iter().map(|subject| subject.meter.isolate())).await;
        // A panic there leaves the children without numbers.
        let children = children.await.unwrap_or_default();
        let now = Instant::now();
        let measured = subjects.iter().zip(isolates).map(|(subject, isolate)| {
            let child = subject.meter.pid().and_then(|pid| children.get(&pid));
            child.map_or(isolate, |child| Measured { cpu: child.cpu, memory: child.memory })
        });
        let measured: Vec<_> = measured.collect();
        self.compare(subjects, measured, now)
    }

    fn compare(
        &self,
        subjects: Vec<MeteredProcess>,
        measured: Vec<Measured>,
        now: Instant,
    ) -> Vec<Usage> {
        let mut before = self.0.lock();
        let earlier = std::mem::take(&mut *before);
        let usage = subjects.into_iter().zip(measured).map(|(subject, measured)| {
            let MeteredProcess { name, generation, meter } = subject;
            let key = (name.clone(), generation);
            let cpu_percent = match (earlier.get(&key), measured.cpu) {
                (Some((then, was)), Some(is)) => percent(is.saturating_sub(*was), now - *then),
                _ => None,
            };
            if let Some(cpu) = measured.cpu {
                before.insert(key, (now, cpu));
            }
            Usage {
                name,
                cpu_percent,
                memory_bytes: measured.memory,
                memory_kind: meter.memory_kind(),
                limit_bytes: meter.limit(),
            }
        });
        usage.collect()
    }
}

fn percent(worked: Duration, elapsed: Duration) -> Option<f64> {
    (!elapsed.is_zero()).then(|| worked.div_duration_f64(elapsed) * 100.0)
}

/// Asked of the system anew each time: it is quick for a few, and nothing has to be kept for them.
fn children(pids: &[Pid]) -> HashMap<Pid, Measured> {
    if pids.is_empty() {
        return HashMap::new();
    }
    let Ok(mut system) = System::new() else { return HashMap::new() };
    let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(pids), true, kind);
    let measured = pids.iter().filter_map(|pid| {
        let process = system.process(*pid)?;
        let cpu = Duration::from_millis(process.accumulated_cpu_time());
        Some((*pid, Measured { cpu: Some(cpu), memory: Some(process.memory()) }))
    });
    measured.collect()
}

impl UsageSource {
    #[cfg_attr(
        not(feature = "embedded"),
        expect(clippy::unnecessary_wraps, reason = "the same shape as with the engine")
    )]
    fn pid(&self) -> Option<Pid> {
        match self {
            Self::Child(pid) => Some(Pid::from_u32(*pid)),
            #[cfg(feature = "embedded")]
            Self::Isolate(_) => None,
        }
    }

    #[cfg_attr(
        not(feature = "embedded"),
        expect(clippy::unused_async, reason = "the same shape as with the engine")
    )]
    async fn isolate(&self) -> Measured {
        match self {
            Self::Child(_) => Measured::default(),
            #[cfg(feature = "embedded")]
            Self::Isolate(meter) => Measured { memory: meter.heap().await, cpu: meter.cpu_time() },
        }
    }

    fn memory_kind(&self) -> MemoryKind {
        match self {
            Self::Child(_) => MemoryKind::Rss,
            #[cfg(feature = "embedded")]
            Self::Isolate(_) => MemoryKind::Heap,
        }
    }

    fn limit(&self) -> Option<u64> {
        match self {
            Self::Child(_) => None,
            #[cfg(feature = "embedded")]
            Self::Isolate(meter) => Some(meter.limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_counted_from_the_last_measurement_of_the_same_generation() {
        let meters = UsageMeter::default();
        let start = Instant::now();
        let read = |generation, seconds, cpu_ms| {
            let subject =
                MeteredProcess { name: "a".to_owned(), generation, meter: UsageSource::Child(1) };
            let cpu = Some(Duration::from_millis(cpu_ms));
            let measured = Measured { cpu, memory: Some(5) };
            let now = start + Duration::from_secs(seconds);
            meters.compare(vec![subject], vec![measured], now).remove(0).cpu_percent
        };
        assert_eq!(read(1, 0, 100), None);
        assert_eq!(read(1, 2, 1_100), Some(50.0));
        assert_eq!(read(1, 2, 1_200), None, "no time has passed");
        assert_eq!(read(2, 3, 10), None, "another generation");
        assert_eq!(read(1, 4, 1_300), None, "what was not asked for is forgotten");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_child_any_more_is_not_signalled() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().expect("started");
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        assert!(is_child(pid), "it runs");
        UsageSource::Child(child.id()).signal(nix::libc::SIGKILL);
        child.wait().expect("it has ended");
        assert!(!is_child(pid), "it was reaped");
        assert!(!is_child(nix::unistd::getppid()), "it is no child");
    }

    #[test]
    fn a_process_that_is_gone_is_not_measured() {
        let own = Pid::from_u32(std::process::id());
        // Above what any system numbers its processes with.
        let nobody = Pid::from_u32(u32::MAX >> 1);
        let measured = children(&[own, nobody]);
        assert!(measured[&own].memory.is_some_and(|bytes| bytes > 0));
        assert!(!measured.contains_key(&nobody));
    }
}
