//! Signals to this program, which are the script's.

use std::sync::{Arc, OnceLock};

use js_runtime::Supervisor;

use crate::run::NAME;

/// Hands each signal on as itself. While the script is not there yet, one ends the start; its number is
/// `heard` before that.
#[cfg(unix)]
pub(crate) fn hand_on(
    supervisor: Arc<Supervisor>,
    heard: Arc<OnceLock<i32>>,
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
    // Heard from here on: a signal during the start must not leave anything behind either. One without a
    // handler keeps its default effect, which ends the program too.
    let listened = ENDING.into_iter().chain(OTHERS);
    let mut listened: Vec<(SignalKind, Signal)> =
        listened.filter_map(|kind| Some((kind, signal(kind).ok()?))).collect();
    async move {
        loop {
            let kind = std::future::poll_fn(|context| {
                let mut came = listened.iter_mut().filter_map(|(kind, signal)| {
                    signal.poll_recv(context).is_ready().then_some(*kind)
                });
                came.next().map_or(std::task::Poll::Pending, std::task::Poll::Ready)
            })
            .await;
            let number = kind.as_raw_value();
            let is_there = supervisor.signal(NAME, number).is_ok();
            if !is_there && ENDING.contains(&kind) {
                // Only this module sets it.
                let _ = heard.set(number);
                // It may have ended by itself a moment ago.
                let _ = supervisor.kill(NAME).await;
            }
        }
    }
}

/// Ends the script when the program is interrupted: there is nothing else that it could be told.
#[cfg(not(unix))]
pub(crate) async fn hand_on(supervisor: Arc<Supervisor>, heard: Arc<OnceLock<i32>>) {
    const INTERRUPT: i32 = 2;
    if tokio::signal::ctrl_c().await.is_ok() {
        // Only this module sets it.
        let _ = heard.set(INTERRUPT);
        // It may have ended by itself a moment ago.
        let _ = supervisor.kill(NAME).await;
    }
}
