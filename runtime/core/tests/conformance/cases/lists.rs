//! The list of processes: its length, times, configurations and change notifications.

use std::time::{SystemTime, UNIX_EPOCH};

use js_runtime::{Changes, Error, ProcessInfo, State, Supervisor};

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    every_change_of_the_list_is_notified,
    a_full_list_takes_no_further_live_process,
    exited_processes_do_not_count_and_the_oldest_is_removed,
    the_last_configuration_is_known_after_the_end,
    the_start_time_belongs_to_the_generation,
];

/// Waits for change notifications until the list has these states. Fails by time-out without a notification.
async fn until(
    supervisor: &Supervisor,
    changes: &mut Changes,
    looks: impl Fn(&[ProcessInfo]) -> bool,
) {
    while !looks(&supervisor.list()) {
        assert!(changes.changed().await, "it is over: {:?}", supervisor.list());
    }
}

async fn every_change_of_the_list_is_notified(bench: &Bench) -> Outcome {
    let supervisor = &bench.supervisor;
    let mut changes = supervisor.changes();
    let name = Bench::name();
    let spawn = supervisor.spawn(&name, bench.fixture("idle.mjs", &[]));
    let runs = until(supervisor, &mut changes, |list| list.iter().any(|info| info.running));
    let (spawned, ()) = tokio::join!(spawn, runs);
    spawned?;
    supervisor.close_stdin(&name)?;
    until(supervisor, &mut changes, |list| list[0].state.is_exited()).await;
    supervisor.remove(&name)?;
    until(supervisor, &mut changes, <[_]>::is_empty).await;

    // The stream of changes ends with the supervisor.
    let rest = async { while changes.changed().await {} };
    tokio::join!(rest, supervisor.shutdown());
    Ok(())
}

async fn a_full_list_takes_no_further_live_process(bench: &Bench) -> Outcome {
    let supervisor = Supervisor::builder().max_processes(1).build()?;
    let config = || bench.fixture("idle.mjs", &[]);
    let (first, second) = (Bench::name(), Bench::name());
    supervisor.spawn(&first, config()).await?;
    for refused in
        [supervisor.spawn(&second, config()).await, supervisor.ensure(&second, config()).await]
    {
        let error = refused.expect_err("one is live");
        assert!(matches!(error, Error::TooMany { limit: 1 }), "{error}");
        assert_eq!((error.kind(), error.name()), ("tooMany", None));
        assert!(error.to_string().contains("1 are live"), "{error}");
    }
    assert_eq!(supervisor.ensure(&first, config()).await?.generation, 1);
    assert_eq!(supervisor.restart(&first, None).await?.generation, 2);
    Ok(())
}

async fn exited_processes_do_not_count_and_the_oldest_is_removed(bench: &Bench) -> Outcome {
    let supervisor = Supervisor::builder().max_processes(2).build()?;
    let config = || bench.fixture("idle.mjs", &[]);
    let names: Vec<_> = (0..4).map(|_| Bench::name()).collect();
    // The second process exits before the first.
    supervisor.spawn(&names[0], config()).await?;
    for name in &names[1..] {
        supervisor.spawn(name, config()).await?;
        supervisor.kill(name).await?;
    }
    supervisor.kill(&names[0]).await?;
    let listed = || supervisor.list().into_iter().map(|info| info.name).collect::<Vec<_>>();
    let mut expected = vec![names[0].clone(), names[2].clone(), names[3].clone()];
    expected.sort();
    assert_eq!(listed(), expected, "the second exited first, and made room for the fourth");

    // A restarted process counts again.
    let live = Bench::name();
    supervisor.spawn(&live, config()).await?;
    assert!(supervisor.list().len() <= 3, "{:?}", listed());
    supervisor.restart(&names[0], None).await?;
    supervisor.kill(&live).await?;
    supervisor.spawn(&names[3], config()).await?;
    let refused = supervisor.restart(&live, None).await.expect_err("two others are live");
    assert!(matches!(refused, Error::TooMany { limit: 2 }), "{refused}");
    let refused = supervisor.spawn(&live, config()).await.expect_err("two others are live");
    assert!(matches!(refused, Error::TooMany { limit: 2 }), "{refused}");
    Ok(())
}

async fn the_last_configuration_is_known_after_the_end(bench: &Bench) -> Outcome {
    let first = bench.fixture("exit.mjs", &["0"]);
    let mut run = bench.start(first.clone()).await?;
    assert_eq!(bench.supervisor.config(&run.name)?, first);
    run.rest().await?;
    assert_eq!(bench.supervisor.config(&run.name)?, first);
    let second = bench.fixture("exit.mjs", &["3"]);
    bench.supervisor.restart(&run.name, Some(second.clone())).await?;
    assert_eq!(bench.supervisor.config(&run.name)?, second);
    run.rest().await?;
    let unknown = bench.supervisor.config("nobody");
    assert!(matches!(unknown, Err(Error::NotFound(name)) if name == "nobody"));
    Ok(())
}

async fn the_start_time_belongs_to_the_generation(bench: &Bench) -> Outcome {
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or_default()
    };
    let before = now();
    let mut run = bench.start(bench.fixture("exit.mjs", &["0"])).await?;
    run.rest().await?;
    let exited = bench.supervisor.status(&run.name)?;
    let started = exited.started_at.ok_or("it has run")?;
    assert!((before..=now()).contains(&started), "{started} is not after {before}");

    let missing = bench.fixture("no-such-script.mjs", &[]);
    let failed = bench.supervisor.restart(&run.name, Some(missing)).await;
    assert!(failed.is_err());
    let info = bench.supervisor.status(&run.name)?;
    assert!(matches!(info.state, State::Exited { .. }));
    assert_eq!(serde_json::to_value(&info)?["startedAt"], serde_json::Value::Null);
    Ok(())
}
