//! What happens to a start whose isolate does not get ready.

use std::sync::mpsc;

use super::*;
use crate::backend::bundled::Bundled;
use crate::backend::plan::Plan;
use crate::backend::start::Host;
use crate::child::detect::Detector;
use crate::error::Error;
use crate::isolate::lifecycle::exit;
use crate::patience::finishes;
use crate::supervisor::actor::Actor;
use crate::supervisor::changes::ChangeNotifier;
use crate::supervisor::handle::{ActorMessage, ProcessHandle, StartRequest};
use crate::wire::{ExitReason, Limits, Runtime, SpawnConfig, State};

/// A thread that is told what to run and gets no further until it is to end.
fn hangs(memory: MemoryLimits, told: mpsc::Sender<()>) -> WarmIsolate {
    let commons = SharedState::new(memory);
    let (order, ordered) = oneshot::channel::<IsolateStart>();
    let (going, gone) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let _going = going;
        let IsolateStart { program, ready, report, .. } =
            ordered.blocking_recv().expect("an order");
        told.send(()).expect("the test waits");
        while !program.control.is_asked() {
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(ready);
        report.send(exit::killed()).expect("it is watched over");
    });
    let (_, prepared) = watch::channel(true);
    WarmIsolate { commons, order, thread, prepared, gone }
}

#[test]
fn a_kill_ends_a_start_that_does_not_get_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("script.mjs");
    std::fs::write(&script, "").expect("written");
    // Longer than the test waits.
    let limits = Limits { start_timeout_ms: Some(3_600_000), ..Limits::default() };
    let script = SpawnConfig::script(Runtime::Embedded, script.to_str().expect("UTF-8"));
    let plan = Plan::new(SpawnConfig { limits: Some(limits), ..script }).expect("a plan");
    let (sender, told) = mpsc::channel();
    let pool = Pool::new(Some(1));
    assert!(pool.add(hangs(Plan::engine(&plan.config).memory, sender)).is_none());
    let (detector, bundled) = (Detector::new(), Bundled::new([].into(), None));
    let (spawner, guardian) = (Arc::default(), crate::child::guardian::GuardianHandle::new());
    let host = Arc::new(Host { detector, bundled, spawner, _guardian: guardian, pool });
    let (process, mailbox) = ProcessHandle::new("p", 0, ChangeNotifier::new());
    process.reserve();
    let actor = Actor::new(process.clone(), host, mailbox);
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let test = async {
        let running = tokio::spawn(actor.run());
        let starts = process.clone();
        let start = tokio::spawn(async move {
            let start = |reply| StartRequest { plan, replace: false, reply };
            starts.request(|reply| ActorMessage::Start(Box::new(start(reply)))).await
        });
        tokio::task::spawn_blocking(move || told.recv()).await.expect("no panic").expect("told");
        assert_eq!(process.info().state, State::Starting);
        process.request(ActorMessage::Kill).await.expect("killed");
        let reason = ExitReason::Killed { signal: None };
        assert_eq!(process.info().state, State::Exited { reason, code: None });
        let started = start.await.expect("no panic");
        assert!(matches!(started, Err(Error::StartFailed { .. })), "{started:?}");
        process.send(ActorMessage::Remove).expect("the actor lives");
        running.await.expect("no panic");
    };
    executor.expect("an executor").block_on(finishes(test)).expect("it hangs");
}
