//! Processor time and memory of running processes, measured on request.
//!
//! The system measures a child. An isolate is part of the application's process and measures itself.

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
    /// Sends a signal to the process.
    pub(crate) fn signal(&self, signal: i32) {
        match self {
            Self::Child(pid) => {
                let pid = i32::try_from(*pid).map(nix::unistd::Pid::from_raw);
                let signal = nix::sys::signal::Signal::try_from(signal);
                if let (Ok(pid), Ok(signal)) = (pid, signal)
                    && is_child(pid)
                {
                    // Fails if it has just exited.
                    let _ = nix::sys::signal::kill(pid, signal);
                }
            }
            #[cfg(feature = "embedded")]
            Self::Isolate(meter) => meter.signal(signal),
        }
    }
}

/// Whether `pid` is a child of this process that is not reaped. After that, the system may reuse the number.
#[cfg(unix)]
fn is_child(pid: nix::unistd::Pid) -> bool {
    let Ok(id) = nix::libc::id_t::try_from(pid.as_raw()) else { return false };
    // `WNOWAIT`: the child task reaps it.
    let options = nix::libc::WEXITED | nix::libc::WNOHANG | nix::libc::WNOWAIT;
    // SAFETY: `siginfo_t` is a C struct for which all zeros are a valid value.
    let mut info = unsafe { std::mem::zeroed::<nix::libc::siginfo_t>() };
    // SAFETY: `waitid` writes only to `info`, which outlives the call.
    unsafe { nix::libc::waitid(nix::libc::P_PID, id, &raw mut info, options) == 0 }
}

/// A generation to measure.
pub(crate) struct MeteredProcess {
    pub(crate) name: String,
    pub(crate) generation: u64,
    pub(crate) source: UsageSource,
}

/// A measurement of one generation.
#[derive(Default)]
struct Measured {
    cpu: Option<Duration>,
    memory: Option<u64>,
}

/// The time of the last measurement of a generation, and its processor time then.
type Before = HashMap<(String, u64), (Instant, Duration)>;

/// Remembers the last measurement; clones share it.
#[derive(Clone, Default)]
pub(crate) struct UsageMeter(Arc<Mutex<Before>>);

impl UsageMeter {
    /// Measures all of them concurrently. Takes little longer than the time limit of an isolate's measurement.
    pub(crate) async fn read(&self, processes: Vec<MeteredProcess>) -> Vec<Usage> {
        let pids: Vec<Pid> = processes.iter().filter_map(|process| process.source.pid()).collect();
        let children = tokio::task::spawn_blocking(move || children(&pids));
        let isolates = join_all(processes.iter().map(|process| process.source.isolate())).await;
        // After a panic the children have no values.
        let children = children.await.unwrap_or_default();
        let now = Instant::now();
        let measured = processes.iter().zip(isolates).map(|(process, isolate)| {
            let child = process.source.pid().and_then(|pid| children.get(&pid));
            child.map_or(isolate, |child| Measured { cpu: child.cpu, memory: child.memory })
        });
        let measured: Vec<_> = measured.collect();
        self.compare(processes, measured, now)
    }

    fn compare(
        &self,
        processes: Vec<MeteredProcess>,
        measured: Vec<Measured>,
        now: Instant,
    ) -> Vec<Usage> {
        let mut before = self.0.lock();
        let earlier = std::mem::take(&mut *before);
        let usage = processes.into_iter().zip(measured).map(|(process, measured)| {
            let MeteredProcess { name, generation, source } = process;
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
                memory_kind: source.memory_kind(),
                limit_bytes: source.limit(),
            }
        });
        usage.collect()
    }
}

fn percent(worked: Duration, elapsed: Duration) -> Option<f64> {
    (!elapsed.is_zero()).then(|| worked.div_duration_f64(elapsed) * 100.0)
}

/// A new `System` for each call: quick for a few processes, and no state remains.
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
    fn processor_time_counts_from_the_last_measurement_of_the_generation() {
        let meter = UsageMeter::default();
        let start = Instant::now();
        let read = |generation, seconds, cpu_ms| {
            let process =
                MeteredProcess { name: "a".to_owned(), generation, source: UsageSource::Child(1) };
            let cpu = Some(Duration::from_millis(cpu_ms));
            let measured = Measured { cpu, memory: Some(5) };
            let now = start + Duration::from_secs(seconds);
            meter.compare(vec![process], vec![measured], now).remove(0).cpu_percent
        };
        assert_eq!(read(1, 0, 100), None);
        assert_eq!(read(1, 2, 1_100), Some(50.0));
        assert_eq!(read(1, 2, 1_200), None, "no time has passed");
        assert_eq!(read(2, 3, 10), None, "another generation");
        assert_eq!(read(1, 4, 1_300), None, "it was not part of the last measurement");
    }

    #[cfg(unix)]
    #[test]
    fn a_reaped_process_is_not_a_child() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().expect("started");
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        assert!(is_child(pid), "it runs");
        UsageSource::Child(child.id()).signal(nix::libc::SIGKILL);
        child.wait().expect("it has ended");
        assert!(!is_child(pid), "it was reaped");
        assert!(!is_child(nix::unistd::getppid()), "it is no child");
    }

    #[test]
    fn an_unknown_process_is_not_measured() {
        let own = Pid::from_u32(std::process::id());
        // Above the largest process id of every system.
        let unknown = Pid::from_u32(u32::MAX >> 1);
        let measured = children(&[own, unknown]);
        assert!(measured[&own].memory.is_some_and(|bytes| bytes > 0));
        assert!(!measured.contains_key(&unknown));
    }
}
