//! Reads one output stream of a child: a task does, and on Unix also whoever waits for an answer.

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

/// How long a pipe is read after the whole group was killed. What a pipe holds is read in no time; only
/// a process that left the group can hold it open for longer.
pub(super) const DRAIN: Duration = Duration::from_millis(500);

/// As much as a pipe holds at the most. What the group had written is still read when that time is up: on a
/// busy machine the reader may not have had its turn. A process that left the group could write for ever.
const HELD_BY_A_PIPE: usize = 256 * 1024;

/// So many bytes at a time are fetched by whoever waits for an answer.
#[cfg(unix)]
const SHORT: usize = 4 * 1024;

pub(super) struct Reader {
    /// Locked for as long as something is read and handed on, so that it stays in order. `None` once no
    /// more is to be read.
    sink: Arc<Mutex<Option<LineWriter>>>,
    output: History,
    gone: watch::Receiver<Option<Instant>>,
    /// Something was fetched that the task has to see to.
    left_over: Arc<Notify>,
    _fetcher: Option<PullSource>,
}

impl Reader {
    /// `gone` tells when the leader was.
    pub(super) fn new(sink: LineWriter, gone: watch::Receiver<Option<Instant>>) -> Self {
        let output = sink.history();
        let sink = Arc::new(Mutex::new(Some(sink)));
        Self { sink, output, gone, left_over: Arc::default(), _fetcher: None }
    }

    /// Lets whoever waits for an answer read it from the pipe: a turn of the supervisor's thread takes as
    /// long as some scripts take to answer.
    #[cfg(unix)]
    pub(super) fn let_subscribers_fetch(self, pipe: &impl std::os::fd::AsFd) -> Self {
        use std::io::{PipeReader, Read};

        use crate::io::history::CutOff;

        // Without a descriptor to spare everything is read by the task.
        let Ok(pipe) = pipe.as_fd().try_clone_to_owned() else { return self };
        let pipe = PipeReader::from(pipe);
        let (shared, left_over) = (self.sink.clone(), self.left_over.clone());
        let fetcher = self.output.pull_with(move || {
            let Some(mut shared) = shared.try_lock() else { return };
            let Some(sink) = shared.as_mut().filter(|sink| sink.is_flushed()) else { return };
            let mut buffer = [0; SHORT];
            // The end is the task's to see.
            let Ok(count @ 1..) = (&pipe).read(&mut buffer) else { return };
            sink.append(&buffer[..count]);
            match sink.try_flush() {
                Ok(true) if sink.holds_text() => {}
                Ok(true) => return,
                Ok(false) => {}
                Err(CutOff) => *shared = None,
            }
            // Of a pipe that was read empty meanwhile the system tells it nothing.
            left_over.notify_one();
        });
        Self { _fetcher: Some(fetcher), ..self }
    }

    pub(super) async fn read(self, mut pipe: impl AsyncRead + Unpin) {
        let mut flushing = Duration::ZERO;
        let mut left = HELD_BY_A_PIPE;
        // When text that waits for the end of its line is looked at.
        let mut tick = None;
        while left > 0 {
            let read = poll_fn(|context| {
                let mut sink = self.sink.lock();
                let Some(sink) = &mut *sink else { return Poll::Ready(Ok(0)) };
                let count = ready!(pin!(pipe.read_buf(sink.room())).poll(context));
                sink.take_read();
                Poll::Ready(count)
            });
            let holds_text = self.sink.lock().as_ref().is_some_and(LineWriter::holds_text);
            tick = holds_text.then(|| tick.unwrap_or_else(|| Instant::now() + TICK));
            tokio::select! {
                biased;
                () = self.left_over.notified() => {}
                count = read => match count {
                    Ok(count @ 1..) if self.is_time_up(flushing) => left = left.saturating_sub(count),
                    Ok(1..) => {}
                    // A read error means that nothing more can come, like the end.
                    _ => break,
                },
                () = time_is_up(self.gone.clone(), flushing) => break,
                () = due(tick) => {
                    tick = None;
                    if let Some(sink) = &mut *self.sink.lock() {
                        sink.tick();
                    }
                }
            }
            let began = Instant::now();
            let flush = || self.sink.lock().as_mut().map_or(Ok(true), LineWriter::try_flush);
            if self.output.retry_until_pushed(flush).await.is_err() {
                return;
            }
            if self.gone.borrow().is_some() {
                flushing += began.elapsed();
            }
        }
        let Some(mut sink) = self.sink.lock().take() else { return };
        sink.append_end();
        // Cut off by a kill: nobody is to see it.
        let _ = sink.flush().await;
    }

    fn is_time_up(&self, flushing: Duration) -> bool {
        let gone_at = *self.gone.borrow();
        gone_at.is_some_and(|gone_at| time_is_up_at(gone_at, flushing) <= Instant::now())
    }
}

async fn due(tick: Option<Instant>) {
    match tick {
        Some(tick) => tokio::time::sleep_until(tick).await,
        None => std::future::pending().await,
    }
}

/// When the leader, gone since then, has been gone for so long that what still comes is not its output. Time
/// in which a slow subscriber held up the reader does not count.
fn time_is_up_at(gone_at: Instant, flushing: Duration) -> Instant {
    gone_at + DRAIN + flushing
}

/// Resolves then.
async fn time_is_up(mut gone: watch::Receiver<Option<Instant>>, flushing: Duration) {
    // An error says that the keeper is gone too.
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
    async fn what_was_fetched_and_found_no_room_is_handed_on_when_there_is_some() {
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
        let sinks = LineWriters {
            history: output.clone(),
            generation: 1,
            framing: Framing::Lines,
            line_limit: 9,
        };
        let (_leader, gone) = watch::channel(None);
        let reader = Reader::new(sinks.stream(Stream::Stdout), gone).let_subscribers_fetch(&stdout);
        let (sink, fetch) = (reader.sink.clone(), output.pull_fn().expect("it can be fetched"));
        let reading = tokio::spawn(reader.read(stdout));

        stdin.write_all(b"one\n").await.expect("it reads");
        let one = slow.recv().await.expect("it writes");
        assert!(matches!(&one.event, Event::Stdout(line) if line == "one"));
        stdin.write_all(b"two\n").await.expect("it reads");
        // The reader's task has no turn meanwhile, and finds the pipe empty then.
        while sink.lock().as_ref().is_some_and(LineWriter::is_flushed) {
            fetch();
        }
        // Its turns pass without any of it.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let waits = tokio::time::timeout(Duration::ZERO, slow.recv()).await;
        assert!(waits.is_err(), "there is room: {waits:?}");
        slow.release(one.seq);
        let two = finishes(slow.recv()).await;
        let two = two.expect("it is not left behind").expect("it writes");
        assert!(matches!(&two.event, Event::Stdout(line) if line == "two"));

        drop(stdin);
        reading.await.expect("it ends with the pipe");
        assert!(output.pull_fn().is_none());
    }

    #[tokio::test]
    async fn what_is_fetched_after_a_kill_ends_the_reader() {
        let output = History::new(0);
        output.start_generation(1, 1);
        let (pipe, mut writer) = std::io::pipe().expect("a pipe");
        let sinks = LineWriters {
            history: output.clone(),
            generation: 1,
            framing: Framing::Lines,
            line_limit: 9,
        };
        let (_leader, gone) = watch::channel(None);
        let reader = Reader::new(sinks.stream(Stream::Stdout), gone).let_subscribers_fetch(&pipe);
        let fetch = output.pull_fn().expect("it can be fetched");
        // What the task reads says nothing.
        let (_open, silent) = tokio::io::duplex(1);
        let reading = tokio::spawn(reader.read(silent));
        // It has its turn, and waits.
        tokio::task::yield_now().await;
        sinks.cut_off();
        std::io::Write::write_all(&mut writer, b"late\n").expect("it is open");
        fetch();
        let ended = finishes(reading).await;
        ended.expect("nobody is to read on").expect("it ends");
    }

    /// A reader of a stream whose leader has been gone for longer than anything is waited for, and its output.
    fn reader_that_comes_late() -> (Reader, Subscription) {
        let output = History::new(0);
        output.start_generation(1, usize::MAX);
        let lines = output.subscribe(Backpressure::Wait, true);
        let sinks =
            LineWriters { history: output, generation: 1, framing: Framing::Lines, line_limit: 99 };
        let long_ago = Instant::now().checked_sub(DRAIN * 2).expect("the system is up for longer");
        let (_, gone) = watch::channel(Some(long_ago));
        (Reader::new(sinks.stream(Stream::Stdout), gone), lines)
    }

    #[tokio::test]
    async fn what_the_pipe_holds_is_read_however_late_the_reader_has_its_turn() {
        const LINES: usize = 20_000;
        let (reader, mut lines) = reader_that_comes_late();
        let (mut writer, pipe) = tokio::io::duplex(HELD_BY_A_PIPE);
        for number in 0..LINES {
            writer.write_all(format!("{number}\n").as_bytes()).await.expect("there is room");
        }
        // The pipe stays open.
        finishes(reader.read(pipe)).await.expect("what the pipe holds has an end");
        for number in 0..LINES {
            let line = finishes(lines.recv()).await.flatten();
            let text = line.as_ref().and_then(crate::io::event::Record::text);
            assert_eq!(text.as_deref(), Some(&*number.to_string()));
        }
    }

    #[tokio::test]
    async fn a_writer_that_outlives_the_group_is_not_read_without_end() {
        let (reader, _lines) = reader_that_comes_late();
        let ended = finishes(reader.read(tokio::io::repeat(b'\n'))).await;
        assert!(ended.is_some(), "it reads on after {PATIENCE:?}");
    }
}
