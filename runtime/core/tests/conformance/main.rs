//! What a process does is the same whatever runs it: one table of cases, run over every runtime.
//!
//! A trial is one case on one runtime, `embedded::echoes_a_line`; `warm::` is the embedded engine with an
//! isolate that was prepared before the start; `config::` are the bad requests that
//! never come as far as a runtime. Without the cargo feature `embedded` there is `without_engine::` instead
//! of the first two. A runtime that this machine does not have is ignored and said, or a failure when
//! `JS_RUNTIME_REQUIRE_ALL` is set. At the end nothing may be left of any of them.

#![allow(clippy::print_stderr, reason = "a test harness prints")]

mod cases;
#[path = "../common/own.rs"]
mod own;
#[path = "../common/paths.rs"]
mod paths;
#[path = "../common/patience.rs"]
mod patience;
mod support;
#[path = "../common/system.rs"]
mod system;

use std::process::ExitCode;

use libtest_mimic::Arguments;

/// Most of a trial is waiting, so more run at once than this many cores would need.
const AT_ONCE: usize = 4;

fn main() -> ExitCode {
    // The place and the message; every stack ends in the same twenty frames of executor and harness.
    std::panic::set_hook(Box::new(|panic| eprintln!("\n{panic}")));
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let once = [("config", cases::CONFIG), ("without_engine", cases::WITHOUT_ENGINE)];
    let trials = support::trials(cases::ALL, cases::EMBEDDED, &once);
    let conclusion = libtest_mimic::run(&arguments, trials);
    match left_behind() {
        None => conclusion.exit_code(),
        Some(left) => {
            eprintln!("left behind after all trials: {left}");
            ExitCode::FAILURE
        }
    }
}

/// Threads, processes and temporary files that no trial took down.
fn left_behind() -> Option<String> {
    let look = || {
        let threads = own::threads().into_iter();
        let ours = |name: &String| name.starts_with("js:") || name == "js-supervisor";
        let children = own::children().into_iter().map(|child| format!("process {child}"));
        let threads = threads.filter(ours).map(|name| format!("thread '{name}'"));
        threads.chain(children).chain(temporary_files()).collect()
    };
    let mut left: Vec<String> = look();
    // A thread that was joined is still listed for a moment.
    patience::eventually(|| {
        left = look();
        left.is_empty()
    });
    (!left.is_empty()).then(|| left.join(", "))
}

/// What this program's supervisors have left in the system's folder for temporary files.
fn temporary_files() -> Vec<String> {
    let prefix = format!("js-runtime-{}-", std::process::id());
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(&prefix)).map(|name| format!("file '{name}'")).collect()
}
