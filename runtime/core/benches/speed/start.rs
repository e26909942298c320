//! Measures starts: from the call of `spawn` to the first line.

use std::sync::Arc;
use std::time::Duration;

use js_runtime::Supervisor;

use crate::session::{Session, Subject};
use crate::stats::{Figures, micros};

const SAMPLES: usize = 21;

/// Longer than the pool needs to bootstrap the next isolate.
const PAUSE: Duration = Duration::from_millis(300);

/// Measures starts without warm isolates.
pub(crate) async fn measure_cold(figures: &mut Figures, subjects: &[Subject]) {
    let supervisor = Supervisor::builder().warm_isolates(0).build();
    let supervisor = Arc::new(supervisor.expect("there is room for a thread"));
    if let Some(ours) = subjects.iter().find(|subject| subject.is_embedded()) {
        let first = Session::start_time(&supervisor, *ours).await;
        figures.add("start, first of an app", *ours, "µs", vec![micros(first)]);
    }
    measure(figures, "start", subjects, &supervisor, Duration::ZERO).await;
    supervisor.shutdown().await;
}

/// Measures starts with a warm isolate.
pub(crate) async fn measure_warm(figures: &mut Figures, subjects: &[Subject]) {
    let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
    supervisor.warm_up(None).expect("the standard limits");
    let ours: Vec<_> = subjects.iter().copied().filter(|subject| subject.is_ours()).collect();
    measure(figures, "start, warm", &ours, &supervisor, PAUSE).await;
    supervisor.shutdown().await;
}

/// The subjects alternate; the first start of each is not counted.
async fn measure(
    figures: &mut Figures,
    figure: &str,
    subjects: &[Subject],
    supervisor: &Arc<Supervisor>,
    pause: Duration,
) {
    let mut times = vec![Vec::new(); subjects.len()];
    for sample in 0..=SAMPLES {
        for (subject, times) in subjects.iter().zip(&mut times) {
            tokio::time::sleep(pause).await;
            let time = Session::start_time(supervisor, *subject).await;
            if sample > 0 {
                times.push(micros(time));
            }
        }
    }
    for (subject, times) in subjects.iter().zip(times) {
        figures.add(figure, *subject, "µs", times);
    }
}
