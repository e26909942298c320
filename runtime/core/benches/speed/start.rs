//! From the call to the first line.

use std::sync::Arc;

use js_runtime::Supervisor;

use crate::session::{Session, Subject};
use crate::stats::{Figures, micros};

const SAMPLES: usize = 21;

pub(crate) async fn measure(figures: &mut Figures, subjects: &[Subject]) {
    let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
    let mut times = vec![Vec::new(); subjects.len()];
    for sample in 0..=SAMPLES {
        for (subject, times) in subjects.iter().zip(&mut times) {
            let time = micros(Session::start_time(&supervisor, *subject).await);
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
