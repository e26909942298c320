//! A child process in its own process group (a job object on Windows).
//!
//! One task owns the child from start to reaping: it alone signals, kills and waits. The group is killed
//! as soon as its leader has ended, whatever ended it, and then what has left the group but not the session:
//! what a backend started never outlives it. The guardian does the same when the application is gone.

pub(crate) mod close_on_exec;
pub(crate) mod command_line;
pub(crate) mod detect;
pub(crate) mod guardian;
#[cfg(feature = "embedded")]
pub(crate) mod node_typescript;
mod reader;
pub(crate) mod spawner;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use futures_util::future::join_all;
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::reader::{DRAIN, Reader};
use crate::backend::running::Exit;
use crate::backend::stop::StopRequest;
use crate::child::command_line::CommandLine;
use crate::child::guardian::Mark;
use crate::io::event::Stream;
use crate::io::line_writer::LineWriters;
use crate::io::stdin_queue::StdinQueue;
use crate::wire::{Detached, ExitReason, Runtime};

/// A writer fills a pipe in one go.
const PIPE_BYTES: usize = 64 * 1024;

/// What a child's stdout may hold: four times what is usual. A user's pipes may hold 64 MiB in all before the
/// system makes their new ones small.
#[cfg(target_os = "linux")]
const WIDE_PIPE_BYTES: i32 = 256 * 1024;

/// Writes of up to this many bytes are all or nothing (`PIPE_BUF`).
const ATOMIC_WRITE: usize = 4096;

/// What a child is started with.
pub(crate) struct ChildSpec {
    pub(crate) line: CommandLine,
    pub(crate) runtime: Option<Runtime>,
    pub(crate) cwd: PathBuf,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) detached: Detached,
    pub(crate) input: StdinQueue,
    pub(crate) sinks: LineWriters,
    /// Sources that the child reads when it starts.
    pub(crate) sources: Option<TempPath>,
}

/// Starts the child: blocks until the system has loaded the program. The receiver resolves when it is reaped and
/// its output was read to the end.
pub(crate) fn start(
    start: ChildSpec,
    stop: StopRequest,
) -> std::io::Result<(Option<u32>, oneshot::Receiver<Exit>)> {
    let ChildSpec { line, runtime, cwd, env, detached, input, sinks, sources } = start;
    let mark = Mark::new(detached == Detached::End);
    let mut command = CommandWrap::with_new(&line.program, |command| {
        command
            .args(&line.args)
            .current_dir(&cwd)
            .envs(default_env(runtime, |name| std::env::var_os(name).is_some()))
            .envs(&env)
            .envs(mark.value().map(|value| (guardian::VARIABLE, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        die_with_the_host(command);
    });
    command.wrap(KillOnDrop);
    #[cfg(unix)]
    command.wrap(process_wrap::tokio::ProcessGroup::leader());
    #[cfg(windows)]
    command
        .wrap(process_wrap::tokio::CreationFlags(windows_no_window()))
        .wrap(process_wrap::tokio::JobObject);
    let mut child = command.spawn()?;

    let pid = child.id();
    if let Some(pid) = pid {
        mark.group_began(pid);
    }
    let (leader_gone, gone) = watch::channel(None);
    let mut readers = Vec::new();
    if let Some(pipe) = child.stdout().take() {
        #[cfg(target_os = "linux")]
        widen(&pipe);
        let reader = Reader::new(sinks.stream(Stream::Stdout), gone.clone());
        #[cfg(unix)]
        let reader = reader.let_subscribers_fetch(&pipe);
        readers.push(tokio::spawn(reader.read(pipe)));
    }
    if let Some(pipe) = child.stderr().take() {
        let reader = Reader::new(sinks.stream(Stream::Stderr), gone);
        readers.push(tokio::spawn(reader.read(pipe)));
    }
    let writer = child.stdin().take().map(|pipe| {
        #[cfg(unix)]
        shorten(&input, &pipe);
        tokio::spawn(feed(input.clone(), pipe))
    });

    let (ended, exit) = oneshot::channel();
    let keeper = ChildTask {
        child,
        leader: pid,
        mark,
        input,
        sinks,
        writer,
        readers,
        leader_gone,
        group_ended: false,
        _sources: sources,
    };
    tokio::spawn(async move {
        // Nobody listens any more when the supervisor has been dropped.
        let _ = ended.send(keeper.keep(stop).await);
    });
    Ok((pid, exit))
}

/// Deno colours errors on stderr even when that is a pipe, and here it is a log. Whoever has said what
/// they want gets it.
fn default_env(
    runtime: Option<Runtime>,
    is_set: impl Fn(&str) -> bool,
) -> Option<(&'static str, &'static str)> {
    let is_silent = !is_set("NO_COLOR") && !is_set("FORCE_COLOR");
    (runtime == Some(Runtime::Deno) && is_silent).then_some(("NO_COLOR", "1"))
}

/// A host that crashes sends no kill; the kernel does.
fn die_with_the_host(command: &mut tokio::process::Command) {
    #[cfg(target_os = "linux")]
    {
        let host = nix::unistd::Pid::this();
        let arm = move || {
            nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
            // The host may have died before the signal was armed.
            if nix::unistd::Pid::parent() != host {
                return Err(std::io::Error::from_raw_os_error(nix::libc::ESRCH));
            }
            crate::child::close_on_exec::seal_this_child()
        };
        // SAFETY: the closure runs between fork and exec and makes async-signal-safe system calls
        // only; it allocates nothing and takes no lock.
        unsafe { command.pre_exec(arm) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

#[cfg(windows)]
fn windows_no_window() -> windows::Win32::System::Threading::PROCESS_CREATION_FLAGS {
    windows::Win32::System::Threading::CREATE_NO_WINDOW
}

struct ChildTask {
    child: Box<dyn ChildWrapper>,
    leader: Option<u32>,
    mark: Mark,
    input: StdinQueue,
    sinks: LineWriters,
    writer: Option<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
    leader_gone: watch::Sender<Option<Instant>>,
    group_ended: bool,
    /// Removed with it, should the child not have done so.
    _sources: Option<TempPath>,
}

impl ChildTask {
    async fn keep(mut self, mut stop: StopRequest) -> Exit {
        let (status, killed) = tokio::select! {
            biased;
            status = self.child.wait() => (status, false),
            () = stop.requested() => (self.stop(&mut stop).await, true),
        };
        self.end_input();
        self.end_group();
        // What has left the group still has the mark.
        self.mark.end_marked().await;
        self.leader_gone.send_replace(Some(Instant::now()));
        self.finish_output(stop, killed).await;
        exit_of(status, killed)
    }

    async fn stop(&mut self, request: &mut StopRequest) -> std::io::Result<ExitStatus> {
        self.end_input();
        tokio::select! {
            status = self.child.wait() => return status,
            () = request.time_to_ask() => {}
        }
        #[cfg(unix)]
        {
            // Fails when it has just ended, which the wait below notices.
            let _ = self.child.signal(nix::libc::SIGTERM);
            tokio::select! {
                status = self.child.wait() => return status,
                () = request.time_to_force() => {}
            }
        }
        self.sinks.cut_off();
        self.child.start_kill()?;
        self.child.wait().await
    }

    /// The leader is gone, or is to go now, and all that it started with it.
    fn end_group(&mut self) {
        if !std::mem::replace(&mut self.group_ended, true) {
            // An error says that the group is empty.
            let _ = self.child.start_kill();
            if let Some(leader) = self.leader {
                self.mark.group_ended(leader);
            }
        }
    }

    /// The writer may hang in a full pipe; dropping it drops the pipe.
    fn end_input(&mut self) {
        self.input.break_pipe();
        if let Some(writer) = self.writer.take() {
            writer.abort();
        }
    }

    /// Output that a slow subscriber has not taken yet is waited for, unless somebody wants an end.
    async fn finish_output(&mut self, mut stop: StopRequest, killed: bool) {
        let patience = async {
            if !killed {
                stop.requested().await;
            }
            tokio::time::sleep(DRAIN).await;
        };
        let mut readers = std::pin::pin!(join_all(std::mem::take(&mut self.readers)));
        tokio::select! {
            biased;
            _ = &mut readers => return,
            () = patience => self.sinks.cut_off(),
        }
        readers.await;
    }
}

impl Drop for ChildTask {
    /// Dropped before its end only with the supervisor's thread: nobody else would end the group.
    fn drop(&mut self) {
        self.end_group();
    }
}

fn exit_of(status: std::io::Result<ExitStatus>, killed: bool) -> Exit {
    match status {
        Ok(status) => {
            let signal = if killed { None } else { signal_of(status) };
            let reason = if killed || signal.is_some() {
                ExitReason::Killed { signal }
            } else {
                ExitReason::Completed
            };
            Exit { reason, code: status.code() }
        }
        Err(error) => Exit {
            reason: ExitReason::Error {
                message: format!("could not wait for the process: {error}"),
                stack: None,
            },
            code: None,
        },
    }
}

#[cfg(unix)]
fn signal_of(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal_of(_: ExitStatus) -> Option<i32> {
    None
}

/// Lets the child write a long line without being held up for every part of it that we read.
#[cfg(target_os = "linux")]
fn widen(pipe: &impl std::os::fd::AsFd) {
    use nix::fcntl::{FcntlArg, fcntl};

    // Fails for a user who has many pipes, and then it stays as it is.
    let _ = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(WIDE_PIPE_BYTES));
}

/// Lets small writes go into the pipe on the thread that writes, when the feeder waits: a turn of the
/// supervisor's thread takes longer than some scripts take to answer. What does not fit in whole is
/// left to the feeder.
#[cfg(unix)]
fn shorten(input: &StdinQueue, pipe: &ChildStdin) {
    use std::io::{PipeWriter, Write};
    use std::os::fd::AsFd;

    // Without a descriptor to spare everything goes through the feeder.
    let Ok(pipe) = pipe.as_fd().try_clone_to_owned() else { return };
    let pipe = PipeWriter::from(pipe);
    input.set_direct_write(Box::new(move |data| {
        let is_small = (1..=nix::libc::PIPE_BUF).contains(&data.len());
        is_small && (&pipe).write(data).is_ok_and(|count| count == data.len())
    }));
}

/// Feeds stdin until the process stops reading it or no more comes.
async fn feed(input: StdinQueue, mut pipe: ChildStdin) {
    let mut buffer = vec![0; PIPE_BYTES];
    loop {
        let count = input.read(&mut buffer).await;
        if count == 0 || write_whole_chars(&mut pipe, &buffer[..count]).await.is_err() {
            break;
        }
    }
    input.break_pipe();
}

/// A pipe that always ends at a character hands its reader whole characters, as long as the reader
/// takes all there is: kkrpc's adapters decode every chunk by itself.
async fn write_whole_chars(pipe: &mut ChildStdin, mut data: &[u8]) -> std::io::Result<()> {
    if data.is_ascii() {
        return pipe.write_all(data).await;
    }
    read_empty(pipe).await?;
    while !data.is_empty() {
        let mut count = data.len().min(ATOMIC_WRITE);
        if count < data.len() {
            count -= crate::io::read_boundary::incomplete_utf8_tail(&data[..count]);
        }
        pipe.write_all(&data[..count]).await?;
        read_empty(pipe).await?;
        data = &data[count..];
    }
    Ok(())
}

/// Waits until the child has taken all that the pipe holds. A pipe of Windows joins what was written to it, and
/// a reader with a smaller buffer would get a part of a character.
#[cfg(windows)]
async fn read_empty(pipe: &ChildStdin) -> std::io::Result<()> {
    use std::os::windows::io::{AsRawHandle, BorrowedHandle};

    // SAFETY: the handle is the pipe's, which stays open until its copy is made.
    let handle = unsafe { BorrowedHandle::borrow_raw(pipe.as_raw_handle()) };
    let handle = handle.try_clone_to_owned()?;
    // Of a pipe `sync_all` waits for its reader (`FlushFileBuffers`); it fails when the child is gone.
    let emptied = tokio::task::spawn_blocking(move || std::fs::File::from(handle).sync_all());
    emptied.await.map_err(std::io::Error::other)?
}

/// Pipes of Unix keep each write of up to [`ATOMIC_WRITE`] bytes in a page of its own.
#[cfg(not(windows))]
#[allow(clippy::unused_async)] // The same shape as on Windows.
async fn read_empty(_: &ChildStdin) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deno_alone_is_told_not_to_colour_and_only_if_nobody_has_said_anything() {
        let nothing_set = |_: &str| false;
        assert_eq!(default_env(Some(Runtime::Deno), nothing_set), Some(("NO_COLOR", "1")));
        assert_eq!(default_env(Some(Runtime::Deno), |name| name == "FORCE_COLOR"), None);
        assert_eq!(default_env(Some(Runtime::Bun), nothing_set), None);
        assert_eq!(default_env(None, nothing_set), None);
    }
}
