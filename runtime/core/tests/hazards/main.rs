//! Tests that hostile embedded scripts neither end nor block the application or other processes.
//!
//! The application is this test program in a subprocess (`host`), so that its death is detected. It runs each hazard of
//! the table beside a well-behaved embedded process and a child process, which answer a ping every 10 ms, and prints a
//! table of results. `cycles N` runs N short processes, good and hostile, and prints the resources in use.
//! `storm TARGET SECONDS` runs scripts that call APIs with random arguments.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test harness prints")]

mod cycles;
mod host;
mod memory;
#[path = "../common/own.rs"]
mod own;
#[path = "../common/patience.rs"]
mod patience;
mod pings;
mod report;
mod state;
mod storms;
mod table;
#[path = "../common/yardstick.rs"]
mod yardstick;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if !cfg!(target_os = "linux") {
        println!("skipped: the resources of an application are known on Linux only");
        return ExitCode::SUCCESS;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first() {
        Some((first, names)) if first == "host" => return host::run(names),
        Some((first, rest)) if first == "storm" => return storms::print(rest),
        Some((first, rest)) if first == "storm-host" => return storms::host(rest),
        Some((first, rest)) if first == "cycles" => return cycles::print(rest),
        _ => {}
    }
    let arguments = Arguments::from_args();
    let wanted = |name: &str| arguments.filter.as_ref().is_none_or(|part| name.contains(part));
    let runs = !arguments.list && !arguments.ignored;
    let names: Vec<_> =
        table::all().map(|hazard| hazard.name).filter(|name| wanted(name)).collect();
    let reports = if runs { report::of(&names) } else { report::none(&names) };
    report::print(&reports);
    let mut trials: Vec<Trial> = reports.into_iter().map(report::Report::into_trial).collect();
    trials.push(Trial::test("three_hundred_processes_leak_nothing", cycles::three_hundred));
    trials.push(Trial::test("storms_do_not_harm_the_application", storms::short));
    libtest_mimic::run(&arguments, trials).exit_code()
}
