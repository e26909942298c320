//! Names and generations: spawn, restart, listing after the exit, removal.

use js_runtime::{
    Backpressure, Error, Event, ExitReason, Record, RestartPolicy, RestartWhen, Runtime,
    SpawnConfig, State, Subscription,
};
use libtest_mimic::Failed;

use crate::support::{Bench, Case, Outcome, Run, cases};

pub(crate) const CASES: &[Case] = cases![
    a_started_script_is_listed_with_its_runtime,
    concurrent_spawns_of_one_name_start_one_process,
    ensure_joins_a_running_process,
    ensure_does_not_join_a_process_that_is_being_killed,
    a_restart_during_output_delivers_no_old_output,
    a_restart_can_change_the_configuration,
    exit_is_the_last_event_of_each_generation_and_is_reported_once,
    an_exited_process_stays_listed_until_it_is_removed,
    errors_of_an_exited_process_contain_its_name,
    a_restart_policy_restarts_up_to_its_limit,
    a_fallback_runs_when_the_first_runtime_fails,
];

async fn a_started_script_is_listed_with_its_runtime(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("idle.mjs", &[])).await?;
    run.until_ready().await?;
    let info = bench.supervisor.status(&run.name)?;
    assert_eq!((info.running, &info.state), (true, &State::Running));
    assert_eq!((info.runtime, info.generation), (Some(bench.runtime), 1));
    assert_eq!(info.pid.is_none(), bench.is_embedded());
    assert!(info.start_ms.is_some_and(|took| took > 0.0));
    assert_eq!(bench.supervisor.list(), [info]);
    run.kill().await
}

async fn concurrent_spawns_of_one_name_start_one_process(bench: &Bench) -> Outcome {
    let name = Bench::name();
    let spawns = (0..8).map(|_| bench.supervisor.spawn(&name, bench.fixture("idle.mjs", &[])));
    let results = futures_util::future::join_all(spawns).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.into_iter().filter_map(Result::err) {
        assert_eq!(error.to_string(), format!("process already exists: {name}"));
    }
    bench.supervisor.kill(&name).await?;
    let all = bench.supervisor.subscribe_with(&name, Backpressure::Wait, true)?;
    let history = history(bench, &name, all).await?;
    let starts = history.iter().filter(|record| record.event == Event::State(State::Starting));
    assert_eq!(starts.count(), 1);
    Ok(())
}

async fn ensure_joins_a_running_process(bench: &Bench) -> Outcome {
    let name = Bench::name();
    let config = || bench.fixture("idle.mjs", &[]);
    let (first, second) = tokio::join!(
        bench.supervisor.ensure(&name, config()),
        bench.supervisor.ensure(&name, config())
    );
    for info in [first?, second?] {
        assert_eq!((info.generation, info.running), (1, true), "{:?}", info.state);
    }
    bench.supervisor.kill(&name).await?;
    assert_eq!(bench.supervisor.ensure(&name, config()).await?.generation, 2);
    Ok(())
}

async fn ensure_does_not_join_a_process_that_is_being_killed(bench: &Bench) -> Outcome {
    let name = Bench::name();
    // This script ignores the end of stdin, so the kill takes a while.
    let config = || bench.fixture("idle.mjs", &["interval"]);
    bench.supervisor.spawn(&name, config()).await?;
    let (killed, ensured) =
        tokio::join!(bench.supervisor.kill(&name), bench.supervisor.ensure(&name, config()));
    killed?;
    let info = ensured?;
    assert_eq!((info.generation, info.running), (2, true), "{:?}", info.state);
    bench.supervisor.kill(&name).await?;
    Ok(())
}

async fn a_restart_during_output_delivers_no_old_output(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("flood.mjs", &[])).await?;
    for generation in 1..=3 {
        // Each generation counts from 0, so a line of an earlier generation fails the comparison.
        for n in 0..2_000 {
            assert_eq!(stdout_of(&mut run, generation).await?, n.to_string());
        }
        if generation < 3 {
            let info = bench.supervisor.restart(&run.name, None).await?;
            assert_eq!(info.generation, generation + 1);
            while !is_exit(&run.next().await?.event) {}
        }
    }
    run.kill().await?;
    run.rest().await?;
    Ok(())
}

async fn stdout_of(run: &mut Run<'_>, generation: u64) -> Result<String, Failed> {
    loop {
        let record = run.next().await?;
        assert_eq!(record.generation, generation, "{record:?}");
        match record.event {
            Event::Stdout(_) => return Ok(record.text().unwrap_or_default().into_owned()),
            Event::State(_) => {}
            other => return Err(format!("unexpected: {other:?}").into()),
        }
    }
}

fn is_exit(event: &Event) -> bool {
    matches!(event, Event::Exit { .. })
}

async fn a_restart_can_change_the_configuration(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("exit.mjs", &["3"])).await?;
    assert_eq!(run.rest().await?.code, Some(3));
    for _ in 0..2 {
        // The first restart passes a configuration, the second reuses it.
        let config = (run.info.generation == 1).then(|| bench.fixture("exit.mjs", &["4"]));
        run.info = bench.supervisor.restart(&run.name, config).await?;
        assert_eq!(run.rest().await?.code, Some(4));
    }
    assert_eq!(run.info.generation, 3);
    Ok(())
}

async fn exit_is_the_last_event_of_each_generation_and_is_reported_once(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("both-streams.mjs", &["50"])).await?;
    // A waiting subscriber prevents eviction from the history.
    let all = bench.supervisor.subscribe_with(&run.name, Backpressure::Wait, true)?;
    run.rest().await?;
    bench.supervisor.restart(&run.name, Some(bench.fixture("flood.mjs", &["both"]))).await?;
    run.line().await?;
    bench.supervisor.restart(&run.name, Some(bench.fixture("busy.mjs", &[]))).await?;
    bench.supervisor.restart(&run.name, Some(bench.fixture("idle.mjs", &[]))).await?;
    run.kill().await?;

    let history = history(bench, &run.name, all).await?;
    for generation in 1..=4 {
        let events: Vec<_> =
            history.iter().filter(|record| record.generation == generation).collect();
        let exits = events.iter().filter(|record| is_exit(&record.event)).count();
        let last = events.last().is_some_and(|record| is_exit(&record.event));
        assert_eq!((exits, last), (1, true), "generation {generation}");
    }
    assert!(history.is_sorted_by_key(|record| (record.generation, record.seq)));
    Ok(())
}

/// Removes an exited process and returns all its events.
async fn history(
    bench: &Bench,
    name: &str,
    mut events: Subscription,
) -> Result<Vec<Record>, Failed> {
    bench.supervisor.remove(name)?;
    let mut history = Vec::new();
    while let Some(record) = events.recv().await {
        history.push(record);
    }
    Ok(history)
}

async fn an_exited_process_stays_listed_until_it_is_removed(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("idle.mjs", &[])).await?;
    run.until_ready().await?;
    let removed = bench.supervisor.remove(&run.name);
    assert!(matches!(removed, Err(Error::StillRunning(name)) if name == run.name));

    run.close()?;
    run.rest().await?;
    let listed = bench.supervisor.list();
    assert_eq!(listed[0].state, State::Exited { reason: ExitReason::Completed, code: Some(0) });
    assert_eq!(bench.supervisor.restart(&run.name, None).await?.generation, 2);
    run.kill().await?;
    run.rest().await?;

    bench.supervisor.remove(&run.name)?;
    assert!(bench.supervisor.list().is_empty());
    assert!(run.next().await.is_err(), "the subscription is still open");
    Ok(())
}

async fn errors_of_an_exited_process_contain_its_name(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("exit.mjs", &["0"])).await?;
    run.rest().await?;
    let name = run.name.as_str();
    let write = bench.supervisor.write_stdin(name, "late\n").await;
    let close = bench.supervisor.close_stdin(name);
    let kill = bench.supervisor.kill(name).await;
    for result in [write, close, kill] {
        let error = result.expect_err("the process has exited");
        assert_eq!(error.to_string(), format!("process not running: {name}"));
        assert_eq!((error.kind(), error.name()), ("notRunning", Some(name)));
    }
    Ok(())
}

async fn a_restart_policy_restarts_up_to_its_limit(bench: &Bench) -> Outcome {
    let policy = RestartPolicy {
        when: RestartWhen::OnFailure,
        max_retries: 2,
        backoff_ms: 1,
        ..RestartPolicy::default()
    };
    let config = SpawnConfig { restart: Some(policy), ..bench.fixture("exit.mjs", &["3"]) };
    let mut run = bench.start(config).await?;
    for _ in 0..3 {
        assert_eq!(run.rest().await?.code, Some(3));
    }
    let info = bench.supervisor.status(&run.name)?;
    assert_eq!((info.generation, info.restarts), (3, 2));
    assert!(info.state.is_exited());
    Ok(())
}

async fn a_fallback_runs_when_the_first_runtime_fails(bench: &Bench) -> Outcome {
    let first = if bench.runtime == Runtime::Node { Runtime::Bun } else { Runtime::Node };
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("runtime");
    std::fs::copy("/bin/true", &program)?;
    bench.supervisor.set_runtime_path(first, Some(program.clone()))?;
    std::fs::remove_file(program)?;

    let config =
        |fallback| SpawnConfig { runtime: Some(first), fallback, ..bench.fixture("idle.mjs", &[]) };
    let alone = bench.supervisor.spawn(&Bench::name(), config(vec![])).await;
    let error = alone.expect_err("the program was removed").to_string();
    assert!(error.contains(first.as_str()) && error.contains("runtime"), "{error}");

    let run = bench.start(config(vec![bench.runtime])).await?;
    assert_eq!(run.info.runtime, Some(bench.runtime));
    run.kill().await
}
