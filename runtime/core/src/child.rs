//! A child process in its own process group (a job object on Windows).
//!
//! One task owns the child from start to reaping: only this task signals, kills and waits. When the child ends, the
//! rest of its process group is killed, and then the processes that left the group but not the session. So programs
//! that a backend started never outlive it. The guardian does the same when the application is gone.

pub(crate) mod close_on_exec;
pub(crate) mod command_line;
pub(crate) mod detect;
pub(crate) mod guardian;
#[cfg(feature = "embedded")]
pub(crate) mod node_typescript;
mod reader;
pub(crate) mod spawner;

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use futures_util::future::join_all;
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::reader::{DRAIN, Reader};
use crate::child::command_line::CommandLine;
use crate::child::guardian::Mark;
use crate::generation::Exit;
use crate::generation::plan::Plan;
use crate::generation::stop::StopRequest;
use crate::io::event::Stream;
use crate::io::line_writer::LineWriters;
use crate::io::stdin_queue::StdinQueue;
use crate::wire::{Detached, ExitReason, Runtime};

/// The default capacity of a pipe: so much is written at once.
const PIPE_BYTES: usize = 64 * 1024;

/// Capacity of a child's stdout: four times the default. Above 64 MiB for all pipes of a user, the system makes new
/// pipes small.
#[cfg(target_os = "linux")]
const WIDE_PIPE_BYTES: i32 = 256 * 1024;

/// Writes of up to this many bytes are atomic (`PIPE_BUF`).
const ATOMIC_WRITE: usize = 4096;

/// The request for a child.
pub(crate) struct ChildSpec {
    pub(crate) line: CommandLine,
    pub(crate) runtime: Option<Runtime>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) input: StdinQueue,
    pub(crate) writers: LineWriters,
    /// A file that the child reads when it starts; removed with the child.
    pub(crate) sources: Option<TempPath>,
}

/// Starts the child. Blocks until the system has loaded the program. The receiver resolves when the child is reaped
/// and its output is read to the end.
pub(crate) fn start(
    spec: ChildSpec,
    stop: StopRequest,
) -> std::io::Result<(Option<u32>, oneshot::Receiver<Exit>)> {
    let ChildSpec { line, runtime, plan, input, writers, sources } = spec;
    let mark = Mark::new(plan.config.detached.unwrap_or_default() == Detached::End);
    let mut command = CommandWrap::with_new(&line.program, |command| {
        command
            .args(&line.args)
            .current_dir(&plan.cwd)
            .envs(default_env(runtime, |name| std::env::var_os(name).is_some()))
            .envs(&plan.config.env)
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
        mark.group_started(pid);
    }
    let (leader_exit, exited_at) = watch::channel(None);
    let mut readers = Vec::new();
    if let Some(pipe) = child.stdout().take() {
        #[cfg(target_os = "linux")]
        enlarge(&pipe);
        let reader = Reader::new(writers.stream(Stream::Stdout), exited_at.clone());
        #[cfg(unix)]
        let reader = reader.let_subscribers_pull(&pipe);
        readers.push(tokio::spawn(reader.read(pipe)));
    }
    if let Some(pipe) = child.stderr().take() {
        let reader = Reader::new(writers.stream(Stream::Stderr), exited_at);
        readers.push(tokio::spawn(reader.read(pipe)));
    }
    let feeder = child.stdin().take().map(|pipe| {
        #[cfg(unix)]
        enable_direct_write(&input, &pipe);
        tokio::spawn(feed(input.clone(), pipe))
    });

    let (ended, exit) = oneshot::channel();
    let task = ChildTask {
        child,
        leader: pid,
        mark,
        input,
        writers,
        feeder,
        readers,
        leader_exit,
        group_ended: false,
        _sources: sources,
    };
    tokio::spawn(async move {
        // The receiver is gone when the supervisor has been dropped.
        let _ = ended.send(task.run(stop).await);
    });
    Ok((pid, exit))
}

/// Deno colours errors on stderr even when that is a pipe, and here it is a log. A choice of the user takes
/// precedence.
fn default_env(
    runtime: Option<Runtime>,
    is_set: impl Fn(&str) -> bool,
) -> Option<(&'static str, &'static str)> {
    let is_unset = !is_set("NO_COLOR") && !is_set("FORCE_COLOR");
    (runtime == Some(Runtime::Deno) && is_unset).then_some(("NO_COLOR", "1"))
}

/// The kernel kills the child when the application crashes.
fn die_with_the_host(command: &mut tokio::process::Command) {
    #[cfg(target_os = "linux")]
    {
        let host = nix::unistd::Pid::this();
        let arm = move || {
            nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
            // The application may have died before the call.
            if nix::unistd::Pid::parent() != host {
                return Err(std::io::Error::from_raw_os_error(nix::libc::ESRCH));
            }
            crate::child::close_on_exec::seal_this_child()
        };
        // SAFETY: `arm` runs between fork and exec. It and `seal_this_child` make only async-signal-safe system calls
        // (prctl, getppid, close_range, fcntl), allocate nothing and take no lock.
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
    writers: LineWriters,
    feeder: Option<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
    leader_exit: watch::Sender<Option<Instant>>,
    group_ended: bool,
    /// Removes the file, unless the child has removed it.
    _sources: Option<TempPath>,
}

impl ChildTask {
    async fn run(mut self, mut stop: StopRequest) -> Exit {
        let (status, killed) = tokio::select! {
            biased;
            status = self.child.wait() => (status, false),
            () = stop.requested() => (self.stop(&mut stop).await, true),
        };
        self.end_input();
        self.end_group();
        // Processes that left the group still have the mark.
        self.mark.end_marked().await;
        self.leader_exit.send_replace(Some(Instant::now()));
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
            // Fails if the child has just ended, which the wait below notices.
            let _ = self.child.signal(nix::libc::SIGTERM);
            tokio::select! {
                status = self.child.wait() => return status,
                () = request.time_to_force() => {}
            }
        }
        self.writers.cut_off();
        self.child.start_kill()?;
        self.child.wait().await
    }

    /// Kills the process group.
    fn end_group(&mut self) {
        if !std::mem::replace(&mut self.group_ended, true) {
            // Fails if the group is empty.
            let _ = self.child.start_kill();
            if let Some(leader) = self.leader {
                self.mark.group_ended(leader);
            }
        }
    }

    /// Aborts the feeder, which may wait for space in the pipe, and so closes the pipe.
    fn end_input(&mut self) {
        self.input.break_pipe();
        if let Some(feeder) = self.feeder.take() {
            feeder.abort();
        }
    }

    /// Waits until subscribers have received all output; after a kill, for [`DRAIN`].
    async fn finish_output(&mut self, mut stop: StopRequest, killed: bool) {
        let deadline = async {
            if !killed {
                stop.requested().await;
            }
            tokio::time::sleep(DRAIN).await;
        };
        let mut readers = std::pin::pin!(join_all(std::mem::take(&mut self.readers)));
        tokio::select! {
            biased;
            _ = &mut readers => return,
            () = deadline => self.writers.cut_off(),
        }
        readers.await;
    }
}

impl Drop for ChildTask {
    /// Kills the group when the supervisor's thread ends before the child.
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

/// Enlarges the pipe, so that a child can write a long line with fewer waits.
#[cfg(target_os = "linux")]
fn enlarge(pipe: &impl std::os::fd::AsFd) {
    use nix::fcntl::{FcntlArg, fcntl};

    // Fails if the user's pipes take too much memory; then the pipe keeps its size.
    let _ = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(WIDE_PIPE_BYTES));
}

/// Lets the writing thread write small data to the pipe itself while the queue is empty: waking the supervisor's
/// thread takes longer than some scripts take to answer. The feeder task writes all other data.
#[cfg(unix)]
fn enable_direct_write(input: &StdinQueue, pipe: &ChildStdin) {
    use std::io::{PipeWriter, Write};
    use std::os::fd::AsFd;

    // Fails without a free descriptor; then the feeder writes everything.
    let Ok(pipe) = pipe.as_fd().try_clone_to_owned() else { return };
    let pipe = PipeWriter::from(pipe);
    input.set_direct_write(Box::new(move |data| {
        let is_small = (1..=nix::libc::PIPE_BUF).contains(&data.len());
        is_small && (&pipe).write(data).is_ok_and(|count| count == data.len())
    }));
}

/// Copies the queue to the child's stdin until either is closed.
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

/// Writes `data` so that a reader that reads all available bytes gets whole characters: kkrpc's adapters decode each
/// chunk separately.
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

/// Waits until the child has read everything from the pipe. A pipe on Windows joins writes, so that a reader with a
/// smaller buffer would get a part of a character.
#[cfg(windows)]
async fn read_empty(pipe: &ChildStdin) -> std::io::Result<()> {
    use std::os::windows::io::{AsRawHandle, BorrowedHandle};

    // SAFETY: `pipe` owns the handle and is borrowed until `try_clone_to_owned` has returned.
    let handle = unsafe { BorrowedHandle::borrow_raw(pipe.as_raw_handle()) };
    let handle = handle.try_clone_to_owned()?;
    // `FlushFileBuffers` waits for the reader of a pipe; it fails when the child is gone.
    let flushed = tokio::task::spawn_blocking(move || std::fs::File::from(handle).sync_all());
    flushed.await.map_err(std::io::Error::other)?
}

/// On Unix, a pipe keeps each write of up to [`ATOMIC_WRITE`] bytes in a page of its own.
#[cfg(not(windows))]
#[allow(clippy::unused_async)] // The same shape as on Windows.
async fn read_empty(_: &ChildStdin) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_deno_gets_no_color_and_only_if_the_user_set_nothing() {
        let nothing_set = |_: &str| false;
        assert_eq!(default_env(Some(Runtime::Deno), nothing_set), Some(("NO_COLOR", "1")));
        assert_eq!(default_env(Some(Runtime::Deno), |name| name == "FORCE_COLOR"), None);
        assert_eq!(default_env(Some(Runtime::Bun), nothing_set), None);
        assert_eq!(default_env(None, nothing_set), None);
    }
}
