//! Whether an event loop turns.
//!
//! Nothing is asked of the loop: it notes when a turn begins and when it ends, so that one that waits
//! is never woken for this, and one that is stuck is known by the turn that does not end.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Context;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::isolate::lifecycle::event_loop_waker::EventLoopWaker;

/// Of one event loop; written on its thread, read by its keeper.
#[derive(Default)]
pub(crate) struct Watchdog {
    /// Milliseconds on the clock when the turn began that is under way; 0 if none is.
    since: AtomicU64,
    /// The end of this turn is waited for.
    is_awaited: AtomicBool,
    ended: Notify,
    /// The beginning of a turn is waited for.
    is_begin_awaited: AtomicBool,
    began: Notify,
}

impl Watchdog {
    /// Counts every poll of `future` as a turn.
    pub(crate) async fn count<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut bell = EventLoopWaker::default();
        let waker = bell.waker();
        poll_fn(|context| {
            loop {
                bell.start_iteration(context.waker());
                self.begin(now());
                let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
                self.end();
                if polled.is_ready() || !bell.poll_again() {
                    return polled;
                }
            }
        })
        .await
    }

    /// Stops the clock until the guard is dropped: the thread waits for somebody else.
    pub(crate) fn pause(&self) -> Paused<'_> {
        let turned = self.turn().map(millis);
        self.end();
        Paused { pulse: self, turned }
    }

    /// For how long the turn that is under way has lasted.
    pub(crate) fn turn(&self) -> Option<Duration> {
        match self.since.load(Ordering::Acquire) {
            0 => None,
            since => Some(Duration::from_millis(now().saturating_sub(since))),
        }
    }

    /// Resolves when one turn has lasted for `limit`.
    pub(crate) async fn stuck(&self, limit: Duration) {
        loop {
            let left = match self.turn() {
                Some(turn) if turn >= limit => return,
                Some(turn) => limit.saturating_sub(turn),
                None => limit,
            };
            tokio::time::sleep(left).await;
        }
    }

    /// Resolves when the turn that is under way has ended.
    pub(crate) async fn moved(&self) {
        self.is_awaited.store(true, Ordering::SeqCst);
        while self.since.load(Ordering::SeqCst) != 0 && self.is_awaited.load(Ordering::SeqCst) {
            self.ended.notified().await;
        }
    }

    /// Resolves when a turn is under way, or was since this was called.
    pub(crate) async fn begun(&self) {
        self.is_begin_awaited.store(true, Ordering::SeqCst);
        while self.since.load(Ordering::SeqCst) == 0 && self.is_begin_awaited.load(Ordering::SeqCst)
        {
            self.began.notified().await;
        }
    }

    fn begin(&self, since: u64) {
        self.since.store(since, Ordering::SeqCst);
        // Nothing is written when nobody waits: this is on the way of each message.
        if self.is_begin_awaited.load(Ordering::SeqCst)
            && self.is_begin_awaited.swap(false, Ordering::SeqCst)
        {
            self.began.notify_one();
        }
    }

    fn end(&self) {
        self.since.store(0, Ordering::SeqCst);
        if self.is_awaited.swap(false, Ordering::SeqCst) {
            self.ended.notify_one();
        }
    }
}

/// While it lives, the clock of a turn stands still.
pub(crate) struct Paused<'a> {
    pulse: &'a Watchdog,
    turned: Option<u64>,
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        if let Some(turned) = self.turned {
            self.pulse.begin(now().saturating_sub(turned).max(1));
        }
    }
}

/// Milliseconds since the first call, never 0.
fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    // A second on top, so that a clock that was paused can be set back.
    millis(START.get_or_init(Instant::now).elapsed()) + 1000
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::patience::finishes;

    const LIMIT: Duration = Duration::from_millis(40);

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(test)
    }

    /// One turn that does `work`; how long it lasted, and what the pulse says of it at the end.
    fn turn(work: impl FnOnce(&Watchdog)) -> (Duration, Duration) {
        let pulse = Watchdog::default();
        let began = Instant::now();
        let turned = run(pulse.count(async {
            work(&pulse);
            pulse.turn().expect("a turn is under way")
        }));
        assert_eq!(pulse.turn(), None, "a turn that has ended goes on");
        (began.elapsed(), turned)
    }

    #[test]
    fn a_turn_that_lasts_is_found_and_its_end_is_told() {
        let pulse = &Watchdog::default();
        let (end, ends) = mpsc::channel();
        std::thread::scope(|scope| {
            let turning = scope.spawn(move || run(pulse.count(async { ends.recv() })));
            run(async move {
                finishes(pulse.stuck(LIMIT)).await.expect("it is found");
                assert!(pulse.turn().is_some_and(|turn| turn >= LIMIT), "{:?}", pulse.turn());
                end.send(()).expect("the turn waits for it");
                finishes(pulse.moved()).await.expect("its end is told");
            });
            turning.join().expect("no panic").expect("it was sent");
        });
        assert_eq!(pulse.turn(), None, "a turn that has ended goes on");
        let stuck = run(async { tokio::time::timeout(LIMIT * 3, pulse.stuck(LIMIT)).await });
        assert!(stuck.is_err(), "no turn is under way");
    }

    #[test]
    fn the_beginning_of_a_turn_is_told_also_when_it_has_ended_by_then() {
        let pulse = Watchdog::default();
        run(async {
            let mut begun = pin!(pulse.begun());
            assert!(futures_util::poll!(&mut begun).is_pending(), "no turn has begun");
            pulse.count(async {}).await;
            finishes(begun).await.expect("the beginning is told");
            let mut next = pin!(pulse.begun());
            assert!(futures_util::poll!(&mut next).is_pending(), "the next one has not begun");
            let paused = pulse.pause();
            assert!(futures_util::poll!(&mut next).is_pending());
            drop(paused);
            pulse.count(async {}).await;
            finishes(next).await.expect("the next one is told");
            pulse.count(async { finishes(pulse.begun()).await.expect("it is under way") }).await;
        });
    }

    #[test]
    fn waiting_for_somebody_else_does_not_count() {
        let waited = LIMIT * 4;
        let (lasted, turned) = turn(|pulse| {
            let _paused = pulse.pause();
            assert_eq!(pulse.turn(), None);
            std::thread::sleep(waited);
        });
        assert!(turned + waited <= lasted + ROUNDING, "{turned:?} of {lasted:?}");
    }

    /// The pulse counts whole milliseconds.
    const ROUNDING: Duration = Duration::from_millis(2);

    #[test]
    fn many_short_waits_do_not_hide_a_turn_that_lasts() {
        const WAITS: u32 = 20;
        let between = Duration::from_millis(5);
        let (_, turned) = turn(|pulse| {
            for _ in 0..WAITS {
                drop(pulse.pause());
                std::thread::sleep(between);
            }
        });
        assert!(turned >= between.saturating_sub(ROUNDING) * WAITS, "{turned:?}");
    }

    #[test]
    fn a_loop_that_waits_is_not_stuck() {
        let pulse = Watchdog::default();
        run(async {
            let waits = pulse.count(tokio::time::sleep(LIMIT * 4));
            let stuck = pulse.stuck(LIMIT);
            tokio::select! {
                () = stuck => panic!("stuck"),
                () = waits => {}
            }
        });
    }
}
