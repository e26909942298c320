//! The threads that work for one process, and what they have done: its script's, those of its workers, and those
//! of its blocking operations.

use std::ops::AddAssign;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::thread_clock::ThreadClock;

/// What threads have done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work {
    /// Pages that they have touched for the first time; `None` where the system does not tell.
    pub(crate) faults: Option<u64>,
    /// Processor time; 0 where the system does not tell.
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
    live: Vec<ThreadClock>,
    /// The work of those that have ended.
    ended: Work,
}

impl ProcessThreads {
    /// Called on a thread that works for the process from now on.
    pub(crate) fn join(&self) {
        let thread = ThreadClock::of_this_thread();
        self.lock().live.push(thread);
    }

    /// Called on the thread when it works for the process no longer.
    pub(crate) fn leave(&self) {
        let this = ThreadClock::of_this_thread();
        let work = Work::of(&this);
        let mut threads = self.lock();
        if let Some(at) = threads.live.iter().position(|thread| *thread == this) {
            threads.live.swap_remove(at);
            threads.ended += work;
        }
    }

    /// The work of all of them.
    pub(crate) fn worked(&self) -> Work {
        let threads = self.lock();
        let mut all = threads.ended;
        threads.live.iter().for_each(|thread| all += Work::of(thread));
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

    /// Touches so many bytes of new memory.
    fn touch(bytes: usize) {
        std::hint::black_box(vec![1_u8; bytes]);
    }

    #[test]
    fn the_work_of_a_thread_counts_while_it_lives_and_when_it_has_ended() {
        let threads = Arc::new(ProcessThreads::default());
        touch(8 << 20);
        assert_eq!(threads.worked(), Work::default(), "this thread does not belong to them");
        let shared = threads.clone();
        let while_it_lives = std::thread::spawn(move || {
            shared.join();
            touch(8 << 20);
            let worked = shared.worked();
            shared.leave();
            worked
        });
        let while_it_lives = while_it_lives.join().expect("no panic");
        assert!(while_it_lives.faults > Some(0) && while_it_lives.time > Duration::ZERO);
        let afterwards = threads.worked();
        assert!(afterwards.faults >= while_it_lives.faults);
        assert!(afterwards.time >= while_it_lives.time);
        touch(8 << 20);
        assert_eq!(threads.worked(), afterwards);
    }
}
