//! `jsproc run`: connects the standard streams to one process.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use js_runtime::{Backpressure, Error, Event, ExitReason, Stream, Subscription, Supervisor};
use tokio::io::AsyncReadExt;

use crate::args::RunArgs;
use crate::signals;

/// The process's name inside its supervisor.
pub(crate) const NAME: &str = "script";

/// A shell reports the exit of a program that a signal has ended as this plus the signal's number.
const SIGNALLED: i32 = 128;

const CHUNK: usize = 64 * 1024;

/// The exit of the process.
struct Exit {
    reason: ExitReason,
    code: Option<i32>,
}

pub(crate) async fn run(args: Box<RunArgs>) -> Result<u8, Error> {
    // No second process will follow.
    let supervisor = Arc::new(Supervisor::builder().warm_isolates(0).build()?);
    let received = Arc::new(OnceLock::new());
    let signals = tokio::spawn(signals::forward(supervisor.clone(), received.clone()));
    let spawned = supervisor.spawn_subscribed(NAME, args.into_config(), Backpressure::Wait).await;
    let (_, events) = match (spawned, received.get()) {
        (Ok(spawned), _) => spawned,
        (Err(_), Some(signal)) => return Ok(low_byte(SIGNALLED + signal)),
        (Err(error), None) => return Err(error),
    };
    let feeder = tokio::spawn(feed_stdin(supervisor.clone()));
    // Writing to a terminal or a pipe blocks; signals must be handled meanwhile.
    let handle = tokio::runtime::Handle::current();
    let output_supervisor = supervisor.clone();
    let copy = move || handle.block_on(copy_output(&output_supervisor, events));
    let copying = tokio::task::spawn_blocking(copy).await;
    feeder.abort();
    signals.abort();

    // The panic hook has already reported a panic of the task.
    let exit = copying.unwrap_or(Exit { reason: ExitReason::Killed { signal: None }, code: None });
    supervisor.shutdown().await;
    if let Some(message) = exit_message(&exit) {
        // Fails if the reader of stderr is gone.
        let _ = writeln!(io::stderr(), "jsproc: {message}");
    }
    Ok(exit_code(&exit, received.get().copied()))
}

async fn feed_stdin(supervisor: Arc<Supervisor>) {
    let mut stdin = tokio::io::stdin();
    let mut buffer = vec![0; CHUNK];
    // An unreadable stdin counts as an empty one.
    while let Ok(count @ 1..) = stdin.read(&mut buffer).await {
        // Fails if the process no longer reads.
        if supervisor.write_stdin(NAME, buffer[..count].to_vec()).await.is_err() {
            return;
        }
    }
    // Fails if the process has just ended.
    let _ = supervisor.close_stdin(NAME);
}

/// Copies output until the exit. If the reader of a stream is gone, later writes of the script to it fail.
async fn copy_output(supervisor: &Supervisor, mut events: Subscription) -> Exit {
    loop {
        for record in events.recv_batch(256).await {
            let (stream, written) = match record.event {
                Event::Stdout(data) => (Stream::Stdout, write(io::stdout().lock(), &data)),
                Event::Stderr(data) => (Stream::Stderr, write(io::stderr().lock(), &data)),
                Event::Exit { reason, code } => return Exit { reason, code },
                _ => continue,
            };
            if written.is_err() {
                // Fails if the process has just ended.
                let _ = supervisor.close_output(NAME, stream);
            }
        }
    }
}

fn write(mut to: impl Write, data: &[u8]) -> io::Result<()> {
    to.write_all(data)?;
    to.flush()
}

/// A message for an exit that the script itself cannot report.
fn exit_message(exit: &Exit) -> Option<String> {
    match &exit.reason {
        ExitReason::Crashed { message } => Some(format!("the script crashed: {message}")),
        ExitReason::Unresponsive => Some("the script did not respond and was ended".to_owned()),
        _ => None,
    }
}

fn exit_code(exit: &Exit, signal: Option<i32>) -> u8 {
    const KILLED: i32 = 9;
    const ABORTED: i32 = 6;
    let code = match (&exit.reason, exit.code) {
        (_, Some(code)) => code,
        (ExitReason::Killed { signal: Some(signal) }, None) => SIGNALLED + signal,
        // The code of a separate program that crashes.
        (ExitReason::Crashed { .. }, None) => SIGNALLED + ABORTED,
        (_, None) => SIGNALLED + signal.unwrap_or(KILLED),
    };
    low_byte(code)
}

/// The system reports only the low eight bits of an exit code.
fn low_byte(code: i32) -> u8 {
    u8::try_from(code & 0xFF).unwrap_or(u8::MAX)
}
