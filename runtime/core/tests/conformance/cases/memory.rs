//! The memory limit: it ends the process that exceeds it, and no other. Memory of idle processes.

use js_runtime::{ExitReason, Limits, SpawnConfig};

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    only_the_process_over_its_memory_limit_ends,
    released_memory_can_be_allocated_again,
    garbage_of_an_idle_script_with_modules_of_node_is_collected,
];

/// Cases for systems that attribute memory to threads.
#[cfg(target_os = "linux")]
pub(crate) const LINUX: &[Case] =
    cases![memory_of_the_application_is_not_charged_to_a_busy_process];

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

async fn only_the_process_over_its_memory_limit_ends(bench: &Bench) -> Outcome {
    let mut idle = bench.start(limited(bench.fixture("echo-lines.mjs", &[]))).await?;
    let mut busy = bench.start(limited(bench.fixture("busy.mjs", &[]))).await?;
    busy.until_ready().await?;
    let ended = bench.run(limited(bench.fixture("hostile/blobs.mjs", &[])), b"").await?;
    assert!(ended.log().contains("limits.memoryMb"), "{}", ended.log());
    assert_eq!((ended.reason, ended.code), (Some(ExitReason::MemoryLimit), None));
    idle.write("x\n").await?;
    assert_eq!(idle.text().await?, "x");
    busy.kill().await?;
    assert_eq!(busy.rest().await?.reason, Some(ExitReason::Killed { signal: None }));
    idle.kill().await
}

/// Without a collection on idle, V8 never collects the garbage of this script.
async fn garbage_of_an_idle_script_with_modules_of_node_is_collected(bench: &Bench) -> Outcome {
    let mut idle = bench.start(bench.fixture("idle-collection.mjs", &[])).await?;
    assert_eq!(idle.text().await?, "collected");
    idle.kill().await
}

/// A busy script gets as much processor time as the thread of the application that allocates.
#[cfg(target_os = "linux")]
async fn memory_of_the_application_is_not_charged_to_a_busy_process(bench: &Bench) -> Outcome {
    const CHUNK: usize = 4 << 20;
    let mut busy = bench.start(limited(bench.fixture("busy.mjs", &[]))).await?;
    busy.until_ready().await?;
    let application = tokio::task::spawn_blocking(|| {
        let chunks = 3 * (LIMIT_MB as usize) * (1 << 20) / CHUNK;
        let take = |_| {
            // Slow enough for several measurements of the script's memory.
            std::thread::sleep(std::time::Duration::from_millis(5));
            std::hint::black_box(vec![1_u8; CHUNK])
        };
        (0..chunks).map(take).collect::<Vec<_>>()
    });
    let taken = application.await?;
    // A full start and exit takes long enough for a wrong kill.
    let ended = bench.run(bench.fixture("echo-lines.mjs", &[]), b"x\n").await?;
    assert_eq!(ended.lines(), ["x"]);
    let state = bench.supervisor.status(&busy.name)?.state;
    assert!(state.is_running(), "{state:?}");
    drop(taken);
    busy.kill().await?;
    assert_eq!(busy.rest().await?.reason, Some(ExitReason::Killed { signal: None }));
    Ok(())
}

async fn released_memory_can_be_allocated_again(bench: &Bench) -> Outcome {
    // Higher than the allocations of other cases, part of which are charged to this process.
    let limits = Limits { memory_mb: Some(768), ..Limits::default() };
    let config = bench.fixture("messages-in-flight.mjs", &[]);
    let ended = bench.run(SpawnConfig { limits: Some(limits), ..config }, b"").await?;
    assert_eq!(ended.lines(), ["2000 MB in all"], "{}", ended.log());
    assert_eq!((ended.reason, ended.code), (Some(ExitReason::Completed), Some(0)));
    Ok(())
}
