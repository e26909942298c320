//! Measures one line or call at a time, with an idle processor core and without, and the processor time of each.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use js_runtime::Supervisor;
use tokio::process::{Child, Command};

use crate::contender::Contender;
use crate::frames::Backends;
use crate::session::Subject;
use crate::stats::{Figures, float, median, micros, samples};

/// Blocks of round trips. A sample is the median of a block.
const BLOCKS: usize = 11;

/// Round trips of a block.
const BLOCK: usize = 300;

/// Round trips of a block on a busy machine.
const BUSY_BLOCK: usize = 60;

/// Round trips before the measurement, for the runtime's compiler.
const WARM_UP: usize = 500;

/// Round trips of a block with pauses.
const PAUSED_BLOCK: usize = 50;

/// The pause between two of them.
const PAUSE: Duration = Duration::from_millis(10);

/// Longer than the measurement on a busy machine.
const LONGEST_BURN: Duration = Duration::from_mins(5);

/// The argument that makes this program keep a core busy until it is killed.
pub(crate) const BURN: &str = "--burn";

pub(crate) async fn measure(figures: &mut Figures, subjects: &[Subject], backends: &Backends) {
    let spinning = Arc::new(Supervisor::new().expect("there is room for a thread"));
    let sleeping = Supervisor::builder().spin(false).build();
    let sleeping = Arc::new(sleeping.expect("there is room for a thread"));
    let mut contenders = Vec::new();
    for subject in subjects {
        let echo = Contender::echo("round trip, 64 B", &spinning, *subject, 64, 1);
        contenders.push(echo.await);
        if !subject.is_ours() {
            continue;
        }
        let serve = backends.serve();
        let call = Contender::rust("call from Rust", &spinning, *subject, &serve);
        contenders.push(call.await);
        if *subject == Subject::EMBEDDED {
            let echo = Contender::echo("round trip, 64 B", &sleeping, *subject, 64, 1).await;
            contenders.push(echo.named("embedded, no spin"));
            let call = Contender::rust("call from Rust", &sleeping, *subject, &serve).await;
            contenders.push(call.named("embedded, no spin"));
        }
    }
    for contender in &mut contenders {
        block(contender, WARM_UP, Duration::ZERO).await;
    }
    measure_blocks(figures, &mut contenders, BLOCK, Duration::ZERO, "").await;
    measure_blocks(figures, &mut contenders, PAUSED_BLOCK, PAUSE, ", every 10 ms").await;
    let burners = burn_all_cores();
    measure_blocks(figures, &mut contenders, BUSY_BLOCK, Duration::ZERO, ", no idle core").await;
    for mut burner in burners {
        burner.kill().await.expect("it runs");
    }
    for contender in contenders {
        contender.end().await;
    }
    spinning.shutdown().await;
    sleeping.shutdown().await;
}

/// Measures alternating blocks.
async fn measure_blocks(
    figures: &mut Figures,
    contenders: &mut [Contender],
    count: usize,
    pause: Duration,
    condition: &str,
) {
    let mut results = vec![(Vec::new(), Vec::new()); contenders.len()];
    for _ in 0..samples(BLOCKS) {
        for (contender, (times, costs)) in contenders.iter_mut().zip(&mut results) {
            // Spinning adapts to the contender whose turn it is.
            block(contender, count / 10, pause).await;
            let before = contender.cpu_micros();
            times.push(median(&mut block(contender, count, pause).await));
            costs.push((contender.cpu_micros() - before) / float(count));
        }
    }
    for (contender, (times, costs)) in contenders.iter().zip(results) {
        let Contender { figure, subject, .. } = contender;
        figures.add(&format!("{figure}{condition}"), subject, "µs", times);
        figures.add(&format!("CPU time: {figure}{condition}"), subject, "µs", costs);
    }
}

async fn block(contender: &mut Contender, count: usize, pause: Duration) -> Vec<f64> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        times.push(micros(contender.one().await));
    }
    times
}

/// The median time of a block of round trips.
pub(crate) async fn median_time(contender: &mut Contender) -> f64 {
    median(&mut block(contender, BLOCK, Duration::ZERO).await)
}

/// Starts a process for each core that keeps it busy.
fn burn_all_cores() -> Vec<Child> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let program = std::env::current_exe().expect("this program has a path");
    let burner = |_| {
        let mut command = Command::new(&program);
        command.arg(BURN).stdin(Stdio::null()).kill_on_drop(true);
        command.spawn().expect("this program can be started")
    };
    (0..cores).map(burner).collect()
}

/// Keeps a core busy until this process is killed, or for a while if nothing kills it.
pub(crate) fn burn() {
    let started = Instant::now();
    while started.elapsed() < LONGEST_BURN {
        std::hint::spin_loop();
    }
}
