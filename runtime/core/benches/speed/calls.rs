//! Measures echoed lines: one at a time, many at a time, long ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use js_runtime::Supervisor;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::session::{ECHO, Session, Subject};
use crate::stats::{Figures, micros};

/// Measured round trips of one line at a time.
const ROUND_TRIPS: usize = 3_000;

/// Measured rounds of many lines at a time.
const ROUNDS: usize = 7;

/// Round trips before the measurement, for the runtime's compiler.
const WARM_UP: usize = 500;

/// A round of `count` lines of one length, at most `in_flight` at a time.
struct Load {
    figure: &'static str,
    bytes: usize,
    count: usize,
    in_flight: usize,
}

const LOADS: [Load; 3] = [
    Load { figure: "lines of 64 B", bytes: 64, count: 20_000, in_flight: 256 },
    Load { figure: "lines of 64 KiB", bytes: 64 << 10, count: 1_000, in_flight: 16 },
    Load { figure: "lines of 1 MiB", bytes: 1 << 20, count: 100, in_flight: 4 },
];

pub(crate) async fn measure(figures: &mut Figures, subjects: &[Subject], worker: Option<&str>) {
    for subject in subjects {
        let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
        let mut session = Session::start(&supervisor, *subject, ECHO).await;
        let times = round_trips(&mut session).await;
        figures.add("round trip, 64 B", *subject, "µs", times);
        session.end().await;
        supervisor.shutdown().await;
    }
    for load in LOADS {
        let line = |_| padded(load.bytes);
        for (subject, rates) in subjects.iter().zip(rates(subjects, ECHO, &load, line).await) {
            figures.add(load.figure, *subject, "1/s", rates);
        }
    }
    if let Some(worker) = worker {
        let load = Load { figure: "kkrpc calls", bytes: 0, count: 5_000, in_flight: 256 };
        let ours: Vec<_> = subjects.iter().copied().filter(|subject| subject.is_ours()).collect();
        for (subject, rates) in ours.iter().zip(rates(&ours, worker, &load, call).await) {
            figures.add(load.figure, *subject, "1/s", rates);
        }
    }
}

pub(crate) async fn round_trips(session: &mut Session) -> Vec<f64> {
    let line = padded(64);
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    for number in 0..WARM_UP + ROUND_TRIPS {
        let time = session.round_trip(&line).await;
        if number >= WARM_UP {
            times.push(micros(time));
        }
    }
    times
}

/// Answers per second, by subject and round; the rounds of the subjects alternate.
async fn rates(
    subjects: &[Subject],
    script: &str,
    load: &Load,
    line: impl Fn(usize) -> Bytes,
) -> Vec<Vec<f64>> {
    let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
    let mut sessions = Vec::new();
    for subject in subjects {
        sessions.push(Session::start(&supervisor, *subject, script).await);
    }
    // As many lines as are in flight, sent repeatedly: a real line is usually in the cache when it is written, and
    // reading more lines from memory would take longer than most subjects need.
    let lines: Vec<Bytes> = (0..load.in_flight).map(line).collect();
    let mut rates = vec![Vec::new(); subjects.len()];
    for round in 0..=ROUNDS {
        for (session, rates) in sessions.iter_mut().zip(&mut rates) {
            let time = pipelined(session, &lines, load).await;
            if round > 0 {
                #[allow(clippy::cast_precision_loss, reason = "a small number")]
                rates.push(load.count as f64 / time.as_secs_f64());
            }
        }
    }
    for session in sessions {
        session.end().await;
    }
    supervisor.shutdown().await;
    rates
}

async fn pipelined(session: &mut Session, lines: &[Bytes], load: &Load) -> Duration {
    let room = Semaphore::new(load.in_flight);
    let Session { writer, reader } = session;
    let started = Instant::now();
    let sends = async {
        for line in lines.iter().cycle().take(load.count) {
            room.acquire().await.expect("never closed").forget();
            writer.write(line).await;
        }
    };
    let receives = async {
        for _ in 0..load.count {
            reader.line().await;
            room.add_permits(1);
        }
    };
    tokio::join!(sends, receives);
    started.elapsed()
}

/// A line of `bytes` bytes, line feed included.
fn padded(bytes: usize) -> Bytes {
    let mut line = vec![b'x'; bytes];
    line[bytes - 1] = b'\n';
    line.into()
}

/// A kkrpc request.
fn call(number: usize) -> Bytes {
    let frame = json!({
        "id": format!("1-2-3-{number}"), "method": "add", "args": [number, 1], "type": "request",
        "callbackIds": [], "version": "json",
    });
    format!("{frame}\n").into()
}
