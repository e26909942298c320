//! The same worker on every runtime, side by side: `npm start`.
//!
//! Starts `backends/worker.ts` embedded in this program and as a child of deno, bun and node, makes
//! real kkrpc calls to each over stdin and stdout, and prints what it took.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

mod rpc;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use js_runtime::{Error, Event, Permissions, Runtime, SpawnConfig, Supervisor};
use serde_json::{Value, json};

use self::rpc::Client;

const RUNTIMES: [Runtime; 4] = [Runtime::Embedded, Runtime::Deno, Runtime::Bun, Runtime::Node];

/// Calls whose median is shown as the round trip.
const CALLS: usize = 1000;

/// No single call takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What one runtime did.
struct Row {
    version: String,
    first_answer: Duration,
    round_trip: Duration,
    kilobytes: u64,
    reason: String,
    code: Option<i32>,
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let supervisor = Supervisor::new()?;
    warm_up(&supervisor, &root).await;

    println!("backends/worker.ts, one file, on every runtime: {CALLS} kkrpc calls each\n");
    println!(
        "{:<10} {:<10} {:>13} {:>12} {:>10}   exit",
        "runtime", "version", "first answer", "round trip", "memory"
    );
    for runtime in RUNTIMES {
        match measure(&supervisor, runtime, &root).await {
            Ok(row) => print_row(runtime, &row),
            Err(error) => match error.downcast_ref::<Error>() {
                Some(Error::RuntimeUnavailable { message, .. }) => {
                    println!("{:<10} missing: {message}", runtime.as_str());
                }
                // Only the engine compiles the worker for a Node that loads no TypeScript.
                Some(Error::StartFailed { message, .. })
                    if js_runtime::embedded_version().is_none() =>
                {
                    println!("{:<10} not started: {message}", runtime.as_str());
                }
                _ => return Err(error),
            },
        }
    }
    println!(
        "\nfirst answer: from spawn to the first result. round trip: median of the calls.\n\
         memory: what the backend added, private to it. The embedded one has no process of its own."
    );
    if cfg!(debug_assertions) {
        println!(
            "This is an unoptimised build: `npm start -- --release` takes longer, once, and is faster."
        );
    }
    supervisor.shutdown().await;
    Ok(())
}

/// V8 starts once per application, and files are read from disk once; neither belongs to a row.
async fn warm_up(supervisor: &Supervisor, root: &Path) {
    for runtime in RUNTIMES {
        // What fails here fails again below, where it is reported.
        let _ = measure(supervisor, runtime, root).await;
    }
}

async fn measure(supervisor: &Supervisor, runtime: Runtime, root: &Path) -> Result<Row, Failure> {
    let name = runtime.as_str();
    let readme = tokio::task::spawn_blocking({
        let path: PathBuf = root.join("README.md");
        move || std::fs::read_to_string(path)
    })
    .await??;
    let config = SpawnConfig {
        cwd: Some(root.to_owned()),
        permissions: Some(Permissions::all()),
        ..SpawnConfig::script(runtime, "backends/worker.ts")
    };

    let before = private_bytes(None);
    let started = Instant::now();
    supervisor.spawn(name, config).await?;
    let mut client = Client::connect(supervisor, name, PATIENCE)?;
    let info = client.call("getSystemInfo", json!([])).await?;
    let first_answer = started.elapsed();
    let pid = supervisor.status(name)?.pid;

    let mut times = Vec::with_capacity(CALLS);
    for n in 0..CALLS {
        let asked = Instant::now();
        let sum = client.call("add", json!([n, 1])).await?;
        times.push(asked.elapsed());
        check("add", &sum, &json!(n + 1))?;
    }
    check("echo", &client.call("echo", json!([readme])).await?, &json!(readme))?;
    let bytes = match pid {
        Some(_) => private_bytes(pid),
        None => private_bytes(None).saturating_sub(before),
    };

    supervisor.close_stdin(name)?;
    let (reason, code) = loop {
        if let Event::Exit { reason, code } = client.next_event().await? {
            break (reason, code);
        }
    };
    times.sort_unstable();
    Ok(Row {
        version: info["version"].as_str().unwrap_or("?").to_owned(),
        first_answer,
        round_trip: times[times.len() / 2],
        kilobytes: bytes / 1000,
        reason: json!(reason)["kind"].as_str().unwrap_or("?").to_owned(),
        code,
    })
}

fn check(call: &str, got: &Value, expected: &Value) -> Result<(), Failure> {
    if got == expected {
        Ok(())
    } else {
        Err(format!("{call} returned {got} instead of {expected}").into())
    }
}

fn print_row(runtime: Runtime, row: &Row) {
    println!(
        "{:<10} {:<10} {:>10.1} ms {:>9} µs {:>7} kB   {} {}",
        runtime.as_str(),
        row.version,
        row.first_answer.as_secs_f64() * 1e3,
        row.round_trip.as_micros(),
        row.kilobytes,
        row.reason,
        row.code.map_or_else(|| "-".to_owned(), |code| code.to_string()),
    );
}

/// Memory that no other process shares with this one; 0 where the system does not tell.
fn private_bytes(pid: Option<u32>) -> u64 {
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"));
    rollup
        .unwrap_or_default()
        .lines()
        .filter(|line| line.starts_with("Private_"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum::<u64>()
        * 1024
}
