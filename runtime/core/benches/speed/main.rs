//! How fast backends are: ours in the process, the three runtimes as our children, and the same three
//! behind bare pipes, side by side in one run.
//!
//! `npm run bench` builds this, runs it and shows what it prints: one JSON document. The last argument
//! is a bundled backend that answers kkrpc. Nothing is judged here.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a measurement is to be seen")]

mod calls;
mod memory;
mod session;
mod start;
mod stats;

use serde_json::json;

use self::session::Subject;
use self::stats::Figures;

fn main() {
    let worker = std::env::args().skip(1).find(|word| !word.starts_with("--"));
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let figures = executor.expect("an executor").block_on(measure(worker.as_deref()));
    println!("{}", json!({ "figures": figures.rows() }));
}

async fn measure(worker: Option<&str>) -> Figures {
    let mut figures = Figures::default();
    let subjects = Subject::all();
    start::measure(&mut figures, &subjects).await;
    calls::measure(&mut figures, &subjects, worker).await;
    memory::measure(&mut figures, &subjects).await;
    figures
}
