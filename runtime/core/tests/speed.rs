//! Checks that an embedded backend starts faster than a child, by ratios with slack that hold in any build.
//! `npm run bench` measures exact figures.

#![cfg(feature = "embedded")]
#![allow(clippy::print_stdout, reason = "the test prints its measurements")]

#[allow(dead_code, reason = "the benchmark uses more of it")]
#[path = "../benches/speed/session.rs"]
mod session;

use std::sync::Arc;
use std::time::{Duration, Instant};

use js_runtime::{Runtime, Supervisor};

use session::{Session, Subject};

/// Node is the only child runtime on every test machine.
const SUBJECTS: [Subject; 2] = [Subject::Ours(Runtime::Embedded), Subject::Ours(Runtime::Node)];

/// Prints one line and stays idle.
const READY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/scripts/ready.mjs");

const STARTS: usize = 9;

/// At most half of the ratios of builds without optimisation: 3.5 to 6.5 for cold starts, 27 to 52 for warm ones.
///
/// Round trips are not checked: one build took 0.4 to 7 times Node's speed, depending on whether the system puts both
/// sides on one processor or on two.
const LEAST_OF_STARTS: f64 = 2.0;
const LEAST_OF_WARM_STARTS: f64 = 8.0;

/// A busy machine often slows down one of the two, but not in every attempt.
const ATTEMPTS: usize = 10;

#[test]
fn an_embedded_backend_starts_sooner_than_a_child() {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    executor.expect("an executor").block_on(async {
        let mut last = Vec::new();
        for _ in 0..ATTEMPTS {
            last = vec![
                ("start", ratio(&starts(0).await), LEAST_OF_STARTS),
                ("warm start", ratio(&starts(1).await), LEAST_OF_WARM_STARTS),
            ];
            println!("ratios to Node as a child: {last:.1?}");
            if last.iter().all(|(_, ratio, least)| *ratio >= *least) {
                return;
            }
        }
        panic!("the ratios to Node as a child are too small: {last:.1?}");
    });
}

/// The second median as a multiple of the first.
fn ratio([ours, child]: &[Duration; 2]) -> f64 {
    child.as_secs_f64() / ours.as_secs_f64()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Median start times of the subjects with `warm` warm isolates.
async fn starts(warm: usize) -> [Duration; 2] {
    let supervisor = Supervisor::builder().warm_isolates(warm).build();
    let supervisor = Arc::new(supervisor.expect("there is room for a thread"));
    supervisor.warm_up(None).expect("the standard limits");
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..STARTS {
        for (subject, times) in SUBJECTS.into_iter().zip(&mut times) {
            supervisor.warmed_up().await;
            times.push(start_time(&supervisor, subject).await);
        }
    }
    supervisor.shutdown().await;
    times.map(median)
}

/// The time from the call of `spawn` to the first line.
async fn start_time(supervisor: &Arc<Supervisor>, subject: Subject) -> Duration {
    let started = Instant::now();
    let mut session = Session::start(supervisor, subject, READY).await;
    session.reader.line().await;
    let time = started.elapsed();
    session.end().await;
    time
}
