//! The thread that copies between pipes of children and streams of the script.

use std::future::pending;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread::JoinHandle;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use super::{DrainRequest, OutputHandle, Transfer};
use crate::io::stdin_queue::StdinQueue;

/// A child's end of a pipe.
pub(super) type End = OwnedFd;

/// Bytes per read.
const CHUNK: usize = 16 * 1024;

/// Limit of one drain in bytes, above the capacity of a pipe. A writer that continues meanwhile could prolong it.
const MAX_DRAIN: usize = 1 << 20;

pub(super) enum Task {
    Output { reader: PipeReader, output: OutputHandle, inbox: UnboundedReceiver<DrainRequest> },
    Input { writer: PipeWriter, source: Source, inbox: UnboundedReceiver<DrainRequest> },
    Bytes { writer: PipeWriter, bytes: Vec<u8>, inbox: UnboundedReceiver<DrainRequest> },
}

/// The source of a child's input.
pub(super) struct Source {
    input: StdinQueue,
    /// The script waits synchronously for the child to end.
    is_sync: bool,
    /// The child's end of the pipe, to take back unread input.
    child_end: PipeReader,
}

pub(super) fn raw_fd(end: &End) -> i32 {
    end.as_raw_fd()
}

/// Creates a pipe. Returns our task and the child's end.
pub(super) fn task(
    transfer: Transfer,
    inbox: UnboundedReceiver<DrainRequest>,
) -> io::Result<Option<(Task, End)>> {
    let (reader, writer) = io::pipe()?;
    Ok(Some(match transfer {
        Transfer::Output(output) => (Task::Output { reader, output, inbox }, writer.into()),
        Transfer::Input { input, is_sync } => {
            let source = Source { input, is_sync, child_end: reader.try_clone()? };
            (Task::Input { writer, source, inbox }, reader.into())
        }
        Transfer::Bytes(bytes) => (Task::Bytes { writer, bytes, inbox }, reader.into()),
    }))
}

pub(super) struct PipePump {
    tasks: UnboundedSender<Task>,
    thread: JoinHandle<()>,
}

impl PipePump {
    pub(super) fn start() -> io::Result<Self> {
        let (tasks, mut inbox) = unbounded_channel::<Task>();
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread =
            std::thread::Builder::new().name("js-inherit".to_owned()).spawn(move || {
                let local = LocalSet::new();
                local.block_on(&executor, async {
                    while let Some(task) = inbox.recv().await {
                        tokio::task::spawn_local(task.run());
                    }
                });
            })?;
        Ok(Self { tasks, thread })
    }

    pub(super) fn spawn(&self, task: Task) {
        // Fails if the thread has ended; nothing is copied then.
        let _ = self.tasks.send(task);
    }

    pub(super) fn join(self) {
        drop(self.tasks);
        // A panic was reported by the panic hook.
        let _ = self.thread.join();
    }
}

impl Task {
    async fn run(self) {
        match self {
            Self::Output { reader, output, inbox } => {
                // Fails without free descriptors; the child then gets a broken pipe.
                let Ok(unblocked) = reader.try_clone() else { return };
                if let Ok(pipe) = Receiver::from_owned_fd(reader.into()) {
                    Output { pipe, unblocked, shared: output, buffer: vec![0; CHUNK] }
                        .run(inbox)
                        .await;
                }
            }
            Self::Input { writer, source, inbox } => {
                if let Ok(pipe) = Sender::from_owned_fd(writer.into()) {
                    copy_input(pipe, source, inbox).await;
                }
            }
            Self::Bytes { writer, bytes, mut inbox } => {
                let Ok(mut pipe) = Sender::from_owned_fd(writer.into()) else { return };
                tokio::select! {
                    // Input that the child has not read when it ends is dropped.
                    _ = inbox.recv() => {}
                    // Fails if the child has closed its end.
                    _ = pipe.write_all(&bytes) => {}
                }
            }
        }
    }
}

struct Output {
    pipe: Receiver,
    /// The same end, for reads that do not wait for readiness.
    unblocked: PipeReader,
    shared: OutputHandle,
    buffer: Vec<u8>,
}

/// Whether the pipe may have more bytes.
type MayContinue = bool;

impl Output {
    async fn run(mut self, mut inbox: UnboundedReceiver<DrainRequest>) {
        loop {
            tokio::select! {
                request = inbox.recv() => {
                    // No request: the isolate has ended.
                    let Some(DrainRequest { is_last, done: _done }) = request else { return };
                    if !self.drain().await || is_last {
                        return;
                    }
                }
                ready = self.pipe.readable() => {
                    let read = match ready {
                        Ok(()) => self.pipe.try_read(&mut self.buffer),
                        Err(error) => Err(error),
                    };
                    if !self.append(read).await.unwrap_or(true) {
                        return;
                    }
                }
            }
        }
    }

    /// Copies all bytes that are in the pipe.
    async fn drain(&mut self) -> MayContinue {
        let mut taken = 0;
        while taken < MAX_DRAIN {
            let read = self.unblocked.read(&mut self.buffer);
            taken += read.as_ref().map_or(0, |count| *count);
            match self.append(read).await {
                Some(true) => {}
                Some(false) => return false,
                None => return true,
            }
        }
        true
    }

    /// Appends the bytes of a read to the output. `None` if the pipe was empty.
    async fn append(&mut self, read: io::Result<usize>) -> Option<MayContinue> {
        match read {
            Ok(0) => Some(false),
            Ok(count) => {
                let OutputHandle { writer, partial } = &self.shared;
                let output = {
                    let mut locked = writer.lock();
                    locked.append(&self.buffer[..count]);
                    if locked.holds_text() {
                        partial.notify();
                    }
                    locked.history()
                };
                // The lock is released here, because the script may write meanwhile.
                Some(output.retry_until_pushed(|| writer.lock().try_flush()).await.is_ok())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => Some(error.kind() == ErrorKind::Interrupted),
        }
    }
}

/// Copies input until the child has ended. Unread input returns to the script.
async fn copy_input(pipe: Sender, source: Source, mut inbox: UnboundedReceiver<DrainRequest>) {
    let Source { input, is_sync, mut child_end } = source;
    let mut buffer = vec![0; CHUNK];
    let mut unwritten = 0..0;
    let mut pipe = Some(pipe);
    let request = loop {
        let step = async {
            match &pipe {
                None => pending().await,
                Some(_) if unwritten.is_empty() => {
                    match input.read_for_child(&mut buffer, is_sync).await {
                        0 => None,
                        count => Some(0..count),
                    }
                }
                Some(pipe) => {
                    pipe.writable().await.ok()?;
                    match pipe.try_write(&buffer[unwritten.clone()]) {
                        Ok(count) => Some(unwritten.start + count..unwritten.end),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            Some(unwritten.clone())
                        }
                        Err(_) => None,
                    }
                }
            }
        };
        tokio::select! {
            biased;
            request = inbox.recv() => break request,
            left = step => match left {
                Some(left) => unwritten = left,
                // The end of the script's input ends the child's input.
                None => pipe = None,
            },
        }
    };
    drop(pipe);
    // In order: bytes that the child left in the pipe, then bytes that were not written.
    let mut left = unread_bytes(&mut child_end);
    left.extend_from_slice(&buffer[unwritten]);
    input.put_back(&left);
    drop(request);
}

/// The bytes that are in the pipe now. A grandchild may hold the other end, so this does not wait for the end of the
/// pipe.
fn unread_bytes(pipe: &mut PipeReader) -> Vec<u8> {
    let mut left = Vec::new();
    let mut chunk = vec![0; CHUNK];
    while left.len() < MAX_DRAIN && is_readable(pipe) {
        match pipe.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => left.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    left
}

fn is_readable(pipe: &PipeReader) -> bool {
    let mut pipes = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    poll(&mut pipes, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
