//! Non-blocking writes to stdin: all or nothing, with a wait for free space.

use bytes::Bytes;
use js_runtime::{Error, Limits, SpawnConfig};

use crate::support::{Bench, Case, Outcome, Run, cases};

pub(crate) const CASES: &[Case] = cases![
    unread_stdin_is_full_at_its_limit,
    accepted_try_writes_arrive_whole_and_in_order,
    a_try_write_needs_a_running_process,
];

const MIB: usize = 1024 * 1024;

fn small(config: SpawnConfig) -> SpawnConfig {
    let limits = Limits { stdin_buffer_mb: Some(1), ..Limits::default() };
    SpawnConfig { limits: Some(limits), ..config }
}

async fn unread_stdin_is_full_at_its_limit(bench: &Bench) -> Outcome {
    const CHUNK: usize = 64 * 1024;
    // A paused stream reads ahead, and the pipe has a buffer.
    const READ_AHEAD: usize = 2 * MIB;
    let mut run = bench.start(small(bench.fixture("idle.mjs", &["interval"]))).await?;
    run.until_ready().await?;
    let (supervisor, name) = (&bench.supervisor, run.name.as_str());
    let mut written = 0;
    let error = loop {
        match supervisor.try_write_stdin(name, vec![b'x'; CHUNK]) {
            Ok(queued) => assert!(queued <= MIB + CHUNK, "{queued} bytes wait"),
            Err(error) => break error,
        }
        written += CHUNK;
        assert!(written <= MIB + CHUNK + READ_AHEAD, "stdin is never full");
    };
    assert!(matches!(&error, Error::StdinFull { limit: MIB, .. }), "{error}");
    assert_eq!((error.kind(), error.name()), ("stdinFull", Some(name)));

    let (room, killed) = tokio::join!(biased; fill_until_end(&run, bench), run.kill());
    killed?;
    assert!(matches!(room, Error::NotRunning(_)), "{room}");
    Ok(())
}

/// Writes whenever there is room, and returns the final error.
async fn fill_until_end(run: &Run<'_>, bench: &Bench) -> Error {
    loop {
        if let Err(error) = bench.supervisor.stdin_room(&run.name).await {
            return error;
        }
        match bench.supervisor.try_write_stdin(&run.name, vec![b'x'; MIB]) {
            Ok(_) | Err(Error::StdinFull { .. }) => {}
            Err(error) => return error,
        }
    }
}

async fn accepted_try_writes_arrive_whole_and_in_order(bench: &Bench) -> Outcome {
    const LINES: usize = 400;
    let mut run = bench.start(small(bench.fixture("echo-lines.mjs", &[]))).await?;
    let name = run.name.clone();
    let line = |number: usize| format!("{number} ü").repeat(4_000);
    let write = async {
        let mut refused = 0;
        for number in 0..LINES {
            let data = Bytes::from(line(number) + "\n");
            while let Err(error) = bench.supervisor.try_write_stdin(&name, data.clone()) {
                assert!(matches!(error, Error::StdinFull { .. }), "{error}");
                refused += 1;
                bench.supervisor.stdin_room(&name).await?;
            }
        }
        Ok::<_, Error>(refused)
    };
    let read = async {
        for number in 0..LINES {
            assert!(run.text().await? == line(number), "line {number} differs");
        }
        Ok::<_, libtest_mimic::Failed>(())
    };
    let (refused, seen) = tokio::join!(write, read);
    seen?;
    assert!(refused? > 0, "all lines fit at once");
    run.kill().await
}

async fn a_try_write_needs_a_running_process(bench: &Bench) -> Outcome {
    let unknown = bench.supervisor.try_write_stdin("unknown", "x");
    assert!(matches!(unknown, Err(Error::NotFound(_))));
    let mut run = bench.start(bench.fixture("exit.mjs", &["0"])).await?;
    run.rest().await?;
    let exited = bench.supervisor.try_write_stdin(&run.name, "x");
    assert!(matches!(exited, Err(Error::NotRunning(name)) if name == run.name));
    let exited = bench.supervisor.stdin_room(&run.name).await;
    assert!(matches!(exited, Err(Error::NotRunning(name)) if name == run.name));
    Ok(())
}
