//! Tests that run in a program of their own, because they leave parked threads behind or change the whole program; and
//! what such tests read of a process.

use std::process::Command;

use crate::{Event, ExitReason, Subscription};

/// Writes what it reads.
pub(crate) const ECHO: &str =
    "for await (const part of Deno.stdin.readable) await Deno.stdout.write(part)";

/// Starts the calling test once more for each of `values`, with it in the environment as `variable`. In that program
/// `cases` get the value.
pub(crate) fn run<F: Future<Output = ()>>(
    variable: &str,
    values: &[&str],
    cases: impl FnOnce(String) -> F,
) {
    if let Ok(value) = std::env::var(variable) {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
        return executor.expect("an executor").block_on(cases(value));
    }
    let this = std::env::current_exe().expect("a program");
    let name = std::thread::current().name().map(str::to_owned).expect("the test's name");
    for value in values {
        // When output is captured, the harness itself keeps stdout locked after a panic on purpose.
        let mut program = Command::new(&this);
        program.args(["--exact", &name, "--nocapture"]).env(variable, value);
        let ended = program.output().expect("it starts");
        let output = String::from_utf8_lossy(&ended.stdout);
        let errors = String::from_utf8_lossy(&ended.stderr);
        let passed = ended.status.success() && output.contains("1 passed");
        assert!(passed, "{value}: {output}{errors}");
    }
}

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
        match events.recv().await.expect("it lives").event {
            Event::Stdout(line) => return String::from_utf8_lossy(&line).into_owned(),
            Event::Exit { reason, .. } => panic!("{reason:?}"),
            _ => {}
        }
    }
}
