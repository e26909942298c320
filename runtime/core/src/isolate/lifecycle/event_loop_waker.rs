//! What wakes an isolate's event loop.
//!
//! The engine never lets go of some wakers (those of a module whose top-level `await` has not come to its
//! end), and one of the executor's own would keep that, and the files it has open, for ever. So it gets
//! this one. It is also quicker: whoever wakes a loop that runs, or looks out for them, need not
//! disturb the system for it.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crate::io::spin::Spin;
use crate::sync::{AtomicU8, Mutex, MutexGuard, Ordering};

/// The loop sleeps, or is about to: it is the executor that is to be woken.
const AWAY: u8 = 0;
/// It runs, or looks out: it sees by itself that it was woken.
const THERE: u8 = 1;
/// It was woken while it was there.
const RUNG: u8 = 2;

/// So often at the most the loop runs again before the executor does, which has timers and sockets to look
/// after. Deno's executor looks after them once in 61 runs, and Deno's sockets are written for that: what one
/// iteration has written, the next ones complete before anything is read.
const MOST_RUNS: u8 = 16;

/// And for so long, so that a script that works in long portions does not keep them waiting.
const LONGEST_RUNS: Duration = Duration::from_millis(1);

/// Belongs to the event loop; passes on to its executor what it does not see itself.
#[derive(Default)]
pub(crate) struct EventLoopWaker {
    wire: Arc<WakeState>,
    spin: Spin,
    runs: u8,
    /// The end of the first run after which the executor has not had its turn.
    since: Option<Instant>,
}

#[derive(Default)]
struct WakeState {
    state: AtomicU8,
    executor: Mutex<Option<Waker>>,
}

impl EventLoopWaker {
    pub(crate) fn waker(&self) -> Waker {
        Waker::from(self.wire.clone())
    }

    /// The loop is about to run, for an executor that is woken by `waker`.
    pub(crate) fn listen(&self, waker: &Waker) {
        self.wire.state.store(THERE, Ordering::SeqCst);
        let mut executor = self.wire.lock();
        if !executor.as_ref().is_some_and(|executor| executor.will_wake(waker)) {
            *executor = Some(waker.clone());
        }
    }

    /// The loop has run: whether it is to run again at once, because it was woken meanwhile or is woken
    /// now. Otherwise the executor will be woken.
    pub(crate) fn rings_soon(&mut self) -> bool {
        let Self { wire, spin, runs, since } = self;
        let is_others_turn =
            *runs == MOST_RUNS || since.get_or_insert_with(Instant::now).elapsed() >= LONGEST_RUNS;
        if !is_others_turn && (wire.has_rung() || spin.look(1, || wire.has_rung())) {
            *runs += 1;
            return true;
        }
        *runs = 0;
        *since = None;
        wire.leave();
        false
    }
}

impl WakeState {
    fn has_rung(&self) -> bool {
        self.state.load(Ordering::SeqCst) == RUNG
    }

    /// Leaves waking to the executor, to which it hands on what was rung so far.
    fn leave(&self) {
        if self.state.swap(AWAY, Ordering::SeqCst) == RUNG {
            self.wake_executor();
        }
    }

    fn wake_executor(&self) {
        if let Some(executor) = &*self.lock() {
            executor.wake_by_ref();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.executor.lock()
    }
}

impl Drop for EventLoopWaker {
    fn drop(&mut self) {
        *self.wire.lock() = None;
    }
}

impl Wake for WakeState {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let there = |state| (state != AWAY).then_some(RUNG);
        if self.state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, there).is_err() {
            self.wake_executor();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Executor(AtomicUsize);

    impl Wake for Executor {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn loop_of(executor: &Arc<Executor>) -> (EventLoopWaker, Waker) {
        let bell = EventLoopWaker::default();
        bell.listen(&Waker::from(executor.clone()));
        let waker = bell.waker();
        (bell, waker)
    }

    #[test]
    fn a_loop_that_was_woken_while_it_ran_runs_again_before_the_executor() {
        let executor = Arc::new(Executor::default());
        let (mut bell, waker) = loop_of(&executor);
        waker.wake_by_ref();
        assert!(bell.rings_soon());
        assert_eq!(executor.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_loop_that_wakes_itself_again_and_again_leaves_the_executor_its_turn() {
        let executor = Arc::new(Executor::default());
        let (mut bell, waker) = loop_of(&executor);
        let runs = (0..100).take_while(|_| {
            bell.listen(&Waker::from(executor.clone()));
            waker.wake_by_ref();
            waker.wake_by_ref();
            bell.rings_soon()
        });
        assert!(runs.count() <= usize::from(MOST_RUNS));
        assert_eq!(executor.0.load(Ordering::SeqCst), 1, "woken once for all wakes");
    }

    #[test]
    fn a_loop_whose_runs_take_long_leaves_the_executor_its_turn() {
        let executor = Arc::new(Executor::default());
        let (mut bell, waker) = loop_of(&executor);
        waker.wake_by_ref();
        bell.rings_soon();
        std::thread::sleep(LONGEST_RUNS);
        assert!(!bell.rings_soon());
        assert_eq!(executor.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn the_executor_is_woken_by_what_comes_after_the_loop_has_left() {
        let executor = Arc::new(Executor::default());
        let (mut bell, waker) = loop_of(&executor);
        assert!(!bell.rings_soon());
        waker.wake_by_ref();
        assert_eq!(executor.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn nothing_is_lost_however_a_wake_meets_the_loops_leaving() {
        for pause in 0..2_000 {
            let executor = Arc::new(Executor::default());
            let (mut bell, waker) = loop_of(&executor);
            let woken = std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_nanos(pause * 50));
                    waker.wake_by_ref();
                });
                bell.rings_soon()
            });
            let passed_on = executor.0.load(Ordering::SeqCst);
            assert_eq!(usize::from(woken) + passed_on, 1, "{woken}, {passed_on}");
        }
    }

    #[test]
    fn a_waker_that_outlives_its_loop_keeps_no_executor() {
        let executor = Arc::new(Executor::default());
        let (bell, waker) = loop_of(&executor);
        drop(bell);
        assert_eq!(Arc::strong_count(&executor), 1);
        waker.wake_by_ref();
    }
}
