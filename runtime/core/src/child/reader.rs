//! Reads one output stream of a child, on a task and on Unix also on the threads of waiting subscribers.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::io::history::{History, PullSource};
use crate::io::line_writer::{LineWriter, TICK};

/// How long a pipe is read after the process group was killed. Only a process that left the group can keep the pipe
/// open that long.
pub(super) const DRAIN: Duration = Duration::from_millis(500);

/// Capacity of a pipe in bytes. After [`DRAIN`] so much is still read: on a busy machine the reader may not have run
/// yet. A process that left the group could write without end.
const PIPE_CAPACITY: usize = 256 * 1024;

/// Most bytes that a subscriber reads at a time.
#[cfg(unix)]
const PULL_BYTES: usize = 4 * 1024;

pub(super) struct Reader {
    /// Locked while bytes are read and written to the history, which keeps their order. `None` when nothing more is to
    /// be read.
    writer: Arc<Mutex<Option<LineWriter>>>,
    output: History,
    leader_exit: watch::Receiver<Option<Instant>>,
    /// A subscriber has read bytes that are not flushed yet.
    unflushed: Arc<Notify>,
    _pull_source: Option<PullSource>,
}

impl Reader {
    /// `leader_exit` has the time when the child exited.
    pub(super) fn new(writer: LineWriter, leader_exit: watch::Receiver<Option<Instant>>) -> Self {
        let output = writer.history();
        let writer = Arc::new(Mutex::new(Some(writer)));
        Self { writer, output, leader_exit, unflushed: Arc::default(), _pull_source: None }
    }

    /// Lets waiting subscribers read from the pipe: waking the supervisor's thread takes as long as some scripts take to
    /// answer.
    #[cfg(unix)]
    pub(super) fn let_subscribers_pull(self, pipe: &impl std::os::fd::AsFd) -> Self {
        use std::io::{PipeReader, Read};

        use crate::io::history::CutOff;

        // Fails without a free descriptor; then the task reads everything.
        let Ok(pipe) = pipe.as_fd().try_clone_to_owned() else { return self };
        let pipe = PipeReader::from(pipe);
        let (shared, unflushed) = (self.writer.clone(), self.unflushed.clone());
        let pull_source = self.output.pull_with(move || {
            let Some(mut shared) = shared.try_lock() else { return };
            let Some(writer) = shared.as_mut().filter(|writer| writer.is_flushed()) else { return };
            let mut buffer = [0; PULL_BYTES];
            // The task handles the end of the stream.
            let Ok(count @ 1..) = (&pipe).read(&mut buffer) else { return };
            writer.append(&buffer[..count]);
            match writer.try_flush() {
                Ok(true) if writer.holds_text() => {}
                Ok(true) => return,
                Ok(false) => {}
                Err(CutOff) => *shared = None,
            }
            // The task gets no event for a pipe that was emptied here.
            unflushed.notify_one();
        });
        Self { _pull_source: Some(pull_source), ..self }
    }

    pub(super) async fn read(self, mut pipe: impl AsyncRead + Unpin) {
        let mut flushing = Duration::ZERO;
        let mut rest = PIPE_CAPACITY;
        // When to flush an incomplete line.
        let mut tick = None;
        while rest > 0 {
            let read = poll_fn(|context| {
                let mut writer = self.writer.lock();
                let Some(writer) = &mut *writer else { return Poll::Ready(Ok(0)) };
                let count = ready!(pin!(pipe.read_buf(writer.room())).poll(context));
                writer.take_read();
                Poll::Ready(count)
            });
            let holds_text = self.writer.lock().as_ref().is_some_and(LineWriter::holds_text);
            tick = holds_text.then(|| tick.unwrap_or_else(|| Instant::now() + TICK));
            tokio::select! {
                biased;
                () = self.unflushed.notified() => {}
                count = read => match count {
                    Ok(count @ 1..) if self.is_time_up(flushing) => rest = rest.saturating_sub(count),
                    Ok(1..) => {}
                    // A read error means the same as the end of the stream.
                    _ => break,
                },
                () = time_is_up(self.leader_exit.clone(), flushing) => break,
                () = due(tick) => {
                    tick = None;
                    if let Some(writer) = &mut *self.writer.lock() {
                        writer.tick();
                    }
                }
            }
            let flush_start = Instant::now();
            let flush = || self.writer.lock().as_mut().map_or(Ok(true), LineWriter::try_flush);
            if self.output.retry_until_pushed(flush).await.is_err() {
                return;
            }
            if self.leader_exit.borrow().is_some() {
                flushing += flush_start.elapsed();
            }
        }
        let Some(mut writer) = self.writer.lock().take() else { return };
        writer.append_end();
        // Fails if a kill has cut off the output.
        let _ = writer.flush().await;
    }

    fn is_time_up(&self, flushing: Duration) -> bool {
        let gone_at = *self.leader_exit.borrow();
        gone_at.is_some_and(|gone_at| time_is_up_at(gone_at, flushing) <= Instant::now())
    }
}

async fn due(tick: Option<Instant>) {
    match tick {
        Some(tick) => tokio::time::sleep_until(tick).await,
        None => std::future::pending().await,
    }
}

/// When to stop reading. The time that the reader waited for a slow subscriber does not count.
fn time_is_up_at(gone_at: Instant, flushing: Duration) -> Instant {
    gone_at + DRAIN + flushing
}

async fn time_is_up(mut gone: watch::Receiver<Option<Instant>>, flushing: Duration) {
    // An error means that the child task is gone.
    let gone_at = gone.wait_for(Option::is_some).await.ok().and_then(|gone| *gone);
    if let Some(gone_at) = gone_at {
        tokio::time::sleep_until(time_is_up_at(gone_at, flushing)).await;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Stdio;

    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::io::event::{Event, Stream};
    use crate::io::history::{Backpressure, Subscription};
    use crate::io::line_writer::LineWriters;
    use crate::patience::{PATIENCE, finishes};
    use crate::wire::Framing;

    #[tokio::test]
    async fn pulled_text_waits_for_space_in_the_history() {
        let output = History::new(0);
        // Room for one line.
        output.start_generation(1, 1);
        let mut slow = output.subscribe_held(None);
        let mut echo = tokio::process::Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("every Unix has it");
        let (Some(mut stdin), Some(stdout)) = (echo.stdin.take(), echo.stdout.take()) else {
            panic!("both are pipes");
        };
        let writers = LineWriters {
            history: output.clone(),
            generation: 1,
            framing: Framing::Lines,
            line_limit: 9,
        };
        let (_leader, gone) = watch::channel(None);
        let reader =
            Reader::new(writers.stream(Stream::Stdout), gone).let_subscribers_pull(&stdout);
        let (writer, pull) =
            (reader.writer.clone(), output.pull_fn().expect("subscribers can pull"));
        let reading = tokio::spawn(reader.read(stdout));

        stdin.write_all(b"one\n").await.expect("it reads");
        let one = slow.recv().await.expect("it writes");
        assert!(matches!(&one.event, Event::Stdout(line) if line == "one"));
        stdin.write_all(b"two\n").await.expect("it reads");
        // The reader's task does not run meanwhile, and then finds the pipe empty.
        while writer.lock().as_ref().is_some_and(LineWriter::is_flushed) {
            pull();
        }
        // Lets the task run.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let waits = tokio::time::timeout(Duration::ZERO, slow.recv()).await;
        assert!(waits.is_err(), "there is room: {waits:?}");
        slow.release(one.seq);
        let two = finishes(slow.recv()).await;
        let two = two.expect("the line is flushed").expect("it writes");
        assert!(matches!(&two.event, Event::Stdout(line) if line == "two"));

        drop(stdin);
        reading.await.expect("it ends with the pipe");
        assert!(output.pull_fn().is_none());
    }

    #[tokio::test]
    async fn a_pull_after_a_kill_ends_the_reader() {
        let output = History::new(0);
        output.start_generation(1, 1);
        let (pipe, mut writer) = std::io::pipe().expect("a pipe");
        let writers = LineWriters {
            history: output.clone(),
            generation: 1,
            framing: Framing::Lines,
            line_limit: 9,
        };
        let (_leader, gone) = watch::channel(None);
        let reader = Reader::new(writers.stream(Stream::Stdout), gone).let_subscribers_pull(&pipe);
        let pull = output.pull_fn().expect("subscribers can pull");
        // The task's own stream has no data.
        let (_open, silent) = tokio::io::duplex(1);
        let reading = tokio::spawn(reader.read(silent));
        tokio::task::yield_now().await;
        writers.cut_off();
        std::io::Write::write_all(&mut writer, b"late\n").expect("it is open");
        pull();
        let ended = finishes(reading).await;
        ended.expect("the reader ends").expect("it does not panic");
    }

    /// A reader whose child exited longer than [`DRAIN`] ago, and its output.
    fn late_reader() -> (Reader, Subscription) {
        let output = History::new(0);
        output.start_generation(1, usize::MAX);
        let lines = output.subscribe(Backpressure::Wait, true);
        let writers =
            LineWriters { history: output, generation: 1, framing: Framing::Lines, line_limit: 99 };
        let long_ago = Instant::now().checked_sub(DRAIN * 2).expect("the system is up for longer");
        let (_, gone) = watch::channel(Some(long_ago));
        (Reader::new(writers.stream(Stream::Stdout), gone), lines)
    }

    #[tokio::test]
    async fn a_late_reader_still_reads_the_content_of_the_pipe() {
        const LINES: usize = 20_000;
        let (reader, mut lines) = late_reader();
        let (mut writer, pipe) = tokio::io::duplex(PIPE_CAPACITY);
        for number in 0..LINES {
            writer.write_all(format!("{number}\n").as_bytes()).await.expect("there is room");
        }
        // The pipe stays open.
        finishes(reader.read(pipe)).await.expect("the pipe has finite content");
        for number in 0..LINES {
            let line = finishes(lines.recv()).await.flatten();
            let text = line.as_ref().and_then(crate::io::event::Record::text);
            assert_eq!(text.as_deref(), Some(&*number.to_string()));
        }
    }

    #[tokio::test]
    async fn a_writer_that_left_the_group_is_not_read_without_end() {
        let (reader, _lines) = late_reader();
        let ended = finishes(reader.read(tokio::io::repeat(b'\n'))).await;
        assert!(ended.is_some(), "it reads on after {PATIENCE:?}");
    }
}
