//! Subscribers: late and slow ones, and lines over the limit.

use std::cell::Cell;
use std::time::Duration;

use js_runtime::{Backpressure, Event, Limits, Record, SpawnConfig, Stream, Subscription};
use libtest_mimic::Failed;

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    a_late_subscriber_starts_with_the_history,
    a_subscriber_after_the_exit_receives_the_whole_history,
    a_lossy_subscriber_receives_the_number_of_dropped_lines,
    a_slow_waiting_subscriber_receives_every_line,
    unreleased_events_are_delivered_to_the_next_subscriber,
    a_subscriber_that_releases_in_batches_receives_every_line,
    answers_arrive_while_a_waiting_subscriber_is_behind,
    a_stalled_subscriber_blocks_only_its_own_process,
    a_line_over_the_limit_is_reported_and_the_next_line_arrives,
];

/// Cases that need file leases, which only Linux has.
#[cfg(target_os = "linux")]
pub(crate) const LINUX: &[Case] = cases![a_slow_program_start_blocks_no_other_process];

fn flood(bench: &Bench) -> SpawnConfig {
    let limits = Some(Limits { stdout_buffer_mb: Some(1), ..Limits::default() });
    SpawnConfig { limits, ..bench.fixture("flood.mjs", &[]) }
}

async fn a_late_subscriber_starts_with_the_history(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("echo-lines.mjs", &[])).await?;
    run.write("early\n").await?;
    assert_eq!(run.text().await?, "early");
    let mut late = bench.supervisor.subscribe(&run.name)?;
    let mut later = bench.supervisor.subscribe_with(&run.name, Backpressure::Drop, false)?;
    run.write("late\n").await?;
    assert_eq!(text(&mut late).await?, "early");
    assert_eq!(text(&mut late).await?, "late");
    assert_eq!(text(&mut later).await?, "late");
    run.kill().await
}

async fn text(events: &mut Subscription) -> Result<String, Failed> {
    while let Some(record) = events.recv().await {
        match (&record.event, record.text()) {
            (Event::Stdout(_), Some(text)) => return Ok(text.into_owned()),
            (Event::Exit { .. }, _) => break,
            _ => {}
        }
    }
    Err("the subscription ended".into())
}

async fn a_subscriber_after_the_exit_receives_the_whole_history(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("both-streams.mjs", &["20"])).await?;
    run.rest().await?;
    let mut late = bench.supervisor.subscribe(&run.name)?;
    let mut lines = (0, 0);
    let mut seq = 0;
    loop {
        let record = late.recv().await.ok_or("the subscription ended")?;
        assert_eq!(record.seq, seq);
        seq += 1;
        match record.event {
            Event::Stdout(_) => lines.0 += 1,
            Event::Stderr(_) => lines.1 += 1,
            Event::Exit { code, .. } => {
                assert_eq!((lines, code), ((20, 20), Some(0)));
                return Ok(());
            }
            _ => {}
        }
    }
}

async fn a_lossy_subscriber_receives_the_number_of_dropped_lines(bench: &Bench) -> Outcome {
    let mut fast = bench.start(flood(bench)).await?;
    let mut slow = bench.supervisor.subscribe(&fast.name)?;
    // Several times the capacity of the history.
    for n in 0..60_000 {
        assert_eq!(fast.text().await?, n.to_string());
    }
    fast.kill().await?;

    let first = slow.recv().await.ok_or("the subscription ended")?;
    let Event::Dropped { events, bytes } = first.event else {
        return Err(format!("expected dropped events, got {first:?}").into());
    };
    let mut next = slow.recv().await.ok_or("the subscription ended")?;
    assert_eq!(next.seq, events, "wrong number of dropped events");
    if let Event::State(_) = next.event {
        // Output that was written before the kill was dropped as well.
        next = slow.recv().await.ok_or("the subscription ended")?;
    }
    let line: u64 = next.text().ok_or_else(|| format!("expected a line, got {next:?}"))?.parse()?;
    assert_eq!(bytes, (0..line).map(|n| n.to_string().len() as u64).sum::<u64>());
    contiguous(&mut slow, next).await
}

/// Reads to the exit and checks that no event is missing.
async fn contiguous(events: &mut Subscription, mut last: Record) -> Outcome {
    loop {
        let record = events.recv().await.ok_or("the subscription ended")?;
        assert_eq!(record.seq, last.seq + 1);
        if let Event::Exit { .. } = record.event {
            return Ok(());
        }
        last = record;
    }
}

async fn a_slow_waiting_subscriber_receives_every_line(bench: &Bench) -> Outcome {
    const LINES: usize = 40_000;
    let fast = bench.start(flood(bench)).await?;
    let mut quick = bench.supervisor.subscribe_with(&fast.name, Backpressure::Wait, true)?;
    let mut slow = bench.supervisor.subscribe_with(&fast.name, Backpressure::Wait, true)?;
    let name = fast.name.clone();
    drop(fast);
    let (first, second) = tokio::join!(count(&mut quick, LINES, 0), count(&mut slow, LINES, 5));
    first?;
    second?;
    Ok(bench.supervisor.kill(&name).await?)
}

/// Reads numbered lines, and yields `pauses` times after each.
async fn count(events: &mut Subscription, lines: usize, pauses: usize) -> Outcome {
    for n in 0..lines {
        assert_eq!(text(events).await?, n.to_string());
        for _ in 0..pauses {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// A caller that waits for an answer may pull the output itself. The other subscriber then fills the history.
async fn answers_arrive_while_a_waiting_subscriber_is_behind(bench: &Bench) -> Outcome {
    const ANSWERS: usize = 1_000;
    let limits = Some(Limits { stdout_buffer_mb: Some(1), ..Limits::default() });
    let config = SpawnConfig { limits, ..bench.fixture("echo-lines.mjs", &[]) };
    let mut run = bench.start(config).await?;
    let mut slow = bench.supervisor.subscribe_with(&run.name, Backpressure::Wait, true)?;
    let line = |number: usize| format!("{number:02000}");
    let answered = Cell::new(0);
    let asks = async {
        for number in 0..ANSWERS {
            run.write(line(number) + "\n").await?;
            assert_eq!(run.text().await?, line(number));
            answered.set(number);
        }
        run.close()?;
        run.end().await
    };
    let reads = async {
        // The history has room for about 500 answers.
        while answered.get() < 400 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        for number in 0..ANSWERS {
            assert_eq!(text(&mut slow).await?, line(number));
        }
        let after = text(&mut slow).await;
        assert!(after.is_err(), "{after:?} after the last answer");
        Ok::<_, Failed>(())
    };
    let (ended, read) = tokio::join!(asks, reads);
    read?;
    let ended = ended?;
    assert_eq!((ended.stdout.len(), ended.code), (0, Some(0)));
    Ok(())
}

async fn unreleased_events_are_delivered_to_the_next_subscriber(bench: &Bench) -> Outcome {
    let run = bench.start(bench.fixture("echo-lines.mjs", &[])).await?;
    let mut first = bench.supervisor.subscribe_held(&run.name, None)?;
    run.write("one\ntwo\nthree\n").await?;
    let one = loop {
        let record = first.recv().await.ok_or("the subscription ended")?;
        if record.text().is_some() {
            break record;
        }
    };
    first.release(one.seq);
    assert_eq!(text(&mut first).await?, "two");
    assert_eq!(text(&mut first).await?, "three");
    assert_eq!(first.next_seq(), one.seq + 3);

    let mut second = bench.supervisor.subscribe_held(&run.name, None)?;
    drop(first);
    let seen = [text(&mut second).await?, text(&mut second).await?, text(&mut second).await?];
    assert_eq!(seen, ["one", "two", "three"], "a history with room retains released events");
    run.kill().await
}

async fn a_subscriber_that_releases_in_batches_receives_every_line(bench: &Bench) -> Outcome {
    const LINES: usize = 40_000;
    let run = bench.start(flood(bench)).await?;
    let mut held = bench.supervisor.subscribe_held(&run.name, None)?;
    let name = run.name.clone();
    drop(run);
    let (mut seen, mut last) = (0, 0);
    while seen < LINES {
        // Two batches behind, like a page that acknowledges.
        let behind = last;
        let batch = held.recv_batch(1_000).await;
        last = batch.last().ok_or("the subscription ended")?.seq;
        for line in batch.iter().filter_map(Record::text) {
            assert_eq!(line, seen.to_string());
            seen += 1;
        }
        held.release(behind);
    }
    Ok(bench.supervisor.kill(&name).await?)
}

async fn a_stalled_subscriber_blocks_only_its_own_process(bench: &Bench) -> Outcome {
    let stalled = bench.start(flood(bench)).await?;
    let mut other = bench.start(bench.fixture("echo-lines.mjs", &[])).await?;
    for n in 0..1_000 {
        other.write(format!("{n}\n")).await?;
        assert_eq!(other.text().await?, n.to_string());
    }
    other.kill().await?;
    stalled.kill().await?;
    // Earlier output is still available to the waiting subscriber.
    let lines = stalled.end().await?.lines();
    let expected = 0..lines.len();
    assert!(lines.iter().map(String::as_str).eq(expected.map(|n| n.to_string())), "a gap");
    Ok(())
}

async fn a_line_over_the_limit_is_reported_and_the_next_line_arrives(bench: &Bench) -> Outcome {
    const MIB: usize = 1024 * 1024;
    for (size, fits) in [(MIB, true), (MIB + 1, false), (3 * MIB, false)] {
        let limits = Some(Limits { line_mb: Some(1), ..Limits::default() });
        let config = SpawnConfig { limits, ..bench.fixture("big-line.mjs", &[&size.to_string()]) };
        let mut run = bench.start(config).await?;
        let mut seen = Vec::new();
        loop {
            match run.next().await?.event {
                Event::Exit { code, .. } => {
                    assert_eq!(code, Some(0));
                    break;
                }
                Event::State(_) => {}
                event => seen.push(event),
            }
        }
        let small = Event::Stdout("small".into());
        if fits {
            assert!(seen == [Event::Stdout(vec![b'x'; size].into()), small], "{size} bytes");
        } else {
            let too_long = Event::LineTooLong { stream: Stream::Stdout, limit: MIB };
            let dropped = Event::Dropped { events: 1, bytes: size as u64 };
            assert_eq!(seen, [too_long, dropped, small]);
        }
    }
    Ok(())
}

/// Simulates a program on an unresponsive network drive: a lease on its file makes the system wait before loading it.
#[cfg(target_os = "linux")]
async fn a_slow_program_start_blocks_no_other_process(bench: &Bench) -> Outcome {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    use nix::libc::{F_GETLEASE, F_SETLEASE, F_UNLCK, F_WRLCK, SIGURG, fcntl};

    /// Sets the signal of a lease. The crate `libc` lacks it.
    const F_SETSIG: i32 = 10;

    let mut other = bench.start(bench.fixture("echo-lines.mjs", &[])).await?;
    other.write("ready\n").await?;
    other.until_ready().await?;

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("slow");
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).mode(0o755).open(&path)?;
    let descriptor = file.as_raw_fd();
    // SAFETY: `file` keeps the descriptor open, and these commands take integers. `SIGURG` is ignored by default, so
    // the notification does not end this program.
    unsafe {
        assert_eq!(fcntl(descriptor, F_SETSIG, SIGURG), 0);
        assert_eq!(
            fcntl(descriptor, F_SETLEASE, F_WRLCK),
            0,
            "{}",
            std::io::Error::last_os_error()
        );
    }
    let name = Bench::name();
    let config = SpawnConfig::command(path.to_string_lossy());
    let mut slow = std::pin::pin!(bench.supervisor.spawn(&name, config));
    let answers = async {
        // SAFETY: as above.
        while unsafe { fcntl(descriptor, F_GETLEASE) } == F_WRLCK {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        other.write("ready\n").await?;
        other.until_ready().await
    };
    tokio::select! {
        biased;
        started = &mut slow => return Err(format!("the other process was blocked: {started:?}").into()),
        answered = answers => answered?,
    }
    // SAFETY: as above.
    assert_eq!(unsafe { fcntl(descriptor, F_SETLEASE, F_UNLCK) }, 0);
    drop(file);
    // An empty file cannot be executed.
    assert!(slow.await.is_err());
    other.kill().await
}
