//! Runs the application and collects the result of each hazard, including one that kills the application.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::host::OWN_INPUT;
use crate::table::{self, Ends};

/// The result of one hazard.
pub(crate) struct Report {
    name: &'static str,
    end: String,
    kill_ms: Option<u64>,
    grew_mb: u64,
    embedded_ms: u64,
    child_ms: u64,
    failure: Option<String>,
}

/// Runs the hazards in one application, and in a new one after it has died.
pub(crate) fn of(names: &[&'static str]) -> Vec<Report> {
    let mut reports = Vec::new();
    while reports.len() < names.len() {
        let left = together(&names[reports.len()..]);
        let before = reports.len();
        let ended = run(left, &mut reports);
        match (ended, reports.len() == before + left.len()) {
            (Ok(()), true) => {}
            (ended, false) => {
                let failure = format!("THE APPLICATION DIED: {}", ended.err().unwrap_or_default());
                reports.push(Report::of(names[reports.len()], Some(failure)));
            }
            // It has survived all hazards, but failed when it exited.
            (Err(failure), true) => {
                if let Some(last) = reports[before..].last_mut() {
                    last.failure.get_or_insert(failure);
                }
            }
        }
    }
    reports
}

/// The leading hazards that can share one application. A hazard that may park a thread runs alone, because the parked
/// thread retains its heap.
fn together<'a>(names: &'a [&'static str]) -> &'a [&'static str] {
    let parks = |name: &&str| {
        let hazard = table::all().find(|hazard| hazard.name == *name);
        hazard.is_some_and(|hazard| {
            matches!(hazard.ends, Ends::HeapLimitInOneCall | Ends::HeapLimitOfOneObject)
        })
    };
    let count = names.iter().position(parks).unwrap_or(names.len());
    &names[..count.max(1)]
}

/// Empty reports, for listing tests.
pub(crate) fn none(names: &[&'static str]) -> Vec<Report> {
    names.iter().map(|name| Report::of(name, None)).collect()
}

fn run(names: &[&'static str], reports: &mut Vec<Report>) -> Result<(), String> {
    let this = std::env::current_exe().expect("the test program");
    let mut host = Command::new(this)
        .arg("host")
        .args(names)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("RUST_BACKTRACE", "0")
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdin = host.stdin.take().ok_or("no stdin")?;
    stdin.write_all(OWN_INPUT.as_bytes()).map_err(|error| error.to_string())?;
    drop(stdin);
    let errors = BufReader::new(host.stderr.take().ok_or("no stderr")?);
    // The application's stderr is reported if it dies.
    let errors = std::thread::spawn(move || {
        let lines = errors.lines().map_while(Result::ok);
        lines.collect::<Vec<_>>()
    });
    let total = reports.len() + names.len();
    let mut started = names.iter();
    let mut current = None;
    for line in BufReader::new(host.stdout.take().ok_or("no stdout")?).lines() {
        let line = line.map_err(|error| error.to_string())?;
        match serde_json::from_str::<Value>(&line) {
            Ok(value) if value["started"].is_string() => {
                current = started.next().copied();
                // Progress, because the table is printed at the end.
                let name = current.unwrap_or_default();
                eprintln!("hazard {} of {total}: {name}", reports.len() + 1);
            }
            Ok(value) if value["ended"].as_str() == current && current.is_some() => {
                reports.extend(current.map(|name| Report::read(name, &value)));
            }
            _ => {
                // Only the application itself may write to its stdout.
                let _ = host.kill();
                let _ = host.wait();
                return Err(format!("a hazard wrote to the application's stdout: {line}"));
            }
        }
    }
    let status = host.wait().map_err(|error| error.to_string())?;
    let errors = errors.join().unwrap_or_default();
    if errors.iter().any(|line| line.contains("LEAK")) {
        return Err("a hazard wrote to the application's stderr".to_owned());
    }
    if status.success() {
        return Ok(());
    }
    let last = errors.iter().rev().take(3).rev().cloned().collect::<Vec<_>>().join(" | ");
    Err(format!("{status}: {last}"))
}

impl Report {
    fn of(name: &'static str, failure: Option<String>) -> Self {
        let (end, kill_ms) = (String::new(), None);
        Self { name, end, kill_ms, grew_mb: 0, embedded_ms: 0, child_ms: 0, failure }
    }

    fn read(name: &'static str, value: &Value) -> Self {
        Self {
            name,
            end: value["end"].as_str().unwrap_or_default().to_owned(),
            kill_ms: value["killMs"].as_u64(),
            grew_mb: value["grewMb"].as_u64().unwrap_or_default(),
            embedded_ms: value["embeddedMs"].as_u64().unwrap_or_default(),
            child_ms: value["childMs"].as_u64().unwrap_or_default(),
            failure: value["failure"].as_str().map(str::to_owned),
        }
    }

    pub(crate) fn into_trial(self) -> Trial {
        let result = self.failure.map_or(Ok(()), |failure| Err(Failed::from(failure)));
        Trial::test(self.name, move || result)
    }
}

/// Prints one line per hazard: its end, the duration of a kill, the growth of memory, and the slowest answer of each
/// neighbour.
pub(crate) fn print(reports: &[Report]) {
    println!(
        "\n{:36} {:44} {:>6} {:>9} {:>9} {:>7}",
        "hazard", "end", "kill", "memory", "neighbour", "child"
    );
    for Report { name, end, kill_ms, grew_mb, embedded_ms, child_ms, failure } in reports {
        let mark = if failure.is_some() { "!" } else { " " };
        let end: String = end.lines().next().unwrap_or_default().chars().take(44).collect();
        let kill = kill_ms.map(|ms| format!("{ms} ms")).unwrap_or_default();
        println!(
            "{mark}{name:35} {end:44} {kill:>6} {grew_mb:>5} MiB {embedded_ms:>6} ms {child_ms:>4} ms"
        );
    }
}
