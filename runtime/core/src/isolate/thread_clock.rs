//! The clock of one thread, which counts what it works: on a busy machine that is less than passes.

use std::time::Duration;

/// To be read by any thread.
pub(super) struct ThreadClock {
    /// The thread as the system knows it.
    #[cfg(target_os = "linux")]
    id: nix::unistd::Pid,
}

#[cfg(target_os = "linux")]
impl ThreadClock {
    pub(super) fn of_this_thread() -> Self {
        Self { id: nix::unistd::gettid() }
    }

    /// Processor time of the thread so far; `None` when it is gone.
    pub(super) fn now(&self) -> Option<Duration> {
        // The clock of a thread is made of its number, as `pthread_getcpuclockid` does, which cannot
        // be asked about a thread that may be gone.
        const SCHEDULED_TIME_OF_A_THREAD: i32 = 0b110;
        let clock = (!self.id.as_raw() << 3) | SCHEDULED_TIME_OF_A_THREAD;
        nix::time::ClockId::from_raw(clock).now().ok().map(Duration::from)
    }
}

#[cfg(not(target_os = "linux"))]
impl ThreadClock {
    pub(super) fn of_this_thread() -> Self {
        Self {}
    }

    #[expect(clippy::unused_self, reason = "the same shape as on Linux")]
    pub(super) fn now(&self) -> Option<Duration> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

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

        let gone = std::thread::spawn(ThreadClock::of_this_thread).join().expect("no panic");
        assert_eq!(gone.now(), None);
    }
}
