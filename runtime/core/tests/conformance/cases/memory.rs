//! The limit of all memory of a process: the process that takes the memory ends, and no other.

use js_runtime::{ExitReason, Limits, SpawnConfig};

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    the_process_that_takes_the_memory_ends_and_its_neighbours_do_not,
    memory_that_is_given_back_may_be_taken_again,
];

/// Where the system tells which thread takes memory.
#[cfg(target_os = "linux")]
pub(crate) const LINUX: &[Case] =
    cases![memory_that_the_application_takes_is_not_that_of_a_process_that_works_meanwhile];

const LIMIT_MB: u32 = 128;

fn limited(config: SpawnConfig) -> SpawnConfig {
    let limits = Limits {
        heap_mb: Some(32),
        array_buffer_mb: Some(32),
        memory_mb: Some(LIMIT_MB),
        ..Limits::default()
    };
    SpawnConfig { limits: Some(limits), ..config }
}

async fn the_process_that_takes_the_memory_ends_and_its_neighbours_do_not(
    bench: &Bench,
) -> Outcome {
    let mut waits = bench.start(limited(bench.fixture("echo-lines.mjs", &[]))).await?;
    let mut works = bench.start(limited(bench.fixture("busy.mjs", &[]))).await?;
    works.until_ready().await?;
    let ended = bench.run(limited(bench.fixture("hostile/blobs.mjs", &[])), b"").await?;
    assert!(ended.log().contains("limits.memoryMb"), "{}", ended.log());
    assert_eq!((ended.reason, ended.code), (Some(ExitReason::MemoryLimit), None));
    waits.write("x\n").await?;
    assert_eq!(waits.text().await?, "x");
    works.kill().await?;
    assert_eq!(works.rest().await?.reason, Some(ExitReason::Killed { signal: None }));
    waits.kill().await
}

/// A script that only computes has as much of the processor as the thread that takes the memory.
#[cfg(target_os = "linux")]
async fn memory_that_the_application_takes_is_not_that_of_a_process_that_works_meanwhile(
    bench: &Bench,
) -> Outcome {
    const CHUNK: usize = 4 << 20;
    let mut works = bench.start(limited(bench.fixture("busy.mjs", &[]))).await?;
    works.until_ready().await?;
    let application = tokio::task::spawn_blocking(|| {
        let chunks = 3 * (LIMIT_MB as usize) * (1 << 20) / CHUNK;
        let take = |_| {
            // As fast as the script computes, so that there are measurements in between.
            std::thread::sleep(std::time::Duration::from_millis(5));
            std::hint::black_box(vec![1_u8; CHUNK])
        };
        (0..chunks).map(take).collect::<Vec<_>>()
    });
    let taken = application.await?;
    // A whole life passes, in which it would be ended.
    let ended = bench.run(bench.fixture("echo-lines.mjs", &[]), b"x\n").await?;
    assert_eq!(ended.lines(), ["x"]);
    let state = bench.supervisor.status(&works.name)?.state;
    assert!(state.is_running(), "{state:?}");
    drop(taken);
    works.kill().await?;
    assert_eq!(works.rest().await?.reason, Some(ExitReason::Killed { signal: None }));
    Ok(())
}

async fn memory_that_is_given_back_may_be_taken_again(bench: &Bench) -> Outcome {
    // More than other cases take meanwhile, of which a part is charged to a process that takes and gives back.
    let limits = Limits { memory_mb: Some(768), ..Limits::default() };
    let config = bench.fixture("messages-in-flight.mjs", &[]);
    let ended = bench.run(SpawnConfig { limits: Some(limits), ..config }, b"").await?;
    assert_eq!(ended.lines(), ["2000 MB in all"], "{}", ended.log());
    assert_eq!((ended.reason, ended.code), (Some(ExitReason::Completed), Some(0)));
    Ok(())
}
