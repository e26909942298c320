//! `jsproc run`: the terminal's three streams, connected to one process.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use js_runtime::{Error, Event, ExitReason, Stream, Subscription, Supervisor, WhenSlow};
use tokio::io::AsyncReadExt;

use crate::args::RunArgs;
use crate::signals;

/// The process's name inside its supervisor.
pub(crate) const NAME: &str = "script";

/// What a signal that ended a program adds to its number, in a shell.
const SIGNALLED: i32 = 128;

const CHUNK: usize = 64 * 1024;

/// How a run came to its end.
struct End {
    reason: ExitReason,
    code: Option<i32>,
}

pub(crate) async fn run(args: Box<RunArgs>) -> Result<u8, Error> {
    // One process, and no second.
    let supervisor = Arc::new(Supervisor::builder().warm_isolates(0).build()?);
    let heard = Arc::new(OnceLock::new());
    let signals = tokio::spawn(signals::hand_on(supervisor.clone(), heard.clone()));
    let spawned = supervisor.spawn_subscribed(NAME, args.into_config(), WhenSlow::Wait).await;
    let (_, events) = match (spawned, heard.get()) {
        (Ok(spawned), _) => spawned,
        (Err(_), Some(signal)) => return Ok(low_bits(SIGNALLED + signal)),
        (Err(error), None) => return Err(error),
    };
    let feeder = tokio::spawn(feed(supervisor.clone()));
    // Writing to a terminal or a pipe blocks; the signals must be heard meanwhile.
    let handle = tokio::runtime::Handle::current();
    let copying = supervisor.clone();
    let copied = move || handle.block_on(copy_output(&copying, events));
    let copied = tokio::task::spawn_blocking(copied).await;
    feeder.abort();
    signals.abort();

    // A panic in there has been reported.
    let end = copied.unwrap_or(End { reason: ExitReason::Killed { signal: None }, code: None });
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

/// A reader that is gone is the script's to hear of: what it writes fails from then on.
async fn copy_output(supervisor: &Supervisor, mut events: Subscription) -> End {
    loop {
        for record in events.recv_batch(256).await {
            let (stream, written) = match record.event {
                Event::Stdout(data) => (Stream::Stdout, write(io::stdout().lock(), &data)),
                Event::Stderr(data) => (Stream::Stderr, write(io::stderr().lock(), &data)),
                Event::Exit { reason, code } => return End { reason, code },
                _ => continue,
            };
            if written.is_err() {
                // Fails when the script has just ended.
                let _ = supervisor.close_output(NAME, stream);
            }
        }
    }
}

fn write(mut to: impl Write, data: &[u8]) -> io::Result<()> {
    to.write_all(data)?;
    to.flush()
}

/// What the script could not say of its own end.
fn last_words(end: &End) -> Option<String> {
    match &end.reason {
        ExitReason::Crashed { message } => Some(format!("the script crashed: {message}")),
        ExitReason::Unresponsive => Some("the script did not respond and was ended".to_owned()),
        _ => None,
    }
}

fn exit_code(end: &End, signal: Option<i32>) -> u8 {
    const KILLED: i32 = 9;
    const ABORTED: i32 = 6;
    let code = match (&end.reason, end.code) {
        (_, Some(code)) => code,
        (ExitReason::Killed { signal: Some(signal) }, None) => SIGNALLED + signal,
        // What a program of its own would have ended with.
        (ExitReason::Crashed { .. }, None) => SIGNALLED + ABORTED,
        (_, None) => SIGNALLED + signal.unwrap_or(KILLED),
    };
    low_bits(code)
}

/// The system keeps the low eight bits of an exit code, and no more.
fn low_bits(code: i32) -> u8 {
    u8::try_from(code & 0xFF).unwrap_or(u8::MAX)
}
