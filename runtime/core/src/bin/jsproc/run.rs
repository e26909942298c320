//! `jsproc run`: the terminal's three streams, connected to one process.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use js_runtime::{Error, Event, ExitReason, Subscription, Supervisor, WhenSlow};
use tokio::io::AsyncReadExt;

use crate::args::RunArgs;

/// The process's name inside its supervisor.
const NAME: &str = "script";

/// What a signal that ended a program adds to its number, in a shell.
const SIGNALLED: i32 = 128;

const CHUNK: usize = 64 * 1024;

/// How a run came to its end.
enum End {
    Exited {
        reason: ExitReason,
        code: Option<i32>,
    },
    /// Whoever read our stdout is gone.
    OutputClosed,
}

pub(crate) async fn run(args: Box<RunArgs>) -> Result<u8, Error> {
    // One process, and no second.
    let supervisor = Arc::new(Supervisor::builder().warm_isolates(0).build()?);
    // Heard from here on: a signal during the start must not leave anything behind either.
    let signal = listen_for_signals();
    let heard = Arc::new(OnceLock::new());
    let signals = tokio::spawn(end_on_signal(supervisor.clone(), signal, heard.clone()));
    let spawned = supervisor.spawn_subscribed(NAME, args.into_config(), WhenSlow::Wait).await;
    let (_, events) = match (spawned, heard.get()) {
        (Ok(spawned), _) => spawned,
        (Err(_), Some(signal)) => return Ok(low_bits(SIGNALLED + signal)),
        (Err(error), None) => return Err(error),
    };
    let feeder = tokio::spawn(feed(supervisor.clone()));
    // Writing to a terminal or a pipe blocks; the signals must be heard meanwhile.
    let handle = tokio::runtime::Handle::current();
    let copied = tokio::task::spawn_blocking(move || handle.block_on(copy_output(events))).await;
    feeder.abort();
    signals.abort();

    let end = copied.unwrap_or(End::OutputClosed);
    supervisor.shutdown().await;
    if let Some(words) = last_words(&end) {
        // Nobody may be reading it any more.
        let _ = writeln!(io::stderr(), "jsproc: {words}");
    }
    Ok(exit_code(&end, heard.get().copied()))
}

async fn feed(supervisor: Arc<Supervisor>) {
    let mut stdin = tokio::io::stdin();
    let mut buffer = vec![0; CHUNK];
    // An unreadable stdin is like an empty one.
    while let Ok(count @ 1..) = stdin.read(&mut buffer).await {
        // Fails when the process does not read any more, and then nobody needs the rest.
        if supervisor.write_stdin(NAME, buffer[..count].to_vec()).await.is_err() {
            return;
        }
    }
    // Fails when the process has just ended.
    let _ = supervisor.close_stdin(NAME);
}

async fn copy_output(mut events: Subscription) -> End {
    loop {
        for record in events.recv_batch(256).await {
            let written = match record.event {
                Event::Stdout(data) => write(io::stdout().lock(), &data),
                Event::Stderr(data) => write(io::stderr().lock(), &data),
                Event::Exit { reason, code } => return End::Exited { reason, code },
                _ => Ok(()),
            };
            if written.is_err() {
                return End::OutputClosed;
            }
        }
    }
}

fn write(mut to: impl Write, data: &[u8]) -> io::Result<()> {
    to.write_all(data)?;
    to.flush()
}

/// Ends the process gracefully. The signal's number is `heard` before that: the exit may be seen
/// before the kill returns here.
async fn end_on_signal(
    supervisor: Arc<Supervisor>,
    signal: impl Future<Output = i32>,
    heard: Arc<OnceLock<i32>>,
) {
    // Nobody else sets it.
    let _ = heard.set(signal.await);
    // It may have ended by itself a moment ago.
    let _ = supervisor.kill(NAME).await;
}

#[cfg(unix)]
fn listen_for_signals() -> impl Future<Output = i32> + Send {
    use tokio::signal::unix::{SignalKind, signal};

    let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
    let streams = (signal(terminate), signal(interrupt));
    async move {
        let (Ok(mut terminated), Ok(mut interrupted)) = streams else {
            // Without handlers the signals keep their default effect, which ends the program too.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminated.recv() => terminate.as_raw_value(),
            _ = interrupted.recv() => interrupt.as_raw_value(),
        }
    }
}

#[cfg(not(unix))]
async fn listen_for_signals() -> i32 {
    const INTERRUPT: i32 = 2;
    match tokio::signal::ctrl_c().await {
        Ok(()) => INTERRUPT,
        Err(_) => std::future::pending().await,
    }
}

/// What the script could not say of its own end.
fn last_words(end: &End) -> Option<String> {
    let End::Exited { reason, .. } = end else { return None };
    match reason {
        ExitReason::Crashed { message } => Some(format!("the script crashed: {message}")),
        ExitReason::Unresponsive => Some("the script did not respond and was ended".to_owned()),
        _ => None,
    }
}

fn exit_code(end: &End, signal: Option<i32>) -> u8 {
    const BROKEN_PIPE: i32 = 13;
    const KILLED: i32 = 9;
    const ABORTED: i32 = 6;
    let code = match end {
        End::Exited { code: Some(code), .. } => *code,
        End::Exited { reason: ExitReason::Killed { signal: Some(signal) }, .. } => {
            SIGNALLED + signal
        }
        // What a program of its own would have ended with.
        End::Exited { reason: ExitReason::Crashed { .. }, .. } => SIGNALLED + ABORTED,
        End::Exited { code: None, .. } => SIGNALLED + signal.unwrap_or(KILLED),
        End::OutputClosed => SIGNALLED + BROKEN_PIPE,
    };
    low_bits(code)
}

/// The system keeps the low eight bits of an exit code, and no more.
fn low_bits(code: i32) -> u8 {
    u8::try_from(code & 0xFF).unwrap_or(u8::MAX)
}
