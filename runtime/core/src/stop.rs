//! Asking a running backend to end, and the steps that are taken.
//!
//! Every backend goes through the same steps: its stdin ends, then it is asked, then it is made to.
//! Each step has its share of the grace, and the next follows only when the last did not help.

use std::time::Duration;

use tokio::sync::watch;

/// Given to whoever may end a process; cheap to clone.
#[derive(Clone)]
pub(crate) struct Stopper(watch::Sender<Option<Duration>>);

/// The backend's side: resolves when somebody asks.
pub(crate) struct StopRequest(watch::Receiver<Option<Duration>>);

pub(crate) fn stop_channel() -> (Stopper, StopRequest) {
    let (sender, receiver) = watch::channel(None);
    (Stopper(sender), StopRequest(receiver))
}

impl Stopper {
    /// The whole `grace` is for ending without force.
    pub(crate) fn stop(&self, grace: Duration) {
        self.0.send_replace(Some(grace));
    }
}

impl StopRequest {
    /// The grace that was given. A supervisor that is gone asks for the end without any.
    pub(crate) async fn requested(&mut self) -> Duration {
        match self.0.wait_for(Option::is_some).await {
            Ok(grace) => grace.unwrap_or_default(),
            Err(_) => Duration::ZERO,
        }
    }
}
