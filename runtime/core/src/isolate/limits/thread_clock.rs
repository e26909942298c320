//! The clock of one thread, which counts what it works: on a busy machine that is less than passes. And whether
//! the thread sleeps, or works or waits for a processor.

use std::time::Duration;

/// To be read by any thread.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ThreadClock {
    /// The thread as the system knows it.
    #[cfg(target_os = "linux")]
    id: nix::unistd::Pid,
}

#[cfg(target_os = "linux")]
impl ThreadClock {
    pub(crate) fn of_this_thread() -> Self {
        Self { id: nix::unistd::gettid() }
    }

    /// Processor time of the thread so far; `None` when it is gone.
    pub(crate) fn now(&self) -> Option<Duration> {
        // The clock of a thread is made of its number, as `pthread_getcpuclockid` does, which cannot
        // be asked about a thread that may be gone.
        const SCHEDULED_TIME_OF_A_THREAD: i32 = 0b110;
        let clock = (!self.id.as_raw() << 3) | SCHEDULED_TIME_OF_A_THREAD;
        nix::time::ClockId::from_raw(clock).now().ok().map(Duration::from)
    }

    /// Whether the thread waits for anything but a processor; true as well where the system does not tell.
    pub(crate) fn sleeps(&self) -> bool {
        !self.state().is_some_and(|state| state.starts_with('R'))
    }

    /// Pages of memory that the thread has touched for the first time so far; `None` when it is gone, and when no
    /// file can be opened.
    pub(crate) fn faults(&self) -> Option<u64> {
        // The state and eight numbers come first, of which the eighth is this one.
        const AT: usize = 7;
        self.state()?.split(' ').nth(AT)?.parse().ok()
    }

    /// What the system tells of the thread, from the letter of its state on.
    fn state(&self) -> Option<String> {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{}/stat", self.id)).ok()?;
        // The name is in parentheses, and may itself contain some.
        stat.rsplit_once(") ").map(|(_, state)| state.to_owned())
    }

    /// The threads of this application that have this name.
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
    pub(crate) fn sleeps(&self) -> bool {
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
    fn the_clock_of_a_thread_counts_its_work_and_not_its_sleep() {
        const WHILE: Duration = Duration::from_millis(30);
        let thread = ThreadClock::of_this_thread();
        let before = thread.now().expect("a clock");
        let worked = || thread.now().expect("a clock").saturating_sub(before);
        std::thread::sleep(WHILE);
        assert!(worked() < WHILE / 2, "{:?}", worked());
        let began = std::time::Instant::now();
        while worked() < WHILE {}
        assert!(began.elapsed() >= WHILE / 2);

        assert!(!thread.sleeps());

        let gone = std::thread::spawn(ThreadClock::of_this_thread).join().expect("no panic");
        assert_eq!(gone.now(), None);
        assert!(gone.sleeps());
    }

    #[test]
    fn pages_that_a_thread_touches_are_counted_as_its_own() {
        let thread = ThreadClock::of_this_thread();
        let before = thread.faults().expect("procfs");
        std::thread::spawn(|| std::hint::black_box(vec![1_u8; 32 << 20])).join().expect("no panic");
        let by_another = thread.faults().expect("procfs") - before;
        std::hint::black_box(vec![1_u8; 32 << 20]);
        let by_itself = thread.faults().expect("procfs") - before - by_another;
        // One is a large page at the most.
        assert!(by_itself >= 16 && by_itself > by_another, "{by_itself}, {by_another}");
    }

    #[test]
    fn threads_are_found_by_their_name() {
        let (tell, told) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let named = std::thread::Builder::new().name("found by name".to_owned()).spawn(move || {
            tell.send(ThreadClock::of_this_thread()).expect("it is waited for");
            ends.recv()
        });
        let clock = told.recv().expect("it tells");
        assert_eq!(ThreadClock::of_threads_named("found by name"), [clock]);
        drop(end);
        named.expect("a thread").join().expect("no panic").expect_err("nothing was sent");
        assert_eq!(ThreadClock::of_threads_named("found by name"), []);
    }

    #[test]
    fn a_thread_that_waits_for_another_sleeps_and_one_that_waits_for_a_processor_does_not() {
        let (tell, told) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let sleeping = std::thread::spawn(move || {
            tell.send(ThreadClock::of_this_thread()).expect("it is waited for");
            ends.recv()
        });
        let clock = told.recv().expect("it tells");
        assert!(eventually(|| clock.sleeps()));
        drop(end);
        sleeping.join().expect("no panic").expect_err("nothing was sent");

        let (tell, told) = mpsc::channel();
        let stops = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                tell.send(ThreadClock::of_this_thread()).expect("it is waited for");
                while !stops.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
            let clock = told.recv().expect("it tells");
            // It may still be at telling.
            assert!(eventually(|| !clock.sleeps()));
            let slept = (0..100).filter(|_| clock.sleeps()).count();
            stops.store(true, Ordering::Relaxed);
            assert_eq!(slept, 0);
        });
    }
}
