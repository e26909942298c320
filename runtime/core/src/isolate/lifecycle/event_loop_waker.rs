//! The waker of an isolate's event loop.
//!
//! The engine never drops some wakers (those of a module with a pending top-level `await`). A waker of the executor
//! would leak the executor and its open files. So the engine gets this waker, which can outlive the executor. It is
//! also faster: waking a loop that runs or spins needs no system call.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;

use crate::io::spin::Spin;
use crate::sync::{AtomicU8, Ordering};

/// The loop is or will be pending: a wake-up must wake the executor.
const PENDING: u8 = 0;
/// The loop runs or spins and sees a wake-up itself.
const RUNNING: u8 = 1;
/// The loop was woken while it ran or spun.
const WOKEN: u8 = 2;

/// The most iterations before the executor runs, which polls timers and sockets. Deno's executor polls them once in
/// 61 iterations, and Deno's sockets rely on it: the next iterations complete the writes of one iteration before
/// anything is read.
const MAX_ITERATIONS: u8 = 16;

/// The longest time before the executor runs, so that long iterations do not delay timers and sockets.
const MAX_DURATION: Duration = Duration::from_millis(1);

/// Wakes an event loop: directly while it runs or spins, through its executor otherwise.
#[derive(Default)]
pub(crate) struct EventLoopWaker {
    state: Arc<WakeState>,
    spin: Spin,
    iterations: u8,
    /// The end of the first iteration since the executor ran.
    since: Option<Instant>,
}

#[derive(Default)]
struct WakeState {
    phase: AtomicU8,
    executor: AtomicWaker,
}

impl EventLoopWaker {
    /// The loop spins before it is pending only if `spins`.
    pub(crate) fn new(spins: bool) -> Self {
        Self { state: Arc::default(), spin: Spin::new(spins), iterations: 0, since: None }
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker::from(self.state.clone())
    }

    /// Called before each iteration, with the waker of the executor.
    pub(crate) fn start_iteration(&self, waker: &Waker) {
        self.state.phase.store(RUNNING, Ordering::SeqCst);
        self.state.executor.register(waker);
    }

    /// Called after an iteration. Returns whether the loop was woken during it or during a spin, and should be polled
    /// again at once. If not, later wake-ups wake the executor.
    pub(crate) fn poll_again(&mut self) -> bool {
        let Self { state, spin, iterations, since } = self;
        let is_executors_turn = *iterations == MAX_ITERATIONS
            || since.get_or_insert_with(Instant::now).elapsed() >= MAX_DURATION;
        if !is_executors_turn && (state.is_woken() || spin.poll(1, || state.is_woken())) {
            *iterations += 1;
            return true;
        }
        *iterations = 0;
        *since = None;
        state.set_pending();
        false
    }
}

impl WakeState {
    fn is_woken(&self) -> bool {
        self.phase.load(Ordering::SeqCst) == WOKEN
    }

    /// Lets later wake-ups wake the executor; passes on a wake-up that has already arrived.
    fn set_pending(&self) {
        if self.phase.swap(PENDING, Ordering::SeqCst) == WOKEN {
            self.executor.wake();
        }
    }
}

impl Drop for EventLoopWaker {
    fn drop(&mut self) {
        self.state.executor.take();
    }
}

impl Wake for WakeState {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let woken = |phase| (phase != PENDING).then_some(WOKEN);
        if self.phase.fetch_update(Ordering::SeqCst, Ordering::SeqCst, woken).is_err() {
            self.executor.wake();
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

    fn event_loop_of(executor: &Arc<Executor>) -> (EventLoopWaker, Waker) {
        let event_loop = EventLoopWaker::default();
        event_loop.start_iteration(&Waker::from(executor.clone()));
        let waker = event_loop.waker();
        (event_loop, waker)
    }

    #[test]
    fn a_loop_that_is_woken_while_it_runs_runs_again_before_the_executor() {
        let executor = Arc::new(Executor::default());
        let (mut event_loop, waker) = event_loop_of(&executor);
        waker.wake_by_ref();
        assert!(event_loop.poll_again());
        assert_eq!(executor.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_loop_that_keeps_waking_itself_lets_the_executor_run() {
        let executor = Arc::new(Executor::default());
        let (mut event_loop, waker) = event_loop_of(&executor);
        let runs = (0..100).take_while(|_| {
            event_loop.start_iteration(&Waker::from(executor.clone()));
            waker.wake_by_ref();
            waker.wake_by_ref();
            event_loop.poll_again()
        });
        assert!(runs.count() <= usize::from(MAX_ITERATIONS));
        assert_eq!(
            executor.0.load(Ordering::SeqCst),
            1,
            "one wake-up of the executor for all wakes"
        );
    }

    #[test]
    fn a_loop_with_long_iterations_lets_the_executor_run() {
        let executor = Arc::new(Executor::default());
        let (mut event_loop, waker) = event_loop_of(&executor);
        waker.wake_by_ref();
        event_loop.poll_again();
        std::thread::sleep(MAX_DURATION);
        assert!(!event_loop.poll_again());
        assert_eq!(executor.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_wake_up_of_a_pending_loop_wakes_the_executor() {
        let executor = Arc::new(Executor::default());
        let (mut event_loop, waker) = event_loop_of(&executor);
        assert!(!event_loop.poll_again());
        waker.wake_by_ref();
        assert_eq!(executor.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_wake_up_is_not_lost_while_the_loop_becomes_pending() {
        for pause in 0..2_000 {
            let executor = Arc::new(Executor::default());
            let (mut event_loop, waker) = event_loop_of(&executor);
            let woken = std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_nanos(pause * 50));
                    waker.wake_by_ref();
                });
                event_loop.poll_again()
            });
            let wake_ups = executor.0.load(Ordering::SeqCst);
            assert_eq!(usize::from(woken) + wake_ups, 1, "{woken}, {wake_ups}");
        }
    }

    #[test]
    fn a_waker_that_outlives_its_loop_does_not_retain_the_executor() {
        let executor = Arc::new(Executor::default());
        let (event_loop, waker) = event_loop_of(&executor);
        drop(event_loop);
        assert_eq!(Arc::strong_count(&executor), 1);
        waker.wake_by_ref();
    }
}
