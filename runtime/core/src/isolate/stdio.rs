//! stdin, stdout and stderr of an embedded process: files that are no files.
//!
//! Put in place of resources and descriptors 0 to 2, so that every way a script has to reach them
//! (`Deno.stdin`, `console`, `process.stdout`, `fs.writeSync(1)`, streams) ends here, in the same
//! bounded buffers. Synchronous calls block the script's own thread, and a kill frees them.

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
use crate::isolate::sandbox::children::inherit::{Inherited, Shared};
use crate::isolate::stdio::partial_lines::PartialLines;

/// One of the three.
pub(crate) struct Stdio {
    end: End,
    /// Whose event loop stands still while a synchronous call waits; `None` for that of a worker, which
    /// nobody watches.
    watched: Option<Arc<Control>>,
}

enum End {
    In(StdinQueue),
    Out {
        /// Shared with who hands on text that waits for the end of its line.
        sink: Arc<Mutex<LineWriter>>,
        partial: Arc<PartialLines>,
        /// Asynchronous writes wait for each other, so that no more than one is held here.
        turn: tokio::sync::Mutex<()>,
    },
}

/// Where the line door writes.
#[derive(Clone)]
pub(super) struct LineOut(pub(super) Rc<Stdio>);

/// Where the engine's own words for whoever reads the log go.
#[derive(Clone)]
pub(super) struct Log(pub(super) Rc<Stdio>);

thread_local! {
    /// The streams of this thread's isolate by their numbers. Its tables own them.
    static HERE: RefCell<[Weak<Stdio>; 3]> = const { RefCell::new([Weak::new(), Weak::new(), Weak::new()]) };
}

/// A stream that is opened by its path, such as `/dev/stdin`.
pub(super) fn of_this_thread(number: usize) -> FsResult<Rc<dyn File>> {
    let stream = HERE.with_borrow(|streams| streams.get(number).and_then(Weak::upgrade));
    let stream = stream.ok_or_else(|| {
        FsError::Io(io::Error::new(io::ErrorKind::NotFound, "the stream has been closed"))
    })?;
    Ok(stream)
}

/// What a stream looks like that is opened by its path.
pub(super) fn stat(number: usize) -> FsResult<FsStat> {
    of_this_thread(number)?.stat_sync()
}

#[expect(clippy::unnecessary_wraps, reason = "one signature for all")]
pub(super) fn path(number: usize) -> FsResult<PathBuf> {
    Ok(PathBuf::from(format!("/dev/fd/{number}")))
}

/// Says something on the stderr of this thread's isolate.
pub(super) fn warn(text: &str) {
    let stderr = HERE.with_borrow(|streams| streams[2].upgrade());
    if let Some(stderr) = stderr {
        stderr.say(&format!("{text}\n"));
    }
}

/// The three of one isolate.
pub(crate) struct Streams {
    pub(super) stdin: Rc<Stdio>,
    pub(super) stdout: Rc<Stdio>,
    pub(super) stderr: Rc<Stdio>,
    /// What they are for children.
    pub(super) inherited: Inherited,
}

impl Streams {
    /// Replaces what the worker was built with.
    pub(super) fn install(&self, state: &mut OpState) {
        let streams =
            [(0, "stdin", &self.stdin), (1, "stdout", &self.stdout), (2, "stderr", &self.stderr)];
        state.put(LineOut(self.stdout.clone()));
        state.put(Log(self.stderr.clone()));
        HERE.set([&self.stdin, &self.stdout, &self.stderr].map(Rc::downgrade));
        state.put(self.inherited.clone());
        // Whatever the application inherited, a script has these.
        state.put(FdTable::new());
        for (number, name, stream) in streams {
            let file: Rc<dyn File> = stream.clone();
            let resource = FileResource::new(file.clone(), name.to_owned());
            state.resource_table.replace(number, resource);
            // The same three numbers, whatever type the table counts them in.
            let descriptor = i32::try_from(number).unwrap_or_default();
            state.borrow_mut::<FdTable>().register(descriptor, file);
        }
    }

    /// Hands on what the script and its children left unfinished: a last line without a terminator.
    pub(super) fn finish(&self) {
        self.inherited.finish();
        for stream in [&self.stdout, &self.stderr] {
            stream.end();
        }
    }
}

/// What the worker is built with: never the application's own.
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
        sink: LineWriter,
        partial: &Arc<PartialLines>,
        watched: Option<Arc<Control>>,
    ) -> Self {
        let sink = Arc::new(Mutex::new(sink));
        partial.watch(&sink);
        let turn = tokio::sync::Mutex::default();
        let end = End::Out { sink, partial: partial.clone(), turn };
        Self { end, watched }
    }

    /// What programs that inherit the stream write to; `None` for stdin.
    pub(super) fn shared(&self) -> Option<Shared> {
        match &self.end {
            End::Out { sink, partial, .. } => {
                Some(Shared { sink: sink.clone(), partial: partial.clone() })
            }
            End::In(_) => None,
        }
    }

    /// While the guard lives, the thread waits for somebody else.
    fn pause(&self) -> Option<Paused<'_>> {
        self.watched.as_ref().map(|control| control.pulse.pause())
    }

    /// Appends text, as the engine itself does for an uncaught error.
    pub(super) fn say(&self, text: &str) {
        if let End::Out { sink, .. } = &self.end {
            let mut sink = sink.lock();
            sink.append(text.as_bytes());
            // Cut off by a kill: nobody is to see it.
            let _ = sink.flush_blocking();
        }
    }

    fn end(&self) {
        if let End::Out { sink, .. } = &self.end {
            let mut sink = sink.lock();
            sink.append_end();
            let _ = sink.flush_blocking();
        }
    }

    fn write_now(&self, data: &[u8]) -> FsResult<()> {
        let End::Out { sink, partial, .. } = &self.end else { return Err(bad_descriptor()) };
        let mut sink = sink.lock();
        sink.append(data);
        if sink.holds_text() {
            partial.notify();
        }
        self.flush_now(&mut sink)
    }

    pub(super) fn write_line(&self, line: Frame) -> FsResult<()> {
        let End::Out { sink, .. } = &self.end else { return Err(bad_descriptor()) };
        let mut sink = sink.lock();
        sink.append_frame(line);
        self.flush_now(&mut sink)
    }

    fn flush_now(&self, sink: &mut LineWriter) -> FsResult<()> {
        if sink.try_flush().map_err(broken_pipe)? {
            return Ok(());
        }
        let _paused = self.pause();
        sink.flush_blocking().map_err(broken_pipe)
    }

    async fn write_async(&self, data: &[u8]) -> FsResult<()> {
        let End::Out { sink, partial, turn } = &self.end else { return Err(bad_descriptor()) };
        let _turn = turn.lock().await;
        let output = {
            let mut sink = sink.lock();
            sink.append(data);
            if sink.holds_text() {
                partial.notify();
            }
            sink.history()
        };
        // The sink is locked for each attempt only: a synchronous write may come meanwhile.
        output.retry_until_pushed(|| sink.lock().try_flush()).await.map_err(broken_pipe)
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
