//! Tests of the supervisor and its actors with real processes and private methods.

mod concurrent_calls;
#[cfg(all(feature = "embedded", target_os = "linux"))]
mod idle;

use super::*;
use crate::io::event::{Event, Record};
use crate::patience::finishes;
use crate::wire::{ExitReason, RestartPolicy, RestartWhen, State};

/// Runs a test with a timeout.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let executor =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    executor.expect("an executor").block_on(finishes(future)).expect("the test finishes in time")
}

/// All records until the process is removed.
async fn all_records(mut subscription: Subscription) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some(record) = subscription.recv().await {
        records.push(record);
    }
    records
}

fn exits(records: &[Record]) -> Vec<(u64, ExitReason)> {
    let exits = records.iter().filter_map(|record| match &record.event {
        Event::Exit { reason, .. } => Some((record.generation, reason.clone())),
        _ => None,
    });
    exits.collect()
}

/// A process that fails at once and restarts after `backoff_ms`.
fn failing_process(backoff_ms: u32) -> SpawnConfig {
    let when = RestartWhen::OnFailure;
    let restart = RestartPolicy { when, max_retries: 9, backoff_ms, reset_after_ms: 60_000 };
    let args = ["-c", "exit 3"].map(str::to_owned).into();
    SpawnConfig { restart: Some(restart), args, ..SpawnConfig::command("sh") }
}

#[test]
fn spinning_is_a_setting_of_the_supervisor() {
    for (builder, expected) in [
        (Supervisor::builder(), true),
        (Supervisor::builder().spin(true), true),
        (Supervisor::builder().spin(false), false),
    ] {
        let supervisor = builder.build().expect("a supervisor");
        block_on(async {
            let cat = SpawnConfig::command("cat");
            let spawned = supervisor.spawn_subscribed("p", cat, Backpressure::Drop).await;
            let (_, subscription) = spawned.expect("every Unix has it");
            assert_eq!(subscription.spins(), expected);
        });
    }
}

#[test]
fn a_name_whose_actor_panicked_reports_one_exit_and_can_be_started_again() {
    let supervisor = Supervisor::new().expect("a supervisor");
    block_on(async {
        let reserved = supervisor.names().as_mut().expect("no shutdown").reserve("p");
        let Reserved { process, mailbox } = reserved.expect("the name is free");
        let mailbox = mailbox.expect("a new name has no actor");
        let actor = Actor::new(process.clone(), supervisor.host.clone(), mailbox);
        let (panic, panics) = tokio::sync::oneshot::channel::<()>();
        supervisor.runtime_thread.spawn(async move {
            tokio::select! {
                () = actor.run() => {}
                () = async {
                    let _ = panics.await;
                    panic!("this panic is part of the test");
                } => {}
            }
        });
        let plan = Plan::new(SpawnConfig::command("cat")).expect("a plan");
        let first = Supervisor::send_start(&process, plan, false).await.expect("started");
        let subscription = process.subscribe(Backpressure::Wait, true);
        let stdin = process.stdin(None).expect("it runs");
        panic.send(()).expect("the actor lives");

        let records = all_records(subscription).await;
        assert_eq!(exits(&records), [(1, panicked())]);
        assert!(matches!(stdin.write("x").await, Err(Error::NotRunning(_))));
        let config = SpawnConfig::command("cat");
        let second = supervisor.ensure("p", config).await.expect("started again");
        assert_eq!((first.generation, second.generation), (1, 2));
        assert_eq!(second.state, State::Running);
        supervisor.shutdown().await;
    });
}

fn panicked() -> ExitReason {
    ExitReason::Error { message: "the engine lost the process".to_owned(), stack: None }
}

#[test]
fn ensure_waits_for_the_next_start_while_a_restart_waits() {
    let supervisor = Supervisor::new().expect("a supervisor");
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let flag = folder.path().join("once");
        // Fails the first time, and runs the second time.
        let script = "test -e \"$0\" && exec cat; : > \"$0\"; exit 3";
        let flag = flag.to_str().expect("UTF-8").to_owned();
        let args = vec!["-c".to_owned(), script.to_owned(), flag];
        let config = SpawnConfig { args, ..failing_process(300) };
        let spawned = supervisor.spawn_subscribed("p", config.clone(), Backpressure::Wait).await;
        let (_, mut events) = spawned.expect("spawned");
        while !matches!(events.recv().await.expect("an event").event, Event::Exit { .. }) {}
        let ensured = supervisor.ensure("p", config).await.expect("ensured");
        assert_eq!((ensured.generation, ensured.state), (2, State::Running));
        supervisor.shutdown().await;
    });
}

#[test]
fn ensure_starts_the_process_if_the_restart_that_it_waits_for_is_cancelled() {
    let supervisor = Supervisor::new().expect("a supervisor");
    block_on(async {
        let spawned =
            supervisor.spawn_subscribed("p", failing_process(600_000), Backpressure::Wait).await;
        let (_, mut events) = spawned.expect("spawned");
        while !matches!(events.recv().await.expect("an event").event, Event::Exit { .. }) {}
        let config = SpawnConfig::command("cat");
        let (ensured, killed) =
            tokio::join!(biased; supervisor.ensure_started("p", config), supervisor.kill("p"));
        killed.expect("the restart was cancelled");
        let (ensured, is_started) = ensured.expect("started");
        assert!(is_started, "by this call");
        let again = supervisor.ensure_started("p", SpawnConfig::command("cat")).await;
        assert!(!again.expect("it runs").1, "by the previous call");
        assert_eq!((ensured.generation, ensured.state), (2, State::Running));
        supervisor.shutdown().await;
    });
}

#[test]
fn a_write_is_for_its_generation_and_never_reaches_another() {
    let supervisor = Supervisor::new().expect("a supervisor");
    block_on(async {
        let cat = || SpawnConfig::command("cat");
        supervisor.spawn("p", cat()).await.expect("spawned");
        let first = supervisor.stdin("p", None).expect("it runs");
        assert_eq!(first.generation(), 1);
        supervisor.restart("p", None).await.expect("restarted");
        for stale in [first.write("old\n").await.err(), first.try_write("old\n").err()] {
            assert!(matches!(stale, Some(Error::NotRunning(_))), "{stale:?}");
        }
        for other in [1, 3] {
            let refused = supervisor.stdin("p", Some(other)).err().expect("refused");
            assert_eq!((refused.kind(), refused.generation()), ("exited", Some(other)));
        }
        let mut events = supervisor.subscribe("p").expect("listed");
        let second = supervisor.stdin("p", Some(2)).expect("the current generation");
        second.write("new\n").await.expect("written");
        second.close();
        let mut lines = Vec::new();
        loop {
            let record = events.recv().await.expect("an event");
            match record.event {
                Event::Stdout(line) => lines.push(line),
                Event::Exit { .. } if record.generation == 2 => break,
                _ => {}
            }
        }
        assert_eq!(lines, ["new"]);
        assert!(matches!(supervisor.stdin("p", Some(2)), Err(Error::NotRunning(_))));
        supervisor.shutdown().await;
    });
}

#[test]
fn a_process_that_is_killed_while_it_starts_never_runs() {
    let supervisor = Supervisor::new().expect("a supervisor");
    block_on(async {
        // The delays let some kills arrive while the system starts the program.
        for wait in 0..60 {
            let process = supervisor.reserve("p").expect("the name is free");
            let subscription = process.subscribe(Backpressure::Wait, false);
            let plan = Plan::new(SpawnConfig::command("cat")).expect("a plan");
            let start = Supervisor::send_start(&process, plan, false);
            let kill = async {
                tokio::time::sleep(Duration::from_micros(50 * wait)).await;
                supervisor.kill("p").await
            };
            let (started, killed) = tokio::join!(biased; start, kill);
            killed.expect("it is live");
            supervisor.remove("p").expect("it has exited");
            let states = all_records(subscription).await.into_iter().filter_map(|record| {
                match record.event {
                    Event::State(state) => Some(state),
                    _ => None,
                }
            });
            let states: Vec<_> = states.collect();
            let expected = if started.is_ok() {
                vec![State::Starting, State::Running, State::Stopping]
            } else {
                vec![State::Starting, State::Stopping]
            };
            assert_eq!(states, expected);
        }
        supervisor.shutdown().await;
    });
}
