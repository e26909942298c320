//! What the figures of calls and lines are measured on: a session with its lines, or calls from Rust.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use js_runtime::Supervisor;
use tokio::sync::Semaphore;

use crate::frames::Wire;
use crate::from_rust::RustCaller;
use crate::session::{ECHO, Session, Subject};
use crate::usage;

pub(crate) struct Contender {
    pub(crate) figure: String,
    pub(crate) subject: String,
    caller: Caller,
}

enum Caller {
    /// Lines that are sent repeatedly: a real line is usually in the cache when it is written, and reading more lines
    /// from memory would take longer than most subjects need.
    Lines {
        session: Session,
        lines: Vec<Bytes>,
    },
    Rust(RustCaller),
}

impl Contender {
    /// Lines of `bytes` bytes, of which each comes back.
    pub(crate) async fn echo(
        figure: &str,
        supervisor: &Arc<Supervisor>,
        subject: Subject,
        bytes: usize,
        in_flight: usize,
    ) -> Self {
        let mut session = Session::start(supervisor, subject, ECHO).await;
        let lines: Vec<_> = (0..in_flight).map(|_| padded(bytes)).collect();
        pipelined(&mut session, &lines, 1, 1).await;
        assert_eq!(session.answer().len(), bytes - 1, "{subject}: an echo");
        Self::of(figure, subject, Caller::Lines { session, lines })
    }

    /// Calls whose frames are written before the measurement.
    pub(crate) async fn frames(
        figure: &str,
        supervisor: &Arc<Supervisor>,
        subject: Subject,
        wire: Wire,
        script: &str,
        in_flight: usize,
    ) -> Self {
        let mut session = Session::start(supervisor, subject, script).await;
        wire.check(&mut session).await;
        let lines = (0..in_flight).map(|number| wire.add(number)).collect();
        Self::of(figure, subject, Caller::Lines { session, lines })
    }

    /// Calls by the endpoint of Rust.
    pub(crate) async fn rust(
        figure: &str,
        supervisor: &Arc<Supervisor>,
        subject: Subject,
        script: &str,
    ) -> Self {
        let caller = RustCaller::start(supervisor, subject, script).await;
        Self::of(figure, subject, Caller::Rust(caller))
    }

    fn of(figure: &str, subject: Subject, caller: Caller) -> Self {
        Self { figure: figure.to_owned(), subject: subject.to_string(), caller }
    }

    /// The same with another name in the tables.
    pub(crate) fn named(mut self, subject: &str) -> Self {
        subject.clone_into(&mut self.subject);
        self
    }

    /// The time of one call or line.
    pub(crate) async fn one(&mut self) -> Duration {
        match &mut self.caller {
            Caller::Lines { session, lines } => session.round_trip(&lines[0]).await,
            Caller::Rust(caller) => caller.one().await,
        }
    }

    /// The time of `count` calls or lines, at most `in_flight` at a time.
    pub(crate) async fn many(&mut self, count: usize, in_flight: usize) -> Duration {
        match &mut self.caller {
            Caller::Lines { session, lines } => pipelined(session, lines, count, in_flight).await,
            Caller::Rust(caller) => caller.many(count, in_flight).await,
        }
    }

    /// Processor time of all processes that take part, in microseconds.
    pub(crate) fn cpu_micros(&self) -> f64 {
        match &self.caller {
            Caller::Lines { session, .. } => usage::cpu_micros(&usage::pids([session])),
            Caller::Rust(caller) => usage::cpu_micros(&caller.pids()),
        }
    }

    pub(crate) async fn end(self) {
        match self.caller {
            Caller::Lines { session, .. } => session.end().await,
            Caller::Rust(caller) => caller.end().await,
        }
    }
}

/// The time of `count` lines, at most `in_flight` at a time.
pub(crate) async fn pipelined(
    session: &mut Session,
    lines: &[Bytes],
    count: usize,
    in_flight: usize,
) -> Duration {
    let room = Semaphore::new(in_flight);
    let Session { writer, reader } = session;
    let started = Instant::now();
    let sends = async {
        for line in lines.iter().cycle().take(count) {
            room.acquire().await.expect("never closed").forget();
            writer.write(line).await;
        }
    };
    let receives = async {
        for _ in 0..count {
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
