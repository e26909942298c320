//! A kill ends a process in any state and leaves nothing of it behind.

use std::future::Future;
use std::time::Duration;

use js_runtime::{Error, ExitReason, Limits, Permissions, SpawnConfig, State, Supervisor};
use libtest_mimic::Failed;

use crate::own::threads;
use crate::patience::eventually;
use crate::support::{Bench, Case, Outcome, Run, cases};
use crate::system::is_alive;

pub(crate) const CASES: &[Case] = cases![
    a_kill_ends_an_idle_script,
    a_kill_ends_a_script_that_ignores_its_stdin,
    a_kill_ends_an_endless_loop,
    a_kill_ends_endless_awaits,
    a_kill_ends_endless_microtasks,
    a_kill_ends_an_endless_regular_expression,
    a_kill_ends_a_flood_of_stdout,
    a_kill_ends_a_flood_of_both_streams_that_nobody_reads,
    a_kill_during_the_start_ends_the_process,
    a_kill_amid_modules_of_the_runtimes_own_is_a_kill_like_any,
    a_kill_right_before_an_import_is_a_kill_like_any,
    kills_at_the_same_time_all_succeed,
    a_kill_leaves_no_grandchild,
    a_kill_leaves_no_grandchild_of_a_grandchild,
    a_kill_ends_a_script_that_waits_for_a_program,
    an_exit_leaves_no_grandchild,
    a_script_that_stops_reading_blocks_no_other_process,
    a_kill_of_all_ends_all,
    a_shutdown_notifies_subscribers_and_ends_the_supervisor,
    dropping_the_supervisor_leaves_nothing,
];

async fn a_kill_ends_an_idle_script(bench: &Bench) -> Outcome {
    killed_once_ready(bench, bench.fixture("idle.mjs", &[])).await
}

async fn a_kill_ends_a_script_that_ignores_its_stdin(bench: &Bench) -> Outcome {
    killed_once_ready(bench, bench.fixture("idle.mjs", &["interval"])).await
}

async fn a_kill_ends_an_endless_loop(bench: &Bench) -> Outcome {
    killed_once_ready(bench, bench.fixture("busy.mjs", &["loop"])).await
}

async fn a_kill_ends_endless_awaits(bench: &Bench) -> Outcome {
    killed_once_ready(bench, bench.fixture("busy.mjs", &["tla"])).await
}

async fn a_kill_ends_endless_microtasks(bench: &Bench) -> Outcome {
    killed_once_ready(bench, bench.fixture("busy.mjs", &["microtask"])).await
}

async fn a_kill_ends_an_endless_regular_expression(bench: &Bench) -> Outcome {
    killed_once_ready(bench, bench.fixture("busy.mjs", &["regex"])).await
}

async fn a_kill_amid_modules_of_the_runtimes_own_is_a_kill_like_any(bench: &Bench) -> Outcome {
    killed_at_many_moments(bench, "load-builtins.mjs").await
}

async fn a_kill_right_before_an_import_is_a_kill_like_any(bench: &Bench) -> Outcome {
    killed_at_many_moments(bench, "import-builtins.mjs").await
}

/// Each process is killed a little later than the one before.
async fn killed_at_many_moments(bench: &Bench, script: &str) -> Outcome {
    const STEP: Duration = Duration::from_millis(3);
    for step in 0..20 {
        let limits = Some(Limits { kill_grace_ms: Some(0), ..Limits::default() });
        let config = SpawnConfig { limits, ..bench.fixture(script, &[]) };
        let mut run = bench.start(config).await?;
        run.until_ready().await?;
        tokio::time::sleep(STEP * step).await;
        killed(bench, run).await?;
    }
    Ok(())
}

async fn killed_once_ready(bench: &Bench, config: SpawnConfig) -> Outcome {
    let mut run = bench.start(config).await?;
    run.until_ready().await?;
    killed(bench, run).await
}

/// Kills the process, and checks that it has ended when the kill returns.
async fn killed(bench: &Bench, run: Run<'_>) -> Outcome {
    run.kill().await?;
    let (pid, name) = (run.info.pid, run.name.clone());
    let info = bench.supervisor.status(&name)?;
    assert!(
        matches!(info.state, State::Exited { reason: ExitReason::Killed { signal: None }, .. }),
        "{:?}",
        info.state
    );
    assert_eq!((info.running, info.pid), (false, None));
    assert_eq!(run.end().await?.reason, Some(ExitReason::Killed { signal: None }));
    gone(pid, &name);
    Ok(())
}

fn gone(pid: Option<u32>, name: &str) {
    assert!(pid.is_none_or(|pid| !is_alive(pid)), "process {pid:?} of '{name}' is left");
    let thread = format!("js:{name}");
    assert!(eventually(|| !threads().contains(&thread)), "the thread '{thread}' is left");
}

async fn a_kill_ends_a_flood_of_stdout(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("flood.mjs", &[])).await?;
    for n in 0..10_000 {
        assert_eq!(run.text().await?, n.to_string());
    }
    killed(bench, run).await
}

async fn a_kill_ends_a_flood_of_both_streams_that_nobody_reads(bench: &Bench) -> Outcome {
    let limits = Some(Limits { stdout_buffer_mb: Some(1), ..Limits::default() });
    let config = SpawnConfig { limits, ..bench.fixture("flood.mjs", &["both"]) };
    let mut run = bench.start(config).await?;
    // Without a read the history fills, and then the script waits for this subscriber.
    run.line().await?;
    killed(bench, run).await
}

async fn a_kill_during_the_start_ends_the_process(bench: &Bench) -> Outcome {
    for _ in 0..5 {
        let name = Bench::name();
        let spawn = bench.supervisor.spawn(&name, bench.fixture("idle.mjs", &[]));
        let (spawned, killed) = tokio::join!(spawn, bench.supervisor.kill(&name));
        let pid = spawned.ok().and_then(|info| info.pid);
        killed?;
        let State::Exited { reason, .. } = bench.supervisor.status(&name)?.state else {
            return Err("it lives".into());
        };
        assert_eq!(reason, ExitReason::Killed { signal: None });
        gone(pid, &name);
    }
    Ok(())
}

async fn kills_at_the_same_time_all_succeed(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("busy.mjs", &[])).await?;
    run.until_ready().await?;
    let kills = futures_util::future::join_all((0..5).map(|_| run.kill()));
    kills.await.into_iter().collect::<Outcome>()?;
    let again = bench.supervisor.kill(&run.name).await;
    assert!(matches!(again, Err(Error::NotRunning(name)) if name == run.name));
    Ok(())
}

async fn a_kill_leaves_no_grandchild(bench: &Bench) -> Outcome {
    let mut run = bench.start(with_grandchild(bench, &[])).await?;
    let grandchild = run.text().await?.parse()?;
    assert!(is_alive(grandchild));
    killed(bench, run).await?;
    assert!(eventually(|| !is_alive(grandchild)), "the grandchild is left");
    Ok(())
}

async fn a_kill_leaves_no_grandchild_of_a_grandchild(bench: &Bench) -> Outcome {
    let mut run = bench.start(with_grandchild(bench, &["tree"])).await?;
    let sleeper = run.text().await?.parse()?;
    assert!(is_alive(sleeper));
    killed(bench, run).await?;
    assert!(eventually(|| !is_alive(sleeper)), "the grandchild's child is left");
    Ok(())
}

async fn a_kill_ends_a_script_that_waits_for_a_program(bench: &Bench) -> Outcome {
    killed_once_ready(bench, with_grandchild(bench, &["sync"])).await
}

async fn an_exit_leaves_no_grandchild(bench: &Bench) -> Outcome {
    let mut run = bench.start(with_grandchild(bench, &["exit"])).await?;
    let grandchild = run.text().await?.parse()?;
    assert_eq!(run.end().await?.code, Some(0));
    assert!(eventually(|| !is_alive(grandchild)), "the grandchild is left");
    Ok(())
}

fn with_grandchild(bench: &Bench, args: &[&str]) -> SpawnConfig {
    let permissions = Some(Permissions::all());
    SpawnConfig { permissions, ..bench.fixture("grandchild.mjs", args) }
}

async fn a_script_that_stops_reading_blocks_no_other_process(bench: &Bench) -> Outcome {
    const MIB: usize = 1024 * 1024;
    let limits = Some(Limits { stdin_buffer_mb: Some(1), ..Limits::default() });
    let config = SpawnConfig { limits, ..bench.fixture("busy.mjs", &[]) };
    let mut deaf = bench.start(config).await?;
    deaf.until_ready().await?;
    let mut other = bench.start(bench.fixture("echo-lines.mjs", &[])).await?;

    // The first writes fill the queue and the pipe. The last ones wait until the kill.
    let writes = (0..4).map(|_| bench.supervisor.write_stdin(&deaf.name, vec![b'x'; MIB]));
    let meanwhile = async {
        for n in 0..100 {
            other.write(format!("{n}\n")).await?;
            assert_eq!(other.text().await?, n.to_string());
        }
        assert!(bench.supervisor.stdin_queued(&deaf.name)? >= MIB);
        deaf.kill().await
    };
    let (written, outcome) = tokio::join!(futures_util::future::join_all(writes), meanwhile);
    outcome?;
    assert!(written.first().is_some_and(Result::is_ok), "the queue was empty");
    let refused = Some(Err(format!("process not running: {}", deaf.name)));
    let last = written.into_iter().next_back();
    assert_eq!(last.map(|last| last.map_err(|error| error.to_string())), refused);
    other.kill().await
}

async fn a_kill_of_all_ends_all(bench: &Bench) -> Outcome {
    let mut names = Vec::new();
    for config in [bench.fixture("idle.mjs", &[]), bench.fixture("busy.mjs", &[])] {
        let mut run = bench.start(config).await?;
        run.until_ready().await?;
        names.push((run.info.pid, run.name));
    }
    bench.supervisor.kill_all().await;
    assert!(bench.supervisor.list().iter().all(|info| info.state.is_exited()));
    assert_eq!(bench.supervisor.list().len(), names.len());
    for (pid, name) in &names {
        gone(*pid, name);
    }
    Ok(())
}

async fn a_shutdown_notifies_subscribers_and_ends_the_supervisor(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("idle.mjs", &[])).await?;
    run.until_ready().await?;
    bench.supervisor.shutdown().await;
    assert_eq!(run.end().await?.reason, Some(ExitReason::HostShutdown));
    let again = bench.supervisor.spawn("late", bench.fixture("idle.mjs", &[])).await;
    assert!(matches!(again, Err(Error::ShutDown)));
    Ok(())
}

async fn dropping_the_supervisor_leaves_nothing(bench: &Bench) -> Outcome {
    let short = Bench::new(bench.runtime, false)?;
    let mut names = Vec::new();
    for (fixture, args) in [("idle.mjs", &[][..]), ("busy.mjs", &["loop"])] {
        let mut run = short.start(short.fixture(fixture, args)).await?;
        run.until_ready().await?;
        names.push((run.info.pid, run.name));
    }
    let flood = short.start(short.fixture("flood.mjs", &["both"])).await?;
    names.push((flood.info.pid, flood.name.clone()));
    let mut parent = short.start(with_grandchild(&short, &[])).await?;
    let grandchild = parent.text().await?.parse()?;
    names.push((parent.info.pid, parent.name.clone()));

    drop((flood, parent));
    drop_blocking(short.supervisor).await?;
    for (pid, name) in &names {
        gone(*pid, name);
    }
    assert!(eventually(|| !is_alive(grandchild)), "the grandchild is left");
    Ok(())
}

/// Drops on a thread of its own, so that a drop that hangs fails one trial only.
fn drop_blocking(supervisor: Supervisor) -> impl Future<Output = Result<(), Failed>> {
    let dropped = tokio::task::spawn_blocking(move || drop(supervisor));
    async { Ok(dropped.await?) }
}
