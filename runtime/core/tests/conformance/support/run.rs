//! A running process with a subscriber that misses no event.

use bytes::Bytes;
use js_runtime::{Event, ExitReason, ProcessInfo, Record, Stream, Subscription, Supervisor};
use libtest_mimic::Failed;

/// One running process.
pub(crate) struct Run<'a> {
    supervisor: &'a Supervisor,
    pub(crate) name: String,
    /// The process's information at its start.
    pub(crate) info: ProcessInfo,
    events: Subscription,
    /// Partial lines of stdout and stderr.
    begun: [Vec<u8>; 2],
}

/// The output and exit of a process that has ended; each stream's lines or chunks in order.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) stdout: Vec<Bytes>,
    pub(crate) stderr: Vec<Bytes>,
    pub(crate) code: Option<i32>,
    pub(crate) reason: Option<ExitReason>,
}

impl Ended {
    /// Lines of stdout as text.
    pub(crate) fn lines(&self) -> Vec<String> {
        text(&self.stdout)
    }

    /// stderr as text without ANSI colours, which Deno writes to pipes too.
    pub(crate) fn log(&self) -> String {
        let log = text(&self.stderr).join("\n");
        let mut parts = log.split("\x1b[");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |plain, part| plain + part.split_once('m').map_or(part, |(_, rest)| rest))
    }
}

fn text(lines: &[Bytes]) -> Vec<String> {
    lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

impl<'a> Run<'a> {
    pub(crate) fn new(supervisor: &'a Supervisor, info: ProcessInfo, events: Subscription) -> Self {
        Self { supervisor, name: info.name.clone(), info, events, begun: Default::default() }
    }

    pub(crate) async fn write(&self, data: impl AsRef<[u8]>) -> Result<(), Failed> {
        let data = Bytes::copy_from_slice(data.as_ref());
        Ok(self.supervisor.write_stdin(&self.name, data).await?)
    }

    pub(crate) fn close(&self) -> Result<(), Failed> {
        Ok(self.supervisor.close_stdin(&self.name)?)
    }

    pub(crate) async fn kill(&self) -> Result<(), Failed> {
        Ok(self.supervisor.kill(&self.name).await?)
    }

    /// The next event of any kind.
    pub(crate) async fn next(&mut self) -> Result<Record, Failed> {
        self.events.recv().await.ok_or_else(|| "the subscription ended".into())
    }

    /// The next event that is no partial line: on a slow machine every line may arrive in parts.
    async fn whole(&mut self) -> Result<Event, Failed> {
        loop {
            let (stream, text) = match self.next().await?.event {
                Event::Partial { stream, data } => {
                    self.begun[stream as usize].extend_from_slice(&data);
                    continue;
                }
                Event::Stdout(line) => (Stream::Stdout, line),
                Event::Stderr(line) => (Stream::Stderr, line),
                other => return Ok(other),
            };
            let begun = std::mem::take(&mut self.begun[stream as usize]);
            let line = if begun.is_empty() { text } else { [&begun[..], &text].concat().into() };
            return Ok(match stream {
                Stream::Stdout => Event::Stdout(line),
                Stream::Stderr => Event::Stderr(line),
            });
        }
    }

    /// The next line of stdout. Skips lines of stderr, and shows them in the error if the process exits.
    pub(crate) async fn line(&mut self) -> Result<Bytes, Failed> {
        let mut log = Ended::default();
        loop {
            match self.whole().await? {
                Event::Stdout(line) => return Ok(line),
                Event::Exit { reason, code } => {
                    let said = log.log();
                    return Err(format!("exit {code:?} {reason:?} and no line; {said}").into());
                }
                Event::Stderr(line) => log.stderr.push(line),
                Event::State(_) => {}
                other => return Err(format!("unexpected: {other:?}").into()),
            }
        }
    }

    /// The next line of stdout as text.
    pub(crate) async fn text(&mut self) -> Result<String, Failed> {
        Ok(String::from_utf8_lossy(&self.line().await?).into_owned())
    }

    /// Waits for the line `ready` of a fixture.
    pub(crate) async fn until_ready(&mut self) -> Result<(), Failed> {
        let line = self.text().await?;
        if line == "ready" { Ok(()) } else { Err(format!("not ready but '{line}'").into()) }
    }

    /// Collects all further events until the exit.
    pub(crate) async fn end(mut self) -> Result<Ended, Failed> {
        self.rest().await
    }

    /// Collects all further events until the exit of a process that restarts.
    pub(crate) async fn rest(&mut self) -> Result<Ended, Failed> {
        let mut ended = Ended::default();
        loop {
            match self.whole().await? {
                Event::Stdout(line) => ended.stdout.push(line),
                Event::Stderr(line) => ended.stderr.push(line),
                Event::State(_) => {}
                Event::Exit { reason, code } => {
                    ended.code = code;
                    ended.reason = Some(reason);
                    return Ok(ended);
                }
                other => return Err(format!("unexpected: {other:?}").into()),
            }
        }
    }
}
