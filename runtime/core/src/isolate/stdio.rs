//! stdin, stdout and stderr of an embedded process, over in-process buffers.
//!
//! They replace the resources and descriptors 0 to 2, so that every API (`Deno.stdin`, `console`, `process.stdout`,
//! `fs.writeSync(1)`, streams) uses the same bounded buffers. Synchronous calls block the script's thread; a kill
//! unblocks them.

mod file;
pub(crate) mod frame_api;
pub(crate) mod partial_lines;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use deno_runtime::deno_core::OpState;
use deno_runtime::deno_io::fs::{File, FileResource, FsError, FsResult, FsStat};
use deno_runtime::deno_io::{FdTable, StdioPipe};
use parking_lot::Mutex;

use crate::io::history::CutOff;
use crate::io::line_splitter::Frame;
use crate::io::line_writer::LineWriter;
use crate::io::stdin_queue::StdinQueue;
use crate::isolate::limits::control::Control;
use crate::isolate::limits::watchdog::Paused;
use crate::isolate::stdio::partial_lines::PartialLines;

/// One standard stream.
pub(crate) struct Stdio {
    end: End,
    /// Its watchdog is paused while a synchronous call waits. `None` for workers, which have no watchdog.
    watched: Option<Arc<Control>>,
}

enum End {
    In(StdinQueue),
    Out {
        /// Shared with the task that flushes incomplete lines.
        writer: Arc<Mutex<LineWriter>>,
        partial: Arc<PartialLines>,
        /// Serialises asynchronous writes, so that at most one is buffered.
        write_lock: tokio::sync::Mutex<()>,
    },
}

/// An output stream, for children that inherit it.
#[derive(Clone)]
pub(crate) struct OutputHandle {
    pub(crate) writer: Arc<Mutex<LineWriter>>,
    pub(crate) partial: Arc<PartialLines>,
}

/// The stream that the frame API writes to.
#[derive(Clone)]
pub(super) struct FrameOutput(pub(super) Rc<Stdio>);

/// The stream for warnings of the engine.
#[derive(Clone)]
pub(super) struct LogStream(pub(super) Rc<Stdio>);

thread_local! {
    /// The streams of this thread's isolate by descriptor. The isolate's tables own them.
    static STREAMS: RefCell<[Weak<Stdio>; 3]> = const { RefCell::new([Weak::new(), Weak::new(), Weak::new()]) };
}

/// Opens a stream by its path, such as `/dev/stdin`.
pub(super) fn open(number: usize) -> FsResult<Rc<dyn File>> {
    let stream = STREAMS.with_borrow(|streams| streams.get(number).and_then(Weak::upgrade));
    let stream = stream.ok_or_else(|| {
        FsError::Io(io::Error::new(io::ErrorKind::NotFound, "the stream has been closed"))
    })?;
    Ok(stream)
}

/// The metadata of a stream that is opened by its path.
pub(super) fn stat(number: usize) -> FsResult<FsStat> {
    open(number)?.stat_sync()
}

#[expect(clippy::unnecessary_wraps, reason = "one signature for all")]
pub(super) fn path(number: usize) -> FsResult<PathBuf> {
    Ok(PathBuf::from(format!("/dev/fd/{number}")))
}

/// Prints a line to the stderr of this thread's isolate.
pub(super) fn warn(text: &str) {
    let stderr = STREAMS.with_borrow(|streams| streams[2].upgrade());
    if let Some(stderr) = stderr {
        stderr.write_text(&format!("{text}\n"));
    }
}

/// The standard streams of one isolate.
pub(crate) struct Streams {
    pub(super) stdin: Rc<Stdio>,
    pub(super) stdout: Rc<Stdio>,
    pub(super) stderr: Rc<Stdio>,
}

impl Streams {
    /// Replaces the null devices that the worker was created with.
    pub(super) fn install(&self, state: &mut OpState) {
        let streams =
            [(0, "stdin", &self.stdin), (1, "stdout", &self.stdout), (2, "stderr", &self.stderr)];
        state.put(FrameOutput(self.stdout.clone()));
        state.put(LogStream(self.stderr.clone()));
        STREAMS.set([&self.stdin, &self.stdout, &self.stderr].map(Rc::downgrade));
        // The table has only these, not the descriptors of the application.
        state.put(FdTable::new());
        for (number, name, stream) in streams {
            let file: Rc<dyn File> = stream.clone();
            let resource = FileResource::new(file.clone(), name.to_owned());
            state.resource_table.replace(number, resource);
            let descriptor = i32::try_from(number).unwrap_or_default();
            state.borrow_mut::<FdTable>().register(descriptor, file);
        }
    }

    /// Flushes the output, including a last line without a terminator.
    pub(super) fn finish(&self) {
        for stream in [&self.stdout, &self.stderr] {
            stream.finish();
        }
    }
}

/// The streams that a worker is created with, in place of the application's own.
pub(super) fn null_device() -> io::Result<deno_runtime::deno_io::Stdio> {
    let path = if cfg!(windows) { "NUL" } else { "/dev/null" };
    let open = || {
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
        Ok::<_, io::Error>(StdioPipe::file(file))
    };
    Ok(deno_runtime::deno_io::Stdio { stdin: open()?, stdout: open()?, stderr: open()? })
}

impl Stdio {
    pub(super) fn input(input: StdinQueue, watched: Option<Arc<Control>>) -> Self {
        Self { end: End::In(input), watched }
    }

    pub(super) fn output(
        writer: LineWriter,
        partial: &Arc<PartialLines>,
        watched: Option<Arc<Control>>,
    ) -> Self {
        let writer = Arc::new(Mutex::new(writer));
        partial.add(&writer);
        let write_lock = tokio::sync::Mutex::default();
        let end = End::Out { writer, partial: partial.clone(), write_lock };
        Self { end, watched }
    }

    /// The target of programs that inherit the stream; `None` for stdin.
    pub(super) fn output_handle(&self) -> Option<OutputHandle> {
        match &self.end {
            End::Out { writer, partial, .. } => {
                Some(OutputHandle { writer: writer.clone(), partial: partial.clone() })
            }
            End::In(_) => None,
        }
    }

    /// Pauses the watchdog while the guard lives.
    fn pause(&self) -> Option<Paused<'_>> {
        self.watched.as_ref().map(|control| control.watchdog.pause())
    }

    /// Writes text of the engine, such as an uncaught error.
    pub(super) fn write_text(&self, text: &str) {
        if let End::Out { writer, .. } = &self.end {
            let mut writer = writer.lock();
            writer.append(text.as_bytes());
            // Fails if a kill has cut off the output.
            let _ = writer.flush_blocking();
        }
    }

    fn finish(&self) {
        if let End::Out { writer, .. } = &self.end {
            let mut writer = writer.lock();
            writer.append_end();
            let _ = writer.flush_blocking();
        }
    }

    fn write_now(&self, data: &[u8]) -> FsResult<()> {
        let End::Out { writer, partial, .. } = &self.end else { return Err(bad_descriptor()) };
        let mut writer = writer.lock();
        writer.append(data);
        if writer.holds_text() {
            partial.notify();
        }
        self.flush_now(&mut writer)
    }

    pub(super) fn write_line(&self, line: Frame) -> FsResult<()> {
        let End::Out { writer, .. } = &self.end else { return Err(bad_descriptor()) };
        let mut writer = writer.lock();
        writer.append_frame(line);
        self.flush_now(&mut writer)
    }

    fn flush_now(&self, writer: &mut LineWriter) -> FsResult<()> {
        if writer.try_flush().map_err(broken_pipe)? {
            return Ok(());
        }
        let _paused = self.pause();
        writer.flush_blocking().map_err(broken_pipe)
    }

    async fn write_async(&self, data: &[u8]) -> FsResult<()> {
        let End::Out { writer, partial, write_lock } = &self.end else {
            return Err(bad_descriptor());
        };
        let _write_guard = write_lock.lock().await;
        let output = {
            let mut writer = writer.lock();
            writer.append(data);
            if writer.holds_text() {
                partial.notify();
            }
            writer.history()
        };
        // Locked only for each attempt: a synchronous write may come in between.
        output.retry_until_pushed(|| writer.lock().try_flush()).await.map_err(broken_pipe)
    }

    fn input_end(&self) -> FsResult<&StdinQueue> {
        match &self.end {
            End::In(input) => Ok(input),
            End::Out { .. } => Err(bad_descriptor()),
        }
    }

    fn read_now(&self, buffer: &mut [u8]) -> FsResult<usize> {
        let input = self.input_end()?;
        let _paused = self.pause();
        Ok(input.read_blocking(buffer))
    }
}

fn broken_pipe(_: CutOff) -> FsError {
    FsError::Io(io::ErrorKind::BrokenPipe.into())
}

fn bad_descriptor() -> FsError {
    FsError::Io(io::Error::other("the stream does not go in this direction"))
}
