//! Forwards signals of this program to the script.

use std::sync::{Arc, OnceLock};

use js_runtime::Supervisor;

use crate::run::NAME;

/// Forwards each signal unchanged. A signal before the script runs ends the start; then its number is stored in
/// `received`.
#[cfg(unix)]
pub(crate) fn forward(
    supervisor: Arc<Supervisor>,
    received: Arc<OnceLock<i32>>,
) -> impl Future<Output = ()> + Send {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    const ENDING: [SignalKind; 4] = [
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::quit(),
        SignalKind::terminate(),
    ];
    const OTHERS: [SignalKind; 3] =
        [SignalKind::user_defined1(), SignalKind::user_defined2(), SignalKind::window_change()];
    // Registered before the start: a signal during the start must not leave a process behind. If a handler cannot be
    // registered, the signal keeps its default action.
    let signals = ENDING.into_iter().chain(OTHERS);
    let mut signals: Vec<(SignalKind, Signal)> =
        signals.filter_map(|kind| Some((kind, signal(kind).ok()?))).collect();
    async move {
        loop {
            let kind = std::future::poll_fn(|context| {
                let mut arrived = signals.iter_mut().filter_map(|(kind, signal)| {
                    signal.poll_recv(context).is_ready().then_some(*kind)
                });
                arrived.next().map_or(std::task::Poll::Pending, std::task::Poll::Ready)
            })
            .await;
            let number = kind.as_raw_value();
            let is_delivered = supervisor.signal(NAME, number).is_ok();
            if !is_delivered && ENDING.contains(&kind) {
                // A second signal keeps the number of the first.
                let _ = received.set(number);
                // Fails if the process has just ended.
                let _ = supervisor.kill(NAME).await;
            }
        }
    }
}

/// Ends the script when the program is interrupted: other systems have no signals to forward.
#[cfg(not(unix))]
pub(crate) async fn forward(supervisor: Arc<Supervisor>, received: Arc<OnceLock<i32>>) {
    const INTERRUPT: i32 = 2;
    if tokio::signal::ctrl_c().await.is_ok() {
        // Set only here.
        let _ = received.set(INTERRUPT);
        // Fails if the process has just ended.
        let _ = supervisor.kill(NAME).await;
    }
}
