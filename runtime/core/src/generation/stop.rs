//! The steps that stop a backend.
//!
//! Every backend goes through the same steps: its stdin ends, then it gets a request to exit (SIGTERM), then it is
//! killed. The request follows after half of the grace period, the kill at its end.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// When each step is due.
#[derive(Debug, Clone, Copy)]
struct Steps {
    ask: Instant,
    force: Instant,
}

/// Stops one backend; cheap to clone.
#[derive(Clone)]
pub(crate) struct Stopper(watch::Sender<Option<Steps>>);

/// The backend's end of a [`Stopper`].
pub(crate) struct StopRequest(watch::Receiver<Option<Steps>>);

pub(crate) fn stop_channel() -> (Stopper, StopRequest) {
    let (sender, receiver) = watch::channel(None);
    (Stopper(sender), StopRequest(receiver))
}

impl Stopper {
    /// Stops the backend; after `grace` by force. A second call can only shorten the grace.
    pub(crate) fn stop(&self, grace: Duration) {
        let now = Instant::now();
        let asked = Steps { ask: now + grace / 2, force: now + grace };
        self.0.send_modify(|steps| {
            *steps = Some(steps.map_or(asked, |steps| Steps {
                ask: steps.ask.min(asked.ask),
                force: steps.force.min(asked.force),
            }));
        });
    }
}

impl StopRequest {
    /// Resolves when the backend is to stop, also when all stoppers are dropped.
    pub(crate) async fn requested(&mut self) {
        let _ = self.0.wait_for(Option::is_some).await;
    }

    /// Resolves when it is time for the request to exit.
    pub(crate) async fn time_to_ask(&mut self) {
        self.due(|steps| steps.ask).await;
    }

    /// Resolves when it is time for the kill.
    pub(crate) async fn time_to_force(&mut self) {
        self.due(|steps| steps.force).await;
    }

    async fn due(&mut self, step: impl Fn(Steps) -> Instant) {
        loop {
            let Some(at) = self.0.borrow_and_update().map(&step) else { return };
            tokio::select! {
                () = sleep_until(at) => return,
                changed = self.0.changed() => if changed.is_err() { return },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_stop_shortens_the_grace_and_never_lengthens_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let (stopper, mut request) = stop_channel();
            let started = Instant::now();
            stopper.stop(Duration::from_mins(10));
            let second = stopper.clone();
            let waits = async { request.time_to_force().await };
            let asks = async {
                second.stop(Duration::from_millis(1));
                second.stop(Duration::from_mins(10));
            };
            tokio::join!(waits, asks);
            assert!(started.elapsed() < Duration::from_mins(5));
        });
    }
}
