//! Measures the speed of backends: the embedded engine, Bun, Deno and Node as children of this library, and the same
//! three with bare pipes, in one run.
//!
//! `npm run bench` builds and runs this program and shows its output, one JSON document. The argument is the folder of the
//! bundled backends (`benches/scripts`). For a profiler, `--embedded` omits the children, and `--start`, `--lines`,
//! `--calls`, `--trips`, `--memory` and `--idle` select parts. `--quick` takes few samples, to try the program. The
//! program has no thresholds. The samples of different subjects alternate, and a row has the spread of its samples.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a benchmark prints its results")]

mod alone;
mod calls;
mod contender;
mod frames;
mod from_rust;
mod memory;
mod round_trips;
mod session;
mod start;
mod stats;
mod usage;

use js_runtime::Runtime;
use serde_json::json;

use self::alone::Measurement;
use self::frames::Backends;
use self::session::Subject;
use self::stats::Figures;

const PARTS: [&str; 6] = ["--start", "--lines", "--calls", "--trips", "--memory", "--idle"];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let executor = executor.expect("an executor");
    stats::be_quick(words.iter().any(|word| word == "--quick"));
    match words.first().map(String::as_str) {
        Some(round_trips::BURN) => round_trips::burn(),
        Some(alone::FLAG) => println!("{}", json!(executor.block_on(measure_alone(&words[1..])))),
        _ => {
            let figures = executor.block_on(measure(&words));
            println!("{}", json!({ "figures": figures.rows() }));
        }
    }
}

async fn measure(words: &[String]) -> Figures {
    let has = |flag: &str| words.iter().any(|word| word == flag);
    let selects = |part: &str| has(part) || !PARTS.iter().any(|part| has(part));
    let folder = words.iter().find(|word| !word.starts_with("--"));
    let backends = Backends::new(folder.expect("the first argument is the folder of the backends"));
    let mut figures = Figures::default();
    let mut subjects = Subject::all();
    if has("--embedded") {
        subjects.retain(|subject| *subject == Subject::EMBEDDED);
    }
    if selects("--start") {
        start::measure_first(&mut figures, &subjects, &backends).await;
        start::measure_cold(&mut figures, &subjects).await;
        start::measure_warm(&mut figures, &subjects, &backends).await;
    }
    if selects("--lines") {
        calls::measure_lines(&mut figures, &subjects).await;
    }
    if selects("--calls") {
        calls::measure_calls(&mut figures, &subjects, &backends).await;
    }
    if selects("--trips") {
        round_trips::measure(&mut figures, &subjects, &backends).await;
    }
    if selects("--memory") {
        memory::measure_further(&mut figures, &subjects, &backends).await;
        memory::measure_beside(&mut figures, &backends).await;
    }
    if selects("--idle") {
        memory::measure_wake_ups(&mut figures, &subjects, &backends).await;
    }
    figures
}

/// Measures in this new process. `words` are the arguments after [`alone::FLAG`].
async fn measure_alone(words: &[String]) -> Vec<Vec<f64>> {
    let [measurement, runtime, folder, ..] = words else {
        panic!("{} is for this program only", alone::FLAG);
    };
    let measurement = serde_json::from_str(measurement).expect("a measurement");
    let runtime: Runtime = runtime.parse().expect("a runtime");
    let (subject, backends) = (Subject::Ours(runtime), Backends::new(folder));
    match measurement {
        Measurement::Start(count) => vec![vec![start::first(subject, count).await]],
        Measurement::Memory { with_node_modules: false } => {
            vec![memory::growths(subject, &backends.serve()).await]
        }
        Measurement::Memory { with_node_modules: true } => {
            vec![memory::growths(subject, &backends.serve_with_node_modules()).await]
        }
        Measurement::WakeUps => vec![memory::wake_ups(subject, &backends.serve()).await],
        Measurement::Beside(count) => memory::beside(subject, count).await,
    }
}
