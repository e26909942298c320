//! Runs tests in a subprocess, because they leave parked threads behind or change global state. Also helpers that read
//! the output of a process.

use std::process::Command;

use crate::{Event, ExitReason, Subscription};

/// A script that echoes stdin to stdout.
pub(crate) const ECHO: &str =
    "for await (const part of Deno.stdin.readable) await Deno.stdout.write(part)";

/// Runs the calling test again in one subprocess per value, with the environment variable `variable` set to it. In the
/// subprocess, runs `cases` with the value.
pub(crate) fn run<F: Future<Output = ()>>(
    variable: &str,
    values: &[&str],
    cases: impl FnOnce(String) -> F,
) {
    if let Ok(value) = std::env::var(variable) {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
        return executor.expect("an executor").block_on(cases(value));
    }
    let this = std::env::current_exe().expect("the test program");
    let name = std::thread::current().name().map(str::to_owned).expect("the test's name");
    for value in values {
        // `--nocapture`: with captured output the harness keeps stdout locked after a panic.
        let mut program = Command::new(&this);
        program.args(["--exact", &name, "--nocapture"]).env(variable, value);
        let ended = program.output().expect("the test program starts");
        let stdout = String::from_utf8_lossy(&ended.stdout);
        let stderr = String::from_utf8_lossy(&ended.stderr);
        let passed = ended.status.success() && stdout.contains("1 passed");
        assert!(passed, "{value}: {stdout}{stderr}");
    }
}

/// The exit reason of a process.
pub(crate) async fn exit(events: &mut Subscription) -> ExitReason {
    loop {
        if let Event::Exit { reason, .. } = events.recv().await.expect("an exit").event {
            return reason;
        }
    }
}

/// The next line of stdout.
pub(crate) async fn line(events: &mut Subscription) -> String {
    loop {
        match events.recv().await.expect("the process runs").event {
            Event::Stdout(line) => return String::from_utf8_lossy(&line).into_owned(),
            Event::Exit { reason, .. } => panic!("{reason:?}"),
            _ => {}
        }
    }
}
