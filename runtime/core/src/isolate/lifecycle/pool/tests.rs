//! A start whose isolate does not become ready.

use std::sync::mpsc;

use super::*;
use crate::backend::bundled::Bundled;
use crate::backend::start::Host;
use crate::child::detect::Detector;
use crate::error::Error;
use crate::generation::plan::{EngineLimits, Plan};
use crate::isolate::lifecycle::exit;
use crate::patience::finishes;
use crate::supervisor::actor::Actor;
use crate::supervisor::changes::ChangeNotifier;
use crate::supervisor::handle::{ActorMessage, ProcessHandle, StartRequest};
use crate::wire::{ExitReason, Limits, Runtime, SpawnConfig, State};

/// A warm isolate that does not start its process; `received` reports that it got the message.
fn blocked_isolate(memory: MemoryLimits, received: mpsc::Sender<()>) -> WarmIsolate {
    let shared = SharedState::new(memory);
    let (start, message) = oneshot::channel::<StartMessage>();
    let (guard, gone) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let _guard = guard;
        let StartMessage { process, ready, report } = message.blocking_recv().expect("a message");
        received.send(()).expect("the test waits");
        while !process.control.is_end_requested() {
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(ready);
        report.send(exit::killed()).expect("it is monitored");
    });
    let (_, is_ready) = watch::channel(true);
    WarmIsolate { shared, start, thread, ready: is_ready, gone }
}

#[test]
fn a_kill_ends_a_start_that_does_not_become_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("script.mjs");
    std::fs::write(&script, "").expect("written");
    // Longer than the test waits.
    let limits = Limits { start_timeout_ms: Some(3_600_000), ..Limits::default() };
    let script = SpawnConfig::script(Runtime::Embedded, script.to_str().expect("UTF-8"));
    let plan = Plan::new(SpawnConfig { limits: Some(limits), ..script }).expect("a plan");
    let (sender, received) = mpsc::channel();
    let pool = Pool::new(Some(1));
    let memory = EngineLimits::new(plan.config.limits).memory;
    assert!(pool.add(blocked_isolate(memory, sender)).is_none());
    let (detector, bundled) = (Detector::new(), Bundled::new([].into(), None));
    let (spawner, guardian) = (Arc::default(), crate::child::guardian::GuardianHandle::new());
    let host = Arc::new(Host { detector, bundled, spawner, _guardian: guardian, pool });
    let (process, mailbox) = ProcessHandle::new("p", 0, ChangeNotifier::new(), true);
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
        let received = tokio::task::spawn_blocking(move || received.recv()).await;
        received.expect("no panic").expect("the isolate got the message");
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
