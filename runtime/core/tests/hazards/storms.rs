//! Runs scripts that call APIs with random arguments: `storm TARGET SECONDS [SEED]`. A script may crash its own isolate;
//! the application and new processes must survive.
//!
//! The application is this test program in a subprocess. If it dies, the seed of the script is reported, and a new
//! application continues with the next seed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use js_runtime::{
    Backpressure, Event, Grant, Limits, Permissions, Runtime, SpawnConfig, Subscription, Supervisor,
};
use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::patience::finishes;
use crate::pings::echo;

pub(crate) const TARGETS: [&str; 5] = ["ops", "vm", "zlib", "handles", "buffers"];

/// Calls per script.
const CALLS: u32 = 2000;

/// A script is killed after this time. Many hang.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(8);

/// Scripts per target, and calls per script, when all tests run.
const SHORT: u32 = 2;
const SHORT_CALLS: u32 = 300;

#[derive(Default)]
struct Results {
    scripts: u32,
    /// Scripts that crashed their isolate, which the application must survive.
    crashed: Vec<String>,
    /// Scripts that killed or blocked the application.
    failures: Vec<String>,
}

/// Runs the command line.
pub(crate) fn print(words: &[String]) -> ExitCode {
    let [target, seconds, seed @ ..] = words else {
        println!("storm TARGET SECONDS [SEED], where TARGET is one of {TARGETS:?}");
        return ExitCode::FAILURE;
    };
    let seconds = Duration::from_secs(seconds.parse().expect("a number of seconds"));
    let seed = seed.first().map_or(1, |seed| seed.parse().expect("a seed"));
    let until = Instant::now() + seconds;
    let results = run(target, seed, CALLS, |_| Instant::now() < until);
    let Results { scripts, crashed, failures } = &results;
    println!("{target}: {scripts} scripts, {} crashes of the engine", crashed.len());
    crashed.iter().chain(failures).for_each(|line| println!("{line}"));
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A few scripts of every target.
pub(crate) fn short() -> Result<(), Failed> {
    for target in TARGETS {
        let results = run(target, 1, SHORT_CALLS, |scripts| scripts < SHORT);
        if !results.failures.is_empty() {
            return Err(results.failures.join("\n").into());
        }
    }
    Ok(())
}

/// Runs scripts while `continues` returns true for the number of scripts so far.
fn run(target: &str, mut seed: u32, calls: u32, continues: impl Fn(u32) -> bool) -> Results {
    let mut results = Results::default();
    while continues(results.scripts) {
        seed = run_application(target, seed, calls, &mut results, &continues);
    }
    results
}

/// Runs scripts in one application until it dies or no more scripts follow. Returns the next seed.
fn run_application(
    target: &str,
    mut seed: u32,
    calls: u32,
    results: &mut Results,
    continues: &impl Fn(u32) -> bool,
) -> u32 {
    let this = std::env::current_exe().expect("the test program");
    let mut host = Command::new(this)
        .args(["storm-host", target, &seed.to_string(), &calls.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the test program starts");
    let lines = BufReader::new(host.stdout.take().expect("a pipe")).lines();
    let mut is_over = false;
    for line in lines.map_while(Result::ok) {
        let Ok(value) = serde_json::from_str::<Value>(&line) else { continue };
        results.scripts += 1;
        seed += 1;
        if let Some(crash) = value["crashed"].as_str() {
            results.crashed.push(format!("{target} {}: {crash}", value["seed"]));
        }
        if let Some(failure) = value["failure"].as_str() {
            results.failures.push(format!("{target} {}: {failure}", value["seed"]));
            break;
        }
        if !continues(results.scripts) {
            is_over = true;
            break;
        }
    }
    // Fails if the application has died.
    let _ = host.kill();
    let ended = host.wait().expect("the application has started");
    if !is_over && results.failures.is_empty() {
        results.scripts += 1;
        results.failures.push(format!("{target} {seed}: THE APPLICATION DIED: {ended}"));
        seed += 1;
    }
    seed
}

/// Runs in the subprocess: one script after the other, until it is killed.
pub(crate) fn host(words: &[String]) -> ExitCode {
    let [target, seed, calls] = words else { return ExitCode::FAILURE };
    let first = seed.parse().expect("a seed");
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    tokio::task::LocalSet::new().block_on(&executor.expect("an executor"), async {
        let supervisor = Supervisor::builder().warm_isolates(0).build().expect("a thread");
        let folder = tempfile::tempdir().expect("a folder");
        for seed in first..=u32::MAX {
            let mut line = json!({ "seed": seed });
            match finishes(survive(&supervisor, folder.path(), target, seed, calls)).await {
                Some(Ok(Some(crash))) => line["crashed"] = json!(crash),
                Some(Ok(None)) => {}
                Some(Err(failure)) => line["failure"] = json!(failure),
                None => line["failure"] = json!("the application hangs"),
            }
            println!("{line}");
        }
    });
    ExitCode::SUCCESS
}

/// Runs one script, and then a well-behaved one. Returns the exit reason if the script crashed its isolate.
async fn survive(
    supervisor: &Supervisor,
    cwd: &Path,
    target: &str,
    seed: u32,
    calls: &str,
) -> Result<Option<String>, String> {
    let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/storms");
    let limits = Limits {
        heap_mb: Some(64),
        array_buffer_mb: Some(64),
        open_files: Some(200),
        ..Limits::default()
    };
    // Sockets need permission for the network; nothing listens on the loopback interface.
    let net = Grant::Some(vec!["127.0.0.1".to_owned()]);
    let run = Grant::Some(vec!["true".to_owned()]);
    // A folder for APIs that take paths.
    let files = || Grant::Some(vec![cwd.to_string_lossy().into_owned()]);
    let permissions =
        Permissions { net, run, read: files(), write: files(), ..Permissions::default() };
    let config = SpawnConfig {
        args: vec![seed.to_string(), calls.to_owned()],
        permissions: Some(permissions),
        cwd: Some(cwd.to_path_buf()),
        limits: Some(limits),
        ..SpawnConfig::script(Runtime::Embedded, format!("{scripts}/{target}.mjs"))
    };
    let failed = |error: js_runtime::Error| error.to_string();
    let started = supervisor.spawn_subscribed(target, config, Backpressure::Drop).await;
    let (_, mut events) = started.map_err(failed)?;
    let ended = tokio::time::timeout(SCRIPT_TIMEOUT, exit(&mut events)).await;
    let reason = if let Ok(reason) = ended {
        reason
    } else {
        // Fails if the script has ended meanwhile.
        let _ = supervisor.kill(target).await;
        exit(&mut events).await
    };
    supervisor.remove(target).map_err(failed)?;
    check_new_process(supervisor).await?;
    Ok(reason.filter(|reason| reason.starts_with("Crashed")))
}

async fn exit(events: &mut Subscription) -> Option<String> {
    while let Some(record) = events.recv().await {
        if let Event::Exit { reason, .. } = record.event {
            return Some(format!("{reason:?}"));
        }
    }
    None
}

async fn check_new_process(supervisor: &Supervisor) -> Result<(), String> {
    const NAME: &str = "well-behaved";
    let failed = |error: js_runtime::Error| format!("a new process: {error}");
    let config = SpawnConfig::script(Runtime::Embedded, echo());
    let started = supervisor.spawn_subscribed(NAME, config, Backpressure::Drop).await;
    let (_, mut events) = started.map_err(failed)?;
    supervisor.write_stdin(NAME, "again\n").await.map_err(failed)?;
    let mut has_answered = false;
    while let Some(record) = events.recv().await {
        if matches!(record.event, Event::Stdout(line) if line == "again") {
            has_answered = true;
            break;
        }
    }
    supervisor.kill(NAME).await.map_err(failed)?;
    supervisor.remove(NAME).map_err(failed)?;
    if has_answered { Ok(()) } else { Err("a new process does not answer".to_owned()) }
}
