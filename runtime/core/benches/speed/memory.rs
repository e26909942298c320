//! Measures memory of idle backends, and starts and round trips beside many others.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use js_runtime::{Runtime, Supervisor};

use crate::calls::round_trips;
use crate::session::{ECHO, Session, Subject};
use crate::stats::{Figures, micros};

/// The number of backends that are added to the first two.
const FURTHER: usize = 8;

/// Numbers of embedded backends that live at once.
const LIVE_COUNTS: [usize; 3] = [1, 8, 64];

/// The time in which all runtimes collect garbage after their start and become idle.
const IDLE_TIME: Duration = Duration::from_secs(2);

pub(crate) async fn measure(figures: &mut Figures, subjects: &[Subject]) {
    let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
    for subject in subjects {
        // Two, because pages of an executable count as private while it runs only once.
        let mut sessions = vec![start_ready(&supervisor, *subject).await];
        sessions.push(start_ready(&supervisor, *subject).await);
        tokio::time::sleep(IDLE_TIME).await;
        let before = private_kb(&sessions);
        for _ in 0..FURTHER {
            sessions.push(start_ready(&supervisor, *subject).await);
        }
        tokio::time::sleep(IDLE_TIME).await;
        #[allow(clippy::cast_precision_loss, reason = "a small number")]
        let each = (private_kb(&sessions) - before) / FURTHER as f64;
        figures.add("memory of a further one", *subject, "KiB", vec![each]);
        for session in sessions {
            session.end().await;
        }
    }
    measure_many(figures, &supervisor).await;
    supervisor.shutdown().await;
}

/// Measures starts and round trips of one backend beside growing numbers of others.
async fn measure_many(figures: &mut Figures, supervisor: &Arc<Supervisor>) {
    let subject = Subject::Ours(Runtime::Embedded);
    let (mut sessions, mut starts) = (Vec::new(), Vec::new());
    for count in LIVE_COUNTS {
        starts.clear();
        while sessions.len() < count {
            let began = Instant::now();
            sessions.push(start_ready(supervisor, subject).await);
            starts.push(micros(began.elapsed()));
        }
        tokio::time::sleep(IDLE_TIME).await;
        let times = round_trips(&mut sessions[0]).await;
        figures.add(&format!("start, {count} live"), subject, "µs", starts.clone());
        figures.add(&format!("round trip, {count} live"), subject, "µs", times);
        figures.add(&format!("memory, {count} live"), subject, "KiB", vec![private_kb(&sessions)]);
    }
    for session in sessions {
        session.end().await;
    }
}

/// Starts a backend and waits for its first answer.
async fn start_ready(supervisor: &Arc<Supervisor>, subject: Subject) -> Session {
    let mut session = Session::start(supervisor, subject, ECHO).await;
    session.round_trip(&Bytes::from_static(b"ready\n")).await;
    session
}

/// Private memory of this program and its children among `sessions`, in KiB.
fn private_kb(sessions: &[Session]) -> f64 {
    let children =
        sessions.iter().filter_map(Session::pid).filter(|pid| *pid != std::process::id());
    let all = children.map(|pid| pid.to_string()).chain(["self".to_owned()]);
    all.map(|pid| {
        let sums = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let private = sums.lines().filter(|line| line.starts_with("Private_"));
        let sizes = private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        sizes.sum::<f64>()
    })
    .sum()
}
