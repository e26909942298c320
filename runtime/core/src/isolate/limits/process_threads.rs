//! The threads that work for one process (its script's, its workers', and those of blocking operations), and their
//! work.

use std::ops::AddAssign;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::thread_clock::ThreadClock;

/// The work of threads so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work {
    /// Page faults without disk access; `None` if the system does not report them.
    pub(crate) faults: Option<u64>,
    /// Processor time; 0 if the system does not report it.
    pub(crate) time: Duration,
}

impl Default for Work {
    fn default() -> Self {
        Self { faults: Some(0), time: Duration::ZERO }
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, more: Self) {
        self.faults = self.faults.zip(more.faults).map(|(faults, more)| faults + more);
        self.time += more.time;
    }
}

impl Work {
    pub(crate) fn of(thread: &ThreadClock) -> Self {
        Self { faults: thread.faults(), time: thread.now().unwrap_or_default() }
    }
}

#[derive(Default)]
pub(crate) struct ProcessThreads(Mutex<Threads>);

#[derive(Default)]
struct Threads {
    running: Vec<ThreadClock>,
    /// The work of threads that have left.
    ended: Work,
}

impl ProcessThreads {
    /// Adds the calling thread.
    pub(crate) fn join(&self) {
        let thread = ThreadClock::of_this_thread();
        self.lock().running.push(thread);
    }

    /// Removes the calling thread; its work stays counted.
    pub(crate) fn leave(&self) {
        let this = ThreadClock::of_this_thread();
        let work = Work::of(&this);
        let mut threads = self.lock();
        if let Some(at) = threads.running.iter().position(|thread| *thread == this) {
            threads.running.swap_remove(at);
            threads.ended += work;
        }
    }

    /// The work of all threads, including those that have left.
    pub(crate) fn worked(&self) -> Work {
        let threads = self.lock();
        let mut all = threads.ended;
        threads.running.iter().for_each(|thread| all += Work::of(thread));
        all
    }

    fn lock(&self) -> MutexGuard<'_, Threads> {
        self.0.lock()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Writes to `bytes` of new memory.
    fn touch(bytes: usize) {
        std::hint::black_box(vec![1_u8; bytes]);
    }

    #[test]
    fn the_work_of_a_thread_counts_while_it_runs_and_after_it_has_ended() {
        let threads = Arc::new(ProcessThreads::default());
        touch(8 << 20);
        assert_eq!(threads.worked(), Work::default(), "this thread has not joined");
        let shared = threads.clone();
        let while_running = std::thread::spawn(move || {
            shared.join();
            touch(8 << 20);
            let worked = shared.worked();
            shared.leave();
            worked
        });
        let while_running = while_running.join().expect("no panic");
        assert!(while_running.faults > Some(0) && while_running.time > Duration::ZERO);
        let afterwards = threads.worked();
        assert!(afterwards.faults >= while_running.faults);
        assert!(afterwards.time >= while_running.time);
        touch(8 << 20);
        assert_eq!(threads.worked(), afterwards);
    }
}
