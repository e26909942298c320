//! Arguments, environment and working directory of a start, and exits of a script by itself.

use js_runtime::{ExitReason, Permissions, SpawnConfig};
use serde_json::{Value, json};

use crate::support::{Bench, Case, Ended, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    arguments_arrive_exactly,
    environment_variables_are_set_for_one_process,
    a_process_starts_in_the_configured_working_directory,
    an_exit_code_is_reported_unchanged,
    a_throw_ends_with_1_and_its_stack_on_stderr,
    a_rejected_top_level_await_ends_with_1,
    an_unhandled_rejection_ends_with_1,
    a_throw_in_a_timer_ends_with_1,
    an_exit_in_a_timer_ends_with_its_code,
    an_exit_in_any_callback_ends_with_its_code,
    process_exit_code_is_used_at_the_end,
    an_abort_ends_the_script_and_not_the_application,
    the_end_of_stdin_ends_an_idle_script_with_0,
    a_script_that_ignores_its_stdin_keeps_running,
];

async fn arguments_arrive_exactly(bench: &Bench) -> Outcome {
    let args = [
        "NAME",
        "two words",
        "",
        "--flag=1",
        "-x",
        "größe 😀",
        "\"quoted\" 'too'",
        "a\\b",
        "$HOME",
    ];
    assert_eq!(
        started_with(bench, bench.fixture("args-env-cwd.mjs", &args)).await?["args"],
        json!(args)
    );
    Ok(())
}

async fn environment_variables_are_set_for_one_process(bench: &Bench) -> Outcome {
    let config = |value: &str| {
        let mut config = bench.fixture("args-env-cwd.mjs", &["JS_RUNTIME_TEST"]);
        config.env.insert("JS_RUNTIME_TEST".to_owned(), value.to_owned());
        config
    };
    assert_eq!(started_with(bench, config("a=b größe")).await?["env"], "a=b größe");
    assert_eq!(started_with(bench, config("")).await?["env"], "");
    let unset = bench.fixture("args-env-cwd.mjs", &["JS_RUNTIME_TEST"]);
    assert_eq!(started_with(bench, unset).await?["env"], Value::Null);
    assert!(std::env::var_os("JS_RUNTIME_TEST").is_none());
    Ok(())
}

async fn a_process_starts_in_the_configured_working_directory(bench: &Bench) -> Outcome {
    let folder = tempfile::tempdir()?;
    let wanted = folder.path().canonicalize()?;
    let own = std::env::current_dir()?;
    let config = bench.fixture("args-env-cwd.mjs", &[]);
    let seen =
        started_with(bench, SpawnConfig { cwd: Some(wanted.clone()), ..config.clone() }).await?;
    assert_eq!(seen["cwd"].as_str(), wanted.to_str());
    assert_eq!(started_with(bench, config).await?["cwd"].as_str(), own.to_str());
    assert_eq!(std::env::current_dir()?, own);
    Ok(())
}

/// The output of `args-env-cwd.mjs`.
async fn started_with(bench: &Bench, config: SpawnConfig) -> Result<Value, libtest_mimic::Failed> {
    let config = SpawnConfig { permissions: Some(Permissions::all()), ..config };
    let ended = bench.run(config, b"").await?;
    assert_eq!(ended.code, Some(0), "{}", ended.log());
    Ok(serde_json::from_slice(&ended.stdout[0])?)
}

/// Runs `exit.mjs`, which prints one line before it ends.
async fn exit(bench: &Bench, way: &str) -> Result<Ended, libtest_mimic::Failed> {
    let ended = bench.run(bench.fixture("exit.mjs", &[way]), b"").await?;
    assert_eq!(ended.lines(), ["before"], "{}", ended.log());
    Ok(ended)
}

async fn an_exit_code_is_reported_unchanged(bench: &Bench) -> Outcome {
    for code in [0, 1, 3, 255] {
        let ended = exit(bench, &code.to_string()).await?;
        assert_eq!((ended.code, ended.reason), (Some(code), Some(ExitReason::Completed)));
    }
    Ok(())
}

async fn a_throw_ends_with_1_and_its_stack_on_stderr(bench: &Bench) -> Outcome {
    uncaught(bench, &exit(bench, "throw").await?, "thrown on purpose", "exit.mjs");
    let ended = bench.run(bench.fixture("throw.mjs", &[]), b"").await?;
    uncaught(bench, &ended, "thrown on purpose", "throw.mjs:3");
    Ok(())
}

async fn a_rejected_top_level_await_ends_with_1(bench: &Bench) -> Outcome {
    uncaught(bench, &exit(bench, "tla-throw").await?, "thrown at top level", "exit.mjs");
    Ok(())
}

async fn an_unhandled_rejection_ends_with_1(bench: &Bench) -> Outcome {
    uncaught(bench, &exit(bench, "reject").await?, "rejected on purpose", "exit.mjs");
    Ok(())
}

async fn a_throw_in_a_timer_ends_with_1(bench: &Bench) -> Outcome {
    uncaught(bench, &exit(bench, "timer-throw").await?, "thrown on purpose", "exit.mjs");
    Ok(())
}

fn uncaught(bench: &Bench, ended: &Ended, message: &str, place: &str) {
    assert_eq!(ended.code, Some(1), "{}", ended.log());
    let log = ended.log();
    assert!(log.contains(message) && log.contains(place), "stderr lacks the error: {log}");
    // The error is visible in the application's process only.
    match &ended.reason {
        Some(ExitReason::Error { message: said, stack }) if bench.is_embedded() => {
            assert_eq!(*said, format!("Error: {message}"));
            assert!(stack.as_ref().is_some_and(|stack| stack.contains(place)), "{stack:?}");
        }
        reason => assert_eq!(*reason, (!bench.is_embedded()).then_some(ExitReason::Completed)),
    }
}

async fn an_exit_in_a_timer_ends_with_its_code(bench: &Bench) -> Outcome {
    assert_eq!(exit(bench, "timer").await?.code, Some(5));
    Ok(())
}

async fn an_exit_in_any_callback_ends_with_its_code(bench: &Bench) -> Outcome {
    for way in ["microtask", "then", "listener", "message"] {
        assert_eq!(exit(bench, way).await?.code, Some(6), "{way}");
    }
    Ok(())
}

async fn process_exit_code_is_used_at_the_end(bench: &Bench) -> Outcome {
    assert_eq!(exit(bench, "exitcode").await?.code, Some(7));
    Ok(())
}

async fn an_abort_ends_the_script_and_not_the_application(bench: &Bench) -> Outcome {
    const SIGABRT: i32 = 6;
    for way in ["abort", "abort-after-await"] {
        let ended = exit(bench, way).await?;
        assert_eq!(ended.code, None);
        assert_eq!(ended.reason, Some(ExitReason::Killed { signal: Some(SIGABRT) }));
    }
    Ok(())
}

async fn the_end_of_stdin_ends_an_idle_script_with_0(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("idle.mjs", &[])).await?;
    run.until_ready().await?;
    run.close()?;
    let ended = run.end().await?;
    assert_eq!((ended.code, ended.reason), (Some(0), Some(ExitReason::Completed)));
    Ok(())
}

async fn a_script_that_ignores_its_stdin_keeps_running(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("idle.mjs", &["interval"])).await?;
    run.until_ready().await?;
    run.close()?;
    // Another process starts and ends meanwhile: an effect of the end of stdin would show by then.
    bench.run(bench.fixture("idle.mjs", &[]), b"").await?;
    assert!(bench.supervisor.status(&run.name)?.running);
    run.kill().await
}
