//! Whatever an embedded script does, the application and its neighbours go on: one table, one line a
//! hazard.
//!
//! The application is a program of its own, this one started again as `host`, so that one that dies is
//! seen to die. It runs hazard after hazard beside a well-behaved embedded process and a child, which
//! answer a ping every 10 ms; what came of each is printed as a table at the end. As `cycles N` it runs
//! N short lives of good and hostile scripts, and prints what it holds meanwhile. As `storm TARGET SECONDS` it calls
//! what there is with what it does not expect.

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
        println!("what an application holds is known on Linux only");
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
    trials
        .push(Trial::test("three_hundred_lives_leave_everything_as_it_was", cycles::three_hundred));
    trials.push(Trial::test("storms_leave_the_application_as_it_was", storms::short));
    libtest_mimic::run(&arguments, trials).exit_code()
}
