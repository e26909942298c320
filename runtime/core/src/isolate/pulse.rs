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

use super::bell::Bell;

/// Of one event loop; written on its thread, read by its keeper.
#[derive(Default)]
pub(super) struct Pulse {
    /// Milliseconds on the clock when the turn began that is under way; 0 if none is.
    since: AtomicU64,
    /// The end of this turn is waited for.
    is_awaited: AtomicBool,
    ended: Notify,
}

impl Pulse {
    /// Counts every poll of `future` as a turn.
    pub(super) async fn count<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut bell = Bell::default();
        let waker = bell.waker();
        poll_fn(|context| {
            loop {
                bell.listen(context.waker());
                self.since.store(now(), Ordering::Release);
                let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
                self.end();
                if polled.is_ready() || !bell.rings_soon() {
                    return polled;
                }
            }
        })
        .await
    }

    /// Stops the clock until the guard is dropped: the thread waits for somebody else.
    pub(super) fn pause(&self) -> Paused<'_> {
        let turned = self.turn().map(millis);
        self.end();
        Paused { pulse: self, turned }
    }

    /// For how long the turn that is under way has lasted.
    pub(super) fn turn(&self) -> Option<Duration> {
        match self.since.load(Ordering::Acquire) {
            0 => None,
            since => Some(Duration::from_millis(now().saturating_sub(since))),
        }
    }

    /// Resolves when one turn has lasted for `limit`.
    pub(super) async fn stuck(&self, limit: Duration) {
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
    pub(super) async fn moved(&self) {
        self.is_awaited.store(true, Ordering::SeqCst);
        while self.since.load(Ordering::SeqCst) != 0 && self.is_awaited.load(Ordering::SeqCst) {
            self.ended.notified().await;
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
pub(super) struct Paused<'a> {
    pulse: &'a Pulse,
    turned: Option<u64>,
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        if let Some(turned) = self.turned {
            self.pulse.since.store(now().saturating_sub(turned).max(1), Ordering::Release);
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
    use super::*;

    const LIMIT: Duration = Duration::from_millis(40);

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(test)
    }

    /// Whether a turn that does `work` is found to be stuck.
    fn is_stuck(work: impl FnOnce(&Pulse) + Send) -> bool {
        let pulse = Pulse::default();
        std::thread::scope(|scope| {
            let turning = scope.spawn(|| run(pulse.count(async { work(&pulse) })));
            let stuck = run(async {
                let stuck = tokio::time::timeout(LIMIT * 3, pulse.stuck(LIMIT)).await.is_ok();
                if stuck {
                    pulse.moved().await;
                }
                stuck
            });
            turning.join().expect("no panic");
            assert_eq!(pulse.turn(), None, "a turn that has ended goes on");
            stuck
        })
    }

    #[test]
    fn a_turn_that_lasts_is_found_and_its_end_is_told() {
        assert!(is_stuck(|_| std::thread::sleep(LIMIT * 4)));
        assert!(!is_stuck(|_| ()));
    }

    #[test]
    fn waiting_for_somebody_else_does_not_count() {
        assert!(!is_stuck(|pulse| {
            let _paused = pulse.pause();
            std::thread::sleep(LIMIT * 4);
        }));
    }

    #[test]
    fn many_short_waits_do_not_hide_a_turn_that_lasts() {
        assert!(is_stuck(|pulse| {
            let began = Instant::now();
            while began.elapsed() < LIMIT * 4 {
                drop(pulse.pause());
                std::thread::sleep(Duration::from_millis(1));
            }
        }));
    }

    #[test]
    fn a_loop_that_waits_is_not_stuck() {
        let pulse = Pulse::default();
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
