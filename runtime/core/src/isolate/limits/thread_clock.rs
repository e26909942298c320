//! Processor time, page faults and state of one thread.

use std::time::Duration;

/// Identifies one thread; any thread may read its clock.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ThreadClock {
    #[cfg(target_os = "linux")]
    id: nix::unistd::Pid,
}

#[cfg(target_os = "linux")]
impl ThreadClock {
    pub(crate) fn of_this_thread() -> Self {
        Self { id: nix::unistd::gettid() }
    }

    /// Processor time of the thread so far; `None` after it has ended.
    pub(crate) fn now(&self) -> Option<Duration> {
        // The formula of `pthread_getcpuclockid`, which must not be called for a thread that may have ended.
        const CPUCLOCK_PERTHREAD_SCHED: i32 = 0b110;
        let clock = (!self.id.as_raw() << 3) | CPUCLOCK_PERTHREAD_SCHED;
        nix::time::ClockId::from_raw(clock).now().ok().map(Duration::from)
    }

    /// Whether the thread neither runs nor waits for a processor. Also true if its state is unknown.
    pub(crate) fn is_sleeping(&self) -> bool {
        !self.stat().is_some_and(|stat| stat.starts_with('R'))
    }

    /// Minor page faults of the thread so far; `None` after it has ended, or if no file can be opened.
    pub(crate) fn faults(&self) -> Option<u64> {
        // `minflt` is field 10 of `/proc/PID/stat`; `stat` starts with field 3.
        const AT: usize = 7;
        self.stat()?.split(' ').nth(AT)?.parse().ok()
    }

    /// The fields of `/proc/self/task/TID/stat` from the state on.
    fn stat(&self) -> Option<String> {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{}/stat", self.id)).ok()?;
        // The name of the thread is in parentheses and may itself contain parentheses.
        stat.rsplit_once(") ").map(|(_, fields)| fields.to_owned())
    }

    /// The threads of this application with this name.
    pub(crate) fn of_threads_named(name: &str) -> Vec<Self> {
        let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
        let is_named = |id: &i32| {
            let found = std::fs::read_to_string(format!("/proc/self/task/{id}/comm"));
            found.is_ok_and(|found| found.trim_end() == name)
        };
        let ids = threads.flatten().filter_map(|thread| thread.file_name().to_str()?.parse().ok());
        ids.filter(is_named).map(|id| Self { id: nix::unistd::Pid::from_raw(id) }).collect()
    }
}

#[cfg(not(target_os = "linux"))]
impl ThreadClock {
    pub(crate) fn of_this_thread() -> Self {
        Self {}
    }

    #[expect(clippy::unused_self, reason = "the same shape as on Linux")]
    pub(crate) fn now(&self) -> Option<Duration> {
        None
    }

    #[expect(clippy::unused_self, reason = "the same shape as on Linux")]
    pub(crate) fn faults(&self) -> Option<u64> {
        None
    }

    #[expect(clippy::unused_self, reason = "the same shape as on Linux")]
    pub(crate) fn is_sleeping(&self) -> bool {
        true
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use super::*;
    use crate::patience::eventually;

    #[test]
    fn a_thread_clock_counts_work_and_not_sleep() {
        const WHILE: Duration = Duration::from_millis(30);
        let thread = ThreadClock::of_this_thread();
        let before = thread.now().expect("a clock");
        let worked = || thread.now().expect("a clock").saturating_sub(before);
        std::thread::sleep(WHILE);
        assert!(worked() < WHILE / 2, "{:?}", worked());
        let began = std::time::Instant::now();
        while worked() < WHILE {}
        assert!(began.elapsed() >= WHILE / 2);

        assert!(!thread.is_sleeping());

        let ended = std::thread::spawn(ThreadClock::of_this_thread).join().expect("no panic");
        assert_eq!(ended.now(), None);
        assert!(ended.is_sleeping());
    }

    #[test]
    fn page_faults_are_counted_per_thread() {
        let thread = ThreadClock::of_this_thread();
        let before = thread.faults().expect("procfs");
        std::thread::spawn(|| std::hint::black_box(vec![1_u8; 32 << 20])).join().expect("no panic");
        let by_another = thread.faults().expect("procfs") - before;
        std::hint::black_box(vec![1_u8; 32 << 20]);
        let by_itself = thread.faults().expect("procfs") - before - by_another;
        // One fault maps at most a huge page of 2 MiB.
        assert!(by_itself >= 16 && by_itself > by_another, "{by_itself}, {by_another}");
    }

    #[test]
    fn threads_are_found_by_name() {
        let (send_clock, clock) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let named = std::thread::Builder::new().name("found by name".to_owned()).spawn(move || {
            send_clock.send(ThreadClock::of_this_thread()).expect("the test receives");
            ends.recv()
        });
        let clock = clock.recv().expect("the thread sends");
        assert_eq!(ThreadClock::of_threads_named("found by name"), [clock]);
        drop(end);
        named.expect("a thread").join().expect("no panic").expect_err("nothing was sent");
        assert_eq!(ThreadClock::of_threads_named("found by name"), []);
    }

    #[test]
    fn a_blocked_thread_sleeps_and_a_runnable_one_does_not() {
        let (send_clock, clock) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let sleeping = std::thread::spawn(move || {
            send_clock.send(ThreadClock::of_this_thread()).expect("the test receives");
            ends.recv()
        });
        let clock = clock.recv().expect("the thread sends");
        assert!(eventually(|| clock.is_sleeping()));
        drop(end);
        sleeping.join().expect("no panic").expect_err("nothing was sent");

        let (send_clock, clock) = mpsc::channel();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                send_clock.send(ThreadClock::of_this_thread()).expect("the test receives");
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
            let clock = clock.recv().expect("the thread sends");
            // The thread may still be inside `send`.
            assert!(eventually(|| !clock.is_sleeping()));
            let slept = (0..100).filter(|_| clock.is_sleeping()).count();
            stop.store(true, Ordering::Relaxed);
            assert_eq!(slept, 0);
        });
    }
}
