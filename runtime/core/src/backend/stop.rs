//! Asking a running backend to end, and the steps that are taken.
//!
//! Every backend goes through the same steps: its stdin ends, then it is asked, then it is made to.
//! Each step has its share of the grace, and the next follows only when the last did not help.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// When each step is due.
#[derive(Debug, Clone, Copy)]
struct Steps {
    ask: Instant,
    force: Instant,
}

/// Given to whoever may end a process; cheap to clone.
#[derive(Clone)]
pub(crate) struct Stopper(watch::Sender<Option<Steps>>);

/// The backend's side.
pub(crate) struct StopRequest(watch::Receiver<Option<Steps>>);

pub(crate) fn stop_channel() -> (Stopper, StopRequest) {
    let (sender, receiver) = watch::channel(None);
    (Stopper(sender), StopRequest(receiver))
}

impl Stopper {
    /// The whole `grace` is for ending without force. Asking again can only shorten it.
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
    /// Resolves when somebody wants the end. A supervisor that is gone does.
    pub(crate) async fn requested(&mut self) {
        let _ = self.0.wait_for(Option::is_some).await;
    }

    /// Resolves when the stdin's end has had its time.
    pub(crate) async fn time_to_ask(&mut self) {
        self.due(|steps| steps.ask).await;
    }

    /// Resolves when asking has had its time.
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
    fn asking_again_shortens_the_grace_and_never_lengthens_it() {
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
