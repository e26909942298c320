//! Callbacks of Rust that block, and that own the supervisor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use js_runtime::Supervisor;
use js_runtime::rpc::{Callback, Error};
use libtest_mimic::Failed;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::rpc_rust::connect;
use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    a_blocked_callback_stops_its_backend_until_it_returns,
    a_blocked_callback_does_not_delay_a_kill,
    a_callback_may_own_the_supervisor,
];

/// A callback whose first call blocks until the test sends on the returned channel, with the number of its calls.
struct BlockedCallback {
    callback: Callback<String>,
    has_entered: oneshot::Receiver<()>,
    unblock: std::sync::mpsc::Sender<()>,
    calls: Arc<AtomicUsize>,
}

impl BlockedCallback {
    fn new() -> Self {
        let (entered, has_entered) = oneshot::channel();
        let (unblock, blocked) = std::sync::mpsc::channel();
        let (entered, blocked) = (Mutex::new(Some(entered)), Mutex::new(blocked));
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = calls.clone();
        let callback = Callback::new(move |_: String| {
            counter.fetch_add(1, Ordering::Relaxed);
            if let Some(entered) = entered.lock().take() {
                entered.send(()).expect("the test waits");
                // Fails if the test is over.
                let _ = blocked.lock().recv();
            }
        });
        Self { callback, has_entered, unblock, calls }
    }
}

async fn a_blocked_callback_stops_its_backend_until_it_returns(bench: &Bench) -> Outcome {
    // More than the queue takes.
    const TEXTS: usize = 10_000;
    let (_, backend) = connect(bench).await?;
    let (_, other) = connect(bench).await?;
    let BlockedCallback { callback, has_entered, unblock, calls } = BlockedCallback::new();
    let flood = backend.call::<usize>("flood", (TEXTS, callback)).into_future();
    let meanwhile = async {
        has_entered.await?;
        // Answers of others pass beside the blocked thread.
        assert_eq!(other.call::<u32>("add", (1, 1)).await?, 2);
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        unblock.send(())?;
        Ok::<_, Failed>(())
    };
    let (answer, done) = futures_util::future::join(flood, meanwhile).await;
    done?;
    assert_eq!(answer?, TEXTS);
    assert_eq!(calls.load(Ordering::Relaxed), TEXTS);
    Ok(())
}

async fn a_blocked_callback_does_not_delay_a_kill(bench: &Bench) -> Outcome {
    let (name, backend) = connect(bench).await?;
    let BlockedCallback { callback, has_entered, unblock, calls } = BlockedCallback::new();
    let flood = backend.call::<usize>("flood", (u32::MAX, callback)).into_future();
    let meanwhile = async {
        has_entered.await?;
        bench.supervisor.kill(&name).await?;
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        drop(unblock);
        Ok::<_, Failed>(())
    };
    let (answer, done) = futures_util::future::join(flood, meanwhile).await;
    done?;
    let error = answer.expect_err("the backend was killed");
    assert!(matches!(error, Error::Exited { .. }), "{error:?}");
    Ok(())
}

async fn a_callback_may_own_the_supervisor(bench: &Bench) -> Outcome {
    let supervisor = Arc::new(Supervisor::builder().warm_isolates(0).build()?);
    supervisor.spawn("fixture", bench.rpc_backend()).await?;
    let backend = supervisor.connect("fixture")?;
    let (sender, dropped) = oneshot::channel();
    let owned = Mutex::new(Some((supervisor, sender)));
    let drops = Callback::new(move |_: u32| {
        if let Some((supervisor, sender)) = owned.lock().take() {
            drop(supervisor);
            sender.send(()).expect("the test waits");
        }
    });
    // The process ends during the call, which may have been answered before.
    let _ = backend.call::<u32>("count", (1, drops)).await;
    dropped.await?;
    assert!(backend.call::<()>("nothing", ()).await.is_err());
    Ok(())
}
