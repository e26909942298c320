//! A running backend, through this library's API or through bare pipes.

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use js_runtime::{
    Backpressure, Event, Permissions, Runtime, SpawnConfig, Subscription, Supervisor,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Sends every line back.
pub(crate) const ECHO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/scripts/echo.mjs");

/// Room for two of the longest measured lines.
const PIPE_BUFFER: usize = 2 << 20;

/// A runtime and the way it is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Through this library's API.
    Ours(Runtime),
    /// As a child with bare pipes.
    Pipes(Runtime),
}

impl Subject {
    pub(crate) const EMBEDDED: Self = Self::Ours(Runtime::Embedded);

    pub(crate) fn all() -> Vec<Self> {
        const CHILDREN: [Runtime; 3] = [Runtime::Bun, Runtime::Deno, Runtime::Node];
        let ours = [Runtime::Embedded].into_iter().chain(CHILDREN).map(Self::Ours);
        ours.chain(CHILDREN.map(Self::Pipes)).collect()
    }

    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Ours(_))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(runtime) => write!(formatter, "{runtime}"),
            Self::Pipes(runtime) => write!(formatter, "{runtime}, pipes"),
        }
    }
}

pub(crate) struct Session {
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
}

pub(crate) enum Writer {
    Ours { supervisor: Arc<Supervisor>, name: String },
    Pipes(ChildStdin),
}

pub(crate) enum Reader {
    Ours { events: Subscription, line: Bytes },
    Pipes { lines: BufReader<ChildStdout>, line: Vec<u8>, child: Box<Child> },
}

impl Session {
    pub(crate) async fn start(
        supervisor: &Arc<Supervisor>,
        subject: Subject,
        script: &str,
    ) -> Self {
        match subject {
            Subject::Ours(runtime) => {
                let (name, config) = (new_name(), config(runtime, script));
                let spawned = supervisor.spawn_subscribed(&name, config, Backpressure::Wait).await;
                let (_, events) = spawned.unwrap_or_else(|error| panic!("{subject}: {error}"));
                Self {
                    writer: Writer::Ours { supervisor: supervisor.clone(), name },
                    reader: Reader::Ours { events, line: Bytes::new() },
                }
            }
            Subject::Pipes(runtime) => pipes(runtime, script),
        }
    }

    /// The time from the write of a line to the answer, which [`Session::answer`] returns.
    pub(crate) async fn round_trip(&mut self, line: &Bytes) -> Duration {
        let started = Instant::now();
        self.writer.write(line).await;
        self.reader.line().await;
        started.elapsed()
    }

    /// The line that was read last.
    pub(crate) fn answer(&self) -> &[u8] {
        match &self.reader {
            Reader::Ours { line, .. } => line,
            Reader::Pipes { line, .. } => line,
        }
    }

    pub(crate) async fn end(self) {
        match (self.writer, self.reader) {
            (Writer::Ours { supervisor, name }, _) => end(&supervisor, &name).await,
            (_, Reader::Pipes { mut child, .. }) => child.kill().await.expect("it runs"),
            _ => {}
        }
    }

    /// The process id of a child; this program's for an embedded backend.
    pub(crate) fn pid(&self) -> Option<u32> {
        match (&self.writer, &self.reader) {
            (Writer::Ours { supervisor, name }, _) => supervisor.status(name).ok()?.pid,
            (_, Reader::Pipes { child, .. }) => child.id(),
            _ => None,
        }
    }
}

/// A name for a backend.
pub(crate) fn new_name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("bench {}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The configuration of a backend that may do everything, like a child.
pub(crate) fn config(runtime: Runtime, script: &str) -> SpawnConfig {
    SpawnConfig {
        permissions: Some(Permissions { all: true, ..Permissions::default() }),
        ..SpawnConfig::script(runtime, script)
    }
}

/// Ends a backend of the supervisor.
pub(crate) async fn end(supervisor: &Supervisor, name: &str) {
    supervisor.kill(name).await.expect("it runs");
    supervisor.remove(name).expect("it has ended");
}

impl Writer {
    /// `line` ends with a line feed.
    pub(crate) async fn write(&mut self, line: &Bytes) {
        match self {
            Self::Ours { supervisor, name } => {
                supervisor.write_stdin(name, line.clone()).await.expect("it reads");
            }
            Self::Pipes(stdin) => stdin.write_all(line).await.expect("it reads"),
        }
    }
}

impl Reader {
    /// Reads the next non-empty line: on Deno kkrpc sends an empty line after each frame.
    pub(crate) async fn line(&mut self) {
        while self.any_line().await == 0 {}
    }

    /// Reads the next line. Returns its length.
    async fn any_line(&mut self) -> usize {
        match self {
            Self::Ours { events, line } => loop {
                match events.recv().await.expect("it runs").event {
                    Event::Stdout(bytes) => {
                        *line = bytes;
                        return line.len();
                    }
                    Event::Stderr(line) => {
                        panic!("stderr: {}", String::from_utf8_lossy(&line))
                    }
                    Event::Exit { reason, .. } => panic!("the backend has ended: {reason:?}"),
                    _ => {}
                }
            },
            Self::Pipes { lines, line, .. } => {
                line.clear();
                lines.read_until(b'\n', line).await.expect("it writes");
                assert!(line.pop().is_some(), "the backend has ended");
                line.len()
            }
        }
    }
}

fn pipes(runtime: Runtime, script: &str) -> Session {
    let program = which::which(runtime.as_str()).expect("all three runtimes are installed");
    let mut command = Command::new(resolve_launcher(program));
    match runtime {
        Runtime::Bun => command.arg("run"),
        Runtime::Deno => command.args(["run", "--quiet", "--no-prompt", "--allow-all"]),
        _ => &mut command,
    };
    let spawned = command
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{runtime}: {error}"));
    let stdin = child.stdin.take().expect("it is a pipe");
    let stdout = child.stdout.take().expect("it is a pipe");
    let lines = BufReader::with_capacity(PIPE_BUFFER, stdout);
    Session {
        writer: Writer::Pipes(stdin),
        reader: Reader::Pipes { lines, line: Vec::new(), child: Box::new(child) },
    }
}

/// npm installs Deno with a launcher script. The library's detection resolves it too.
fn resolve_launcher(program: PathBuf) -> PathBuf {
    let linked = program.canonicalize().unwrap_or(program);
    let behind = linked.with_file_name("deno");
    if linked.ends_with("deno/bin.cjs") && behind.is_file() { behind } else { linked }
}
