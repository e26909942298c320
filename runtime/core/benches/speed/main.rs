//! Measures the speed of backends: the embedded engine, Bun, Deno and Node as children of this library, and the same
//! three with bare pipes, in one run.
//!
//! `npm run bench` builds and runs this program and shows its output, one JSON document. A file argument is a bundled
//! backend that answers kkrpc. `--embedded` omits the children; `--start`, `--calls` and `--memory` select parts, for a
//! profiler. The program has no thresholds.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a benchmark prints its results")]

mod calls;
mod memory;
mod session;
mod start;
mod stats;

use serde_json::json;

use self::session::Subject;
use self::stats::Figures;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let figures = executor.expect("an executor").block_on(measure(&words));
    println!("{}", json!({ "figures": figures.rows() }));
}

async fn measure(words: &[String]) -> Figures {
    let has = |flag: &str| words.iter().any(|word| word == flag);
    let mut figures = Figures::default();
    let mut subjects = Subject::all();
    if has("--embedded") {
        subjects.retain(|subject| subject.is_embedded());
    }
    let parts = ["--start", "--calls", "--memory"];
    let all = !parts.iter().any(|part| has(part));
    if all || has("--start") {
        start::measure_cold(&mut figures, &subjects).await;
        start::measure_warm(&mut figures, &subjects).await;
    }
    if all || has("--calls") {
        let worker = words.iter().find(|word| !word.starts_with("--"));
        calls::measure(&mut figures, &subjects, worker.map(String::as_str)).await;
    }
    if all || has("--memory") {
        memory::measure(&mut figures, &subjects).await;
    }
    figures
}
