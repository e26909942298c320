//! Measures memory and wake-ups of idle backends, and starts and round trips beside many others.

use std::sync::Arc;
use std::time::Duration;

use js_runtime::Supervisor;

use crate::alone::{self, Measurement};
use crate::contender::{Contender, pipelined};
use crate::frames::{Backends, Wire};
use crate::round_trips::median_time;
use crate::session::{ECHO, Session, Subject};
use crate::start::start;
use crate::stats::{Figures, float, is_quick, micros, samples};
use crate::usage;

/// Backends before the first counted one: pages of an executable count as private while only one program runs it.
const FIRST: usize = 2;

/// Backends that are added for each sample.
const FURTHER: usize = 4;

/// Samples of memory.
const GROWTHS: usize = 3;

/// Calls to each backend before its memory is measured.
const CALLS: usize = 2_000;

/// Calls at a time.
const IN_FLIGHT: usize = 16;

/// The time in which all runtimes collect garbage after their last call and become idle.
const IDLE_TIME: Duration = Duration::from_secs(8);

/// Backends whose wake-ups are counted.
const IDLE_BACKENDS: usize = 8;

/// A sample of wake-ups.
const IDLE_WINDOW: Duration = Duration::from_secs(10);

/// Samples of wake-ups.
const WINDOWS: usize = 3;

/// Numbers of embedded backends that live at once.
const LIVE_COUNTS: [usize; 3] = [1, 8, 64];

/// Samples of starts and round trips beside them.
const LIVE_SAMPLES: usize = 7;

/// Longer than the pool needs to bootstrap the next isolate.
const PAUSE: Duration = Duration::from_millis(300);

/// Measures the memory of each further backend, after calls.
pub(crate) async fn measure_further(
    figures: &mut Figures,
    subjects: &[Subject],
    backends: &Backends,
) {
    for (figure, with_node_modules) in
        [("memory of a further one, node: modules", true), ("memory of a further one", false)]
    {
        for subject in subjects.iter().filter(|subject| subject.is_ours()) {
            let what = Measurement::Memory { with_node_modules };
            let growths = alone::measure(what, *subject, backends).await.concat();
            figures.add(figure, *subject, "KiB", growths);
        }
    }
}

/// Memory of each further backend, in KiB.
pub(crate) async fn growths(subject: Subject, script: &str) -> Vec<f64> {
    let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
    let mut sessions = Vec::new();
    add_called(&supervisor, subject, script, FIRST, &mut sessions).await;
    let mut before = anonymous_kb(&sessions).await;
    let mut growths = Vec::new();
    for _ in 0..samples(GROWTHS) {
        add_called(&supervisor, subject, script, FURTHER, &mut sessions).await;
        let after = anonymous_kb(&sessions).await;
        growths.push((after - before) / float(FURTHER));
        before = after;
    }
    end_all(sessions).await;
    supervisor.shutdown().await;
    growths
}

/// Starts backends and calls each.
async fn add_called(
    supervisor: &Arc<Supervisor>,
    subject: Subject,
    script: &str,
    count: usize,
    sessions: &mut Vec<Session>,
) {
    let frames: Vec<_> = (0..IN_FLIGHT).map(|number| Wire::Serve.add(number)).collect();
    for _ in 0..count {
        let mut session = Session::start(supervisor, subject, script).await;
        Wire::Serve.check(&mut session).await;
        pipelined(&mut session, &frames, CALLS, IN_FLIGHT).await;
        sessions.push(session);
    }
}

fn idle_time() -> Duration {
    if is_quick() { IDLE_TIME / 8 } else { IDLE_TIME }
}

/// Anonymous memory of this program and the children, when they have become idle.
async fn anonymous_kb(sessions: &[Session]) -> f64 {
    tokio::time::sleep(idle_time()).await;
    usage::anonymous_kb(&usage::pids(sessions))
}

/// Counts wake-ups of the program and of its children while the backends are idle.
pub(crate) async fn measure_wake_ups(
    figures: &mut Figures,
    subjects: &[Subject],
    backends: &Backends,
) {
    for subject in subjects.iter().filter(|subject| subject.is_ours()) {
        let rates = alone::measure(Measurement::WakeUps, *subject, backends).await.concat();
        figures.add("wake-ups, 8 idle", *subject, "wake-ups/s", rates);
    }
}

/// Wake-ups per second while backends are idle.
pub(crate) async fn wake_ups(subject: Subject, script: &str) -> Vec<f64> {
    let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
    let mut sessions = Vec::new();
    for _ in 0..IDLE_BACKENDS {
        let mut session = Session::start(&supervisor, subject, script).await;
        Wire::Serve.check(&mut session).await;
        sessions.push(session);
    }
    tokio::time::sleep(idle_time()).await;
    let pids = usage::pids(&sessions);
    let mut rates = Vec::new();
    for _ in 0..samples(WINDOWS) {
        let before = usage::sleeps(&pids);
        tokio::time::sleep(IDLE_WINDOW).await;
        // One is the wake-up of this program at the end of the window.
        let wake_ups = usage::sleeps(&pids) - before - 1.0;
        rates.push(wake_ups.max(0.0) / IDLE_WINDOW.as_secs_f64());
    }
    end_all(sessions).await;
    supervisor.shutdown().await;
    rates
}

/// Measures starts and round trips of an embedded backend beside growing numbers of others.
pub(crate) async fn measure_beside(figures: &mut Figures, backends: &Backends) {
    for count in LIVE_COUNTS {
        let subject = Subject::EMBEDDED;
        let measured = alone::measure(Measurement::Beside(count), subject, backends).await;
        let names = [("start", "µs"), ("round trip", "µs"), ("memory", "KiB")];
        for ((name, unit), samples) in names.into_iter().zip(measured) {
            figures.add(&format!("{name}, {count} live"), subject, unit, samples);
        }
    }
}

/// Starts and round trips beside `count` backends in microseconds, and the memory of the program with them in KiB.
pub(crate) async fn beside(subject: Subject, count: usize) -> Vec<Vec<f64>> {
    let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
    let mut contender = Contender::echo("round trip", &supervisor, subject, 64, 1).await;
    let mut sessions = Vec::new();
    while sessions.len() + 1 < count {
        sessions.push(Session::start(&supervisor, subject, ECHO).await);
    }
    median_time(&mut contender).await;
    let memory = anonymous_kb(&sessions).await;
    let (mut starts, mut trips) = (Vec::new(), Vec::new());
    for _ in 0..samples(LIVE_SAMPLES) {
        tokio::time::sleep(PAUSE).await;
        starts.push(micros(start(&supervisor, subject, 1).await));
        trips.push(median_time(&mut contender).await);
    }
    contender.end().await;
    end_all(sessions).await;
    supervisor.shutdown().await;
    vec![starts, trips, vec![memory]]
}

async fn end_all(sessions: Vec<Session>) {
    for session in sessions {
        session.end().await;
    }
}
