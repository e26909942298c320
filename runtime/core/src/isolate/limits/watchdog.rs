//! Detects event loops that are stuck in one iteration ("tick").
//!
//! The loop records when a tick starts and ends. So an idle loop is never woken for a check, and a stuck one is
//! recognized by a tick that does not end.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Observes one event loop. Written on its thread, read by its monitor.
#[derive(Default)]
pub(crate) struct Watchdog {
    /// The start of the current tick in milliseconds of [`now`]; 0 between ticks.
    since: AtomicU64,
    /// A task waits for the end of this tick.
    awaits_end: AtomicBool,
    ended: Notify,
    /// Tasks wait for the start of a tick.
    awaits_start: AtomicBool,
    started: Notify,
}

impl Watchdog {
    /// Runs `future` and records every poll as a tick.
    pub(crate) async fn observe<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            self.start(now());
            let polled = future.as_mut().poll(context);
            self.end();
            polled
        })
        .await
    }

    /// Stops the clock until the guard is dropped, while the thread blocks on input or output.
    pub(crate) fn pause(&self) -> Paused<'_> {
        let elapsed = self.tick().map(millis);
        self.end();
        Paused { watchdog: self, elapsed }
    }

    /// The duration of the current tick so far; `None` between ticks.
    pub(crate) fn tick(&self) -> Option<Duration> {
        match self.since.load(Ordering::Acquire) {
            0 => None,
            since => Some(Duration::from_millis(now().saturating_sub(since))),
        }
    }

    /// Resolves when one tick has lasted for `limit`. While the loop is idle, no timer runs.
    pub(crate) async fn stuck(&self, limit: Duration) {
        loop {
            let left = match self.tick() {
                Some(tick) if tick >= limit => return,
                Some(tick) => limit.saturating_sub(tick),
                None => {
                    self.tick_started().await;
                    limit.saturating_sub(self.tick().unwrap_or_default())
                }
            };
            tokio::time::sleep(left).await;
        }
    }

    /// Resolves when the current tick has ended.
    pub(crate) async fn resumed(&self) {
        self.awaits_end.store(true, Ordering::SeqCst);
        while self.since.load(Ordering::SeqCst) != 0 && self.awaits_end.load(Ordering::SeqCst) {
            self.ended.notified().await;
        }
    }

    /// Resolves when a tick is in progress, or has started since this was first polled.
    pub(crate) async fn tick_started(&self) {
        // Created before the check: it resolves with the next start, even before it is polled.
        let started = self.started.notified();
        self.awaits_start.store(true, Ordering::SeqCst);
        if self.since.load(Ordering::SeqCst) == 0 {
            started.await;
        }
    }

    fn start(&self, since: u64) {
        self.since.store(since, Ordering::SeqCst);
        // Load first: without a waiter there is no write, because this runs for each message.
        if self.awaits_start.load(Ordering::SeqCst)
            && self.awaits_start.swap(false, Ordering::SeqCst)
        {
            self.started.notify_waiters();
        }
    }

    fn end(&self) {
        self.since.store(0, Ordering::SeqCst);
        if self.awaits_end.swap(false, Ordering::SeqCst) {
            self.ended.notify_one();
        }
    }
}

/// Stops the clock of the current tick until it is dropped.
pub(crate) struct Paused<'a> {
    watchdog: &'a Watchdog,
    /// Milliseconds of the tick before the pause; `None` if none was in progress.
    elapsed: Option<u64>,
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        if let Some(elapsed) = self.elapsed {
            self.watchdog.start(now().saturating_sub(elapsed).max(1));
        }
    }
}

/// Milliseconds of a monotonic clock, never 0.
fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    // Starts at one second, so that a resumed tick can start earlier than the first call.
    millis(START.get_or_init(Instant::now).elapsed()) + 1000
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Arc, mpsc};
    use std::task::{Context, Wake, Waker};

    use super::*;
    use crate::patience::finishes;

    const LIMIT: Duration = Duration::from_millis(40);

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(test)
    }

    /// Runs `work` in one tick. Returns its real duration, and the duration that the watchdog has measured.
    fn tick(work: impl FnOnce(&Watchdog)) -> (Duration, Duration) {
        let watchdog = Watchdog::default();
        let started = Instant::now();
        let measured = run(watchdog.observe(async {
            work(&watchdog);
            watchdog.tick().expect("a tick is in progress")
        }));
        assert_eq!(watchdog.tick(), None, "the tick has not ended");
        (started.elapsed(), measured)
    }

    #[test]
    fn a_long_tick_is_reported_and_its_end_is_notified() {
        let watchdog = &Watchdog::default();
        let (end, ends) = mpsc::channel();
        std::thread::scope(|scope| {
            let ticking = scope.spawn(move || run(watchdog.observe(async { ends.recv() })));
            run(async move {
                finishes(watchdog.stuck(LIMIT)).await.expect("the tick is reported");
                let tick = watchdog.tick();
                assert!(tick.is_some_and(|tick| tick >= LIMIT), "{tick:?}");
                end.send(()).expect("the tick receives");
                finishes(watchdog.resumed()).await.expect("its end is notified");
            });
            ticking.join().expect("no panic").expect("the test sends");
        });
        assert_eq!(watchdog.tick(), None, "the tick has not ended");
        let stuck = run(async { tokio::time::timeout(LIMIT * 3, watchdog.stuck(LIMIT)).await });
        assert!(stuck.is_err(), "no tick is in progress");
    }

    #[test]
    fn the_start_of_a_tick_is_notified_even_after_its_end() {
        let watchdog = Watchdog::default();
        run(async {
            let mut started = pin!(watchdog.tick_started());
            assert!(futures_util::poll!(&mut started).is_pending(), "no tick has started");
            watchdog.observe(async {}).await;
            finishes(started).await.expect("the start is notified");
            let mut next = pin!(watchdog.tick_started());
            assert!(futures_util::poll!(&mut next).is_pending(), "the next tick has not started");
            let paused = watchdog.pause();
            assert!(futures_util::poll!(&mut next).is_pending());
            drop(paused);
            watchdog.observe(async {}).await;
            finishes(next).await.expect("the next start is notified");
            let during = async { finishes(watchdog.tick_started()).await.expect("in progress") };
            watchdog.observe(during).await;
        });
    }

    #[test]
    fn paused_time_does_not_count() {
        let waited = LIMIT * 4;
        let (lasted, measured) = tick(|watchdog| {
            let _paused = watchdog.pause();
            assert_eq!(watchdog.tick(), None);
            std::thread::sleep(waited);
        });
        assert!(measured + waited <= lasted + ROUNDING, "{measured:?} of {lasted:?}");
    }

    /// The watchdog counts whole milliseconds.
    const ROUNDING: Duration = Duration::from_millis(2);

    #[test]
    fn many_short_pauses_do_not_hide_a_long_tick() {
        const PAUSES: u32 = 20;
        let between = Duration::from_millis(5);
        let (_, measured) = tick(|watchdog| {
            for _ in 0..PAUSES {
                drop(watchdog.pause());
                std::thread::sleep(between);
            }
        });
        assert!(measured >= between.saturating_sub(ROUNDING) * PAUSES, "{measured:?}");
    }

    /// Counts wake-ups of a task.
    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn an_idle_loop_wakes_its_watchdog_only_for_the_next_tick() {
        let (watchdog, count) = (Watchdog::default(), Arc::<Wakes>::default());
        let waker = Waker::from(count.clone());
        run(async {
            let mut stuck = pin!(watchdog.stuck(LIMIT));
            let mut poll = || stuck.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(poll().is_pending(), "no tick is in progress");
            tokio::time::sleep(LIMIT * 3).await;
            assert_eq!(count.0.load(Ordering::SeqCst), 0, "a timer ran");
            watchdog.observe(async {}).await;
            assert_eq!(count.0.load(Ordering::SeqCst), 1, "the start of the tick");
            assert!(poll().is_pending());
            watchdog.observe(async {}).await;
            assert_eq!(count.0.load(Ordering::SeqCst), 1, "one timer observes short ticks");
        });
    }

    #[test]
    fn an_idle_loop_is_not_stuck() {
        let watchdog = Watchdog::default();
        run(async {
            let waits = watchdog.observe(tokio::time::sleep(LIMIT * 4));
            let stuck = watchdog.stuck(LIMIT);
            tokio::select! {
                () = stuck => panic!("stuck"),
                () = waits => {}
            }
        });
    }
}
