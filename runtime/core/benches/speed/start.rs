//! Measures starts: from the call of `spawn` to the first line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use js_runtime::Supervisor;

use crate::alone::{self, Measurement};
use crate::frames::{Backends, Wire};
use crate::session::{Session, Subject};
use crate::stats::{Figures, micros, samples};

/// Prints one line and stays idle.
const READY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/scripts/ready.mjs");

const SAMPLES: usize = 21;

/// Samples of starts in a process of their own, and of many starts at once.
const FEW_SAMPLES: usize = 11;

/// Longer than the pool needs to bootstrap the next isolate.
const PAUSE: Duration = Duration::from_millis(300);

/// Longer than the pool needs after many starts at once.
const LONG_PAUSE: Duration = Duration::from_secs(1);

/// Backends that are started at once.
const AT_ONCE: usize = 8;

/// Measures the first starts of an application: each in a new process.
pub(crate) async fn measure_first(
    figures: &mut Figures,
    subjects: &[Subject],
    backends: &Backends,
) {
    let subjects = ours(subjects);
    for (figure, count) in
        [("start, first of an app", 1), ("start, 8 at once, first of an app", AT_ONCE)]
    {
        let mut times = vec![Vec::new(); subjects.len()];
        for _ in 0..samples(FEW_SAMPLES) {
            for (subject, times) in subjects.iter().zip(&mut times) {
                let measured = alone::measure(Measurement::Start(count), *subject, backends).await;
                times.extend(measured.concat());
            }
        }
        add(figures, figure, &subjects, times);
    }
}

/// Starts `count` backends at once in this new process. Returns microseconds.
pub(crate) async fn first(subject: Subject, count: usize) -> f64 {
    let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
    let time = start(&supervisor, subject, count).await;
    supervisor.shutdown().await;
    micros(time)
}

/// Measures starts without warm isolates.
pub(crate) async fn measure_cold(figures: &mut Figures, subjects: &[Subject]) {
    let supervisor = Supervisor::builder().warm_isolates(0).build();
    let supervisor = Arc::new(supervisor.expect("there is room for a thread"));
    let mut times = vec![Vec::new(); subjects.len()];
    // The first start of each is not counted.
    for sample in 0..=samples(SAMPLES) {
        for (subject, times) in subjects.iter().zip(&mut times) {
            let time = start(&supervisor, *subject, 1).await;
            if sample > 0 {
                times.push(micros(time));
            }
        }
    }
    add(figures, "start", subjects, times);
    supervisor.shutdown().await;
}

/// Measures starts with warm isolates: one, one with its first call, and many at once.
pub(crate) async fn measure_warm(figures: &mut Figures, subjects: &[Subject], backends: &Backends) {
    let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
    supervisor.warm_up(None).expect("the standard limits");
    let subjects = ours(subjects);
    let mut times = vec![[const { Vec::new() }; 3]; subjects.len()];
    for sample in 0..=samples(SAMPLES) {
        for (subject, [ready, called, at_once]) in subjects.iter().zip(&mut times) {
            tokio::time::sleep(PAUSE).await;
            let time = start(&supervisor, *subject, 1).await;
            if sample > 0 {
                ready.push(micros(time));
            }
            if sample > FEW_SAMPLES {
                continue;
            }
            tokio::time::sleep(PAUSE).await;
            let time = start_and_call(&supervisor, *subject, &backends.serve()).await;
            if sample > 0 {
                called.push(micros(time));
            }
            tokio::time::sleep(LONG_PAUSE).await;
            let time = start(&supervisor, *subject, AT_ONCE).await;
            if sample > 0 {
                at_once.push(micros(time));
            }
            tokio::time::sleep(LONG_PAUSE).await;
        }
    }
    let names = ["start, warm", "start, warm, to the first call", "start, 8 at once"];
    for (index, figure) in names.into_iter().enumerate() {
        let times = times.iter_mut().map(|times| std::mem::take(&mut times[index])).collect();
        add(figures, figure, &subjects, times);
    }
    supervisor.shutdown().await;
}

fn ours(subjects: &[Subject]) -> Vec<Subject> {
    subjects.iter().copied().filter(|subject| subject.is_ours()).collect()
}

fn add(figures: &mut Figures, figure: &str, subjects: &[Subject], times: Vec<Vec<f64>>) {
    for (subject, times) in subjects.iter().zip(times) {
        figures.add(figure, subject, "µs", times);
    }
}

/// The time from the call of `spawn` to the first line of the last of `count` backends.
pub(crate) async fn start(
    supervisor: &Arc<Supervisor>,
    subject: Subject,
    count: usize,
) -> Duration {
    let started = Instant::now();
    let starts = (0..count).map(|_| async move {
        let mut session = Session::start(supervisor, subject, READY).await;
        session.reader.line().await;
        session
    });
    let sessions = join_all(starts).await;
    let time = started.elapsed();
    join_all(sessions.into_iter().map(Session::end)).await;
    time
}

/// The time from the call of `spawn` to the answer of the first call.
async fn start_and_call(supervisor: &Arc<Supervisor>, subject: Subject, serve: &str) -> Duration {
    let started = Instant::now();
    let mut session = Session::start(supervisor, subject, serve).await;
    Wire::Serve.check(&mut session).await;
    let time = started.elapsed();
    session.end().await;
    time
}
