//! The waker of an isolate's event loop.
//!
//! The engine never drops some wakers (those of a module with a pending top-level `await`). A waker of the executor
//! would leak the executor and its open files. So the engine gets this waker, which can outlive the executor. It is
//! also faster: waking a loop that runs or spins needs no system call.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crate::io::spin::Spin;
use crate::sync::{AtomicU8, Mutex, MutexGuard, Ordering};

/// The loop is or will be pending: a wake-up must wake the executor.
const AWAY: u8 = 0;
/// The loop runs or spins and sees a wake-up itself.
const THERE: u8 = 1;
/// The loop was woken while it ran or spun.
const RUNG: u8 = 2;

/// The most iterations before the executor runs, which polls timers and sockets. Deno's executor polls them once in
/// 61 iterations, and Deno's sockets rely on it: the next iterations complete the writes of one iteration before
/// anything is read.
const MOST_RUNS: u8 = 16;

/// The longest time before the executor runs, so that long iterations do not delay timers and sockets.
const LONGEST_RUNS: Duration = Duration::from_millis(1);

/// Wakes an event loop: directly while it runs or spins, through its executor otherwise.
#[derive(Default)]
pub(crate) struct EventLoopWaker {
    wire: Arc<WakeState>,
    spin: Spin,
    runs: u8,
    /// The end of the first iteration since the executor ran.
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

    /// Called before each iteration, with the waker of the executor.
    pub(crate) fn listen(&self, waker: &Waker) {
        self.wire.state.store(THERE, Ordering::SeqCst);
        let mut executor = self.wire.lock();
        if !executor.as_ref().is_some_and(|executor| executor.will_wake(waker)) {
            *executor = Some(waker.clone());
        }
    }

    /// Called after an iteration. Returns whether the loop was woken during it or during a spin, and should be polled
    /// again at once. If not, later wake-ups wake the executor.
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

    /// Lets later wake-ups wake the executor; passes on a wake-up that has already arrived.
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
    fn a_loop_that_is_woken_while_it_runs_runs_again_before_the_executor() {
        let executor = Arc::new(Executor::default());
        let (mut bell, waker) = loop_of(&executor);
        waker.wake_by_ref();
        assert!(bell.rings_soon());
        assert_eq!(executor.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_loop_that_keeps_waking_itself_lets_the_executor_run() {
        let executor = Arc::new(Executor::default());
        let (mut bell, waker) = loop_of(&executor);
        let runs = (0..100).take_while(|_| {
            bell.listen(&Waker::from(executor.clone()));
            waker.wake_by_ref();
            waker.wake_by_ref();
            bell.rings_soon()
        });
        assert!(runs.count() <= usize::from(MOST_RUNS));
        assert_eq!(executor.0.load(Ordering::SeqCst), 1, "one wake-up of the executor for all wakes");
    }

    #[test]
    fn a_loop_with_long_iterations_lets_the_executor_run() {
        let executor = Arc::new(Executor::default());
        let (mut bell, waker) = loop_of(&executor);
        waker.wake_by_ref();
        bell.rings_soon();
        std::thread::sleep(LONGEST_RUNS);
        assert!(!bell.rings_soon());
        assert_eq!(executor.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_wake_up_of_a_pending_loop_wakes_the_executor() {
        let executor = Arc::new(Executor::default());
        let (mut bell, waker) = loop_of(&executor);
        assert!(!bell.rings_soon());
        waker.wake_by_ref();
        assert_eq!(executor.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_wake_up_is_not_lost_while_the_loop_becomes_pending() {
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
    fn a_waker_that_outlives_its_loop_does_not_retain_the_executor() {
        let executor = Arc::new(Executor::default());
        let (bell, waker) = loop_of(&executor);
        drop(bell);
        assert_eq!(Arc::strong_count(&executor), 1);
        waker.wake_by_ref();
    }
}
