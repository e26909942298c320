//! What embedding gives is still there: a guard with ratios and slack, in whatever build the tests are.
//! Figures come from `npm run bench`.

#![cfg(feature = "embedded")]
#![allow(clippy::print_stdout, reason = "a measurement is to be seen")]

#[allow(dead_code, reason = "the bench measures more")]
#[path = "../benches/speed/session.rs"]
mod session;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use js_runtime::{Runtime, Supervisor};

use session::{ECHO, Session, Subject};

/// Node is the one child that is always there.
const SUBJECTS: [Subject; 2] = [Subject::Ours(Runtime::Embedded), Subject::Ours(Runtime::Node)];

const STARTS: usize = 9;
const ROUND_TRIPS: usize = 1_000;

/// Half of what is seen in a build without optimisation, and less: 4.6, 48 and 7.4.
const LEAST_OF_STARTS: f64 = 2.0;
const LEAST_OF_WARM_STARTS: f64 = 8.0;
const LEAST_OF_ROUND_TRIPS: f64 = 1.5;

/// Longer than it takes until an isolate is prepared.
const REST: Duration = Duration::from_millis(400);

/// A machine may be busy with something else at one time, but not every time.
const ATTEMPTS: usize = 3;

#[test]
fn an_embedded_backend_starts_and_answers_sooner_than_a_child() {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    executor.expect("an executor").block_on(async {
        let mut last = Vec::new();
        for _ in 0..ATTEMPTS {
            last = vec![
                ("start", ratio(&starts(0, Duration::ZERO).await), LEAST_OF_STARTS),
                ("warm start", ratio(&starts(1, REST).await), LEAST_OF_WARM_STARTS),
                ("round trip", ratio(&round_trips().await), LEAST_OF_ROUND_TRIPS),
            ];
            println!("times better than Node as a child: {last:.1?}");
            if last.iter().all(|(_, ratio, least)| *ratio >= *least) {
                return;
            }
        }
        panic!("not as many times better than Node as a child as it should be: {last:.1?}");
    });
}

/// How many times less the first median is.
fn ratio([ours, childs]: &[Duration; 2]) -> f64 {
    childs.as_secs_f64() / ours.as_secs_f64()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// With so many isolates prepared, after such a rest.
async fn starts(warm: usize, rest: Duration) -> [Duration; 2] {
    let supervisor = Supervisor::builder().warm_isolates(warm).build();
    let supervisor = Arc::new(supervisor.expect("there is room for a thread"));
    supervisor.warm_up(None).expect("the standard limits");
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..STARTS {
        for (subject, times) in SUBJECTS.into_iter().zip(&mut times) {
            tokio::time::sleep(rest).await;
            times.push(Session::start_time(&supervisor, subject).await);
        }
    }
    supervisor.shutdown().await;
    times.map(median)
}

async fn round_trips() -> [Duration; 2] {
    // None is prepared meanwhile.
    let supervisor = Supervisor::builder().warm_isolates(0).build();
    let supervisor = Arc::new(supervisor.expect("there is room for a thread"));
    let line = Bytes::from_static(b"a line of a call\n");
    let mut times = [Vec::new(), Vec::new()];
    for (subject, times) in SUBJECTS.into_iter().zip(&mut times) {
        let mut session = Session::start(&supervisor, subject, ECHO).await;
        for _ in 0..ROUND_TRIPS {
            times.push(session.round_trip(&line).await);
        }
        session.end().await;
    }
    supervisor.shutdown().await;
    times.map(median)
}
