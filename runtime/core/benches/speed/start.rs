//! From the call to the first line.

use std::sync::Arc;
use std::time::Instant;

use js_runtime::Supervisor;

use crate::session::{Session, Subject};
use crate::stats::{Figures, micros};

const SAMPLES: usize = 21;

const READY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/scripts/ready.mjs");

pub(crate) async fn measure(figures: &mut Figures, subjects: &[Subject]) {
    let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
    let mut times = vec![Vec::new(); subjects.len()];
    for sample in 0..=SAMPLES {
        for (subject, times) in subjects.iter().zip(&mut times) {
            let time = once(&supervisor, *subject).await;
            if sample > 0 {
                times.push(time);
            } else if subject.is_embedded() {
                figures.add("start, first of an app", *subject, "µs", vec![time]);
            }
        }
    }
    for (subject, times) in subjects.iter().zip(times) {
        figures.add("start", *subject, "µs", times);
    }
    supervisor.shutdown().await;
}

async fn once(supervisor: &Arc<Supervisor>, subject: Subject) -> f64 {
    let began = Instant::now();
    let mut session = Session::start(supervisor, subject, READY).await;
    session.reader.line().await;
    let time = micros(began.elapsed());
    session.end().await;
    time
}
