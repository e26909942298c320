//! A process behaves the same on every runtime: one table of cases, run over all runtimes.
//!
//! A trial is one case on one runtime, such as `embedded::echoes_a_line`. `warm::` is the embedded engine
//! with an isolate that was bootstrapped before the start. `config::` are configurations that are refused
//! before a runtime is chosen. Without the cargo feature `embedded`, `without_engine::` replaces the first
//! two. A runtime that is not installed is skipped with a message; with `JS_RUNTIME_REQUIRE_ALL` it is a
//! failure. After the last trial no process, thread or temporary file may be left.

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

/// Trials mostly wait, so more of them run at once than there are cores.
const AT_ONCE: usize = 4;

fn main() -> ExitCode {
    // Location and message only: every stack ends in the same twenty frames of executor and harness.
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

/// Threads, processes and temporary files that trials left behind.
fn left_behind() -> Option<String> {
    let look = || {
        let threads = own::threads().into_iter();
        let ours =
            |name: &String| name.starts_with("js:") || name == "js-supervisor" || name == "js-rpc";
        let children = own::children().into_iter().map(|child| format!("process {child}"));
        let threads = threads.filter(ours).map(|name| format!("thread '{name}'"));
        threads.chain(children).chain(temporary_files()).collect()
    };
    let mut left: Vec<String> = look();
    // The system lists a joined thread a moment longer.
    patience::eventually(|| {
        left = look();
        left.is_empty()
    });
    (!left.is_empty()).then(|| left.join(", "))
}

/// Files of this program's supervisors that are left in the temporary folder.
fn temporary_files() -> Vec<String> {
    let prefix = format!("js-runtime-{}-", std::process::id());
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(&prefix)).map(|name| format!("file '{name}'")).collect()
}
