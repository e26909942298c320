//! Measures many lines and calls at a time: rates per second.

use std::sync::Arc;

use js_runtime::{Runtime, Supervisor};

use crate::contender::Contender;
use crate::frames::{Backends, Wire};
use crate::session::Subject;
use crate::stats::{Figures, float, samples};

/// Measured rounds.
const ROUNDS: usize = 9;

/// A round of `count` lines of one length, at most `in_flight` at a time.
struct Load {
    figure: &'static str,
    bytes: usize,
    count: usize,
    in_flight: usize,
}

const LINES: [Load; 3] = [
    Load { figure: "lines of 64 B", bytes: 64, count: 20_000, in_flight: 256 },
    Load { figure: "lines of 64 KiB", bytes: 64 << 10, count: 1_000, in_flight: 16 },
    Load { figure: "lines of 1 MiB", bytes: 1 << 20, count: 100, in_flight: 4 },
];

/// Calls of a round.
const CALLS: usize = 10_000;

/// Calls at a time.
const IN_FLIGHT: usize = 256;

pub(crate) async fn measure_lines(figures: &mut Figures, subjects: &[Subject]) {
    let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
    for Load { figure, bytes, count, in_flight } in LINES {
        let mut contenders = Vec::new();
        for subject in subjects {
            let contender = Contender::echo(figure, &supervisor, *subject, bytes, in_flight);
            contenders.push(contender.await);
        }
        rates(figures, contenders, count, in_flight).await;
    }
    supervisor.shutdown().await;
}

/// Measures calls by prepared frames to `serve` and to kkrpc, and calls from Rust to `serve`.
pub(crate) async fn measure_calls(
    figures: &mut Figures,
    subjects: &[Subject],
    backends: &Backends,
) {
    let supervisor = Arc::new(Supervisor::new().expect("there is room for a thread"));
    let mut contenders = Vec::new();
    for subject in subjects {
        let Subject::Ours(runtime) = *subject else { continue };
        let frames = async |figure: &str, wire, script: String| {
            Contender::frames(figure, &supervisor, *subject, wire, &script, IN_FLIGHT).await
        };
        contenders.push(frames("calls, serve", Wire::Serve, backends.serve()).await);
        let serve = backends.serve();
        contenders.push(Contender::rust("calls from Rust", &supervisor, *subject, &serve).await);
        let is_embedded = runtime == Runtime::Embedded;
        let kkrpc = backends.kkrpc(if is_embedded { Runtime::Node } else { runtime });
        contenders.push(frames("calls, kkrpc", Wire::Kkrpc, kkrpc).await);
        if is_embedded {
            let kkrpc = backends.kkrpc(Runtime::Deno);
            let contender = frames("calls, kkrpc", Wire::Kkrpc, kkrpc).await;
            contenders.push(contender.named("embedded, DenoIo"));
        }
    }
    rates(figures, contenders, CALLS, IN_FLIGHT).await;
    supervisor.shutdown().await;
}

/// Answers per second. The rounds of the contenders alternate; the first round is not counted.
async fn rates(
    figures: &mut Figures,
    mut contenders: Vec<Contender>,
    count: usize,
    in_flight: usize,
) {
    let mut rates = vec![Vec::new(); contenders.len()];
    for round in 0..=samples(ROUNDS) {
        for (contender, rates) in contenders.iter_mut().zip(&mut rates) {
            let time = contender.many(count, in_flight).await;
            if round > 0 {
                rates.push(float(count) / time.as_secs_f64());
            }
        }
    }
    for (contender, rates) in contenders.into_iter().zip(rates) {
        figures.add(&contender.figure, &contender.subject, "1/s", rates);
        contender.end().await;
    }
}
