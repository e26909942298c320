//! Usage of processes: memory and CPU time of each running one, measured without affecting it.

use std::time::Duration;

use js_runtime::{ExitReason, Limits, MemoryKind, SpawnConfig, Usage};
use libtest_mimic::Failed;

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    usage_of_an_idle_process_is_reported,
    usage_of_a_busy_process_is_reported,
    a_usage_query_does_not_affect_the_lifetime_of_a_process,
];

/// The usage of the only process of a bench.
async fn only_usage(bench: &Bench) -> Result<Usage, Failed> {
    let mut usage = bench.supervisor.usage().await;
    assert_eq!(usage.len(), 1, "{usage:?}");
    usage.pop().ok_or_else(|| "no usage is reported".into())
}

/// The memory of the only process. Repeats until the process has answered.
async fn measured_memory(bench: &Bench) -> Result<u64, Failed> {
    loop {
        if let Some(bytes) = only_usage(bench).await?.memory_bytes {
            return Ok(bytes);
        }
    }
}

/// Whether CPU time is available: for a thread only on Linux.
fn has_cpu_time(bench: &Bench) -> bool {
    cfg!(target_os = "linux") || !bench.is_embedded()
}

async fn usage_of_an_idle_process_is_reported(bench: &Bench) -> Outcome {
    const MIB: u64 = 1024 * 1024;
    let limits = Limits { heap_mb: Some(64), ..Limits::default() };
    let config = SpawnConfig { limits: Some(limits), ..bench.fixture("idle.mjs", &[]) };
    let mut run = bench.start(config).await?;
    run.until_ready().await?;

    let first = only_usage(bench).await?;
    assert_eq!((&first.name, first.cpu_percent), (&run.name, None));
    let (kind, limit) = if bench.is_embedded() {
        (MemoryKind::Heap, Some(64 * MIB))
    } else {
        (MemoryKind::Rss, None)
    };
    assert_eq!((first.memory_kind, first.limit_bytes), (kind, limit));
    let bytes = measured_memory(bench).await?;
    assert!((MIB..1024 * MIB).contains(&bytes), "{bytes} bytes");
    let second = only_usage(bench).await?;
    assert_eq!(second.cpu_percent.is_some(), has_cpu_time(bench), "{second:?}");

    run.kill().await?;
    assert_eq!(bench.supervisor.usage().await, []);
    Ok(())
}

async fn usage_of_a_busy_process_is_reported(bench: &Bench) -> Outcome {
    for way in ["loop", "tla", "microtask"] {
        let mut run = bench.start(bench.fixture("busy.mjs", &[way])).await?;
        run.until_ready().await?;
        // The script is interrupted to measure its memory.
        measured_memory(bench).await?;
        while has_cpu_time(bench)
            && only_usage(bench).await?.cpu_percent.is_none_or(|percent| percent < 2.0)
        {
            // Several ticks of the system's CPU accounting.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        run.kill().await?;
        run.rest().await?;
    }
    Ok(())
}

async fn a_usage_query_does_not_affect_the_lifetime_of_a_process(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("echo-lines.mjs", &[])).await?;
    for number in 0..50 {
        run.write(format!("{number}\n")).await?;
        let (usage, line) = tokio::join!(only_usage(bench), run.text());
        assert_eq!((usage?.name, line?), (run.name.clone(), number.to_string()));
    }
    run.close()?;
    let asks = async {
        while !bench.supervisor.usage().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let (ended, ()) = tokio::join!(run.end(), asks);
    let ended = ended?;
    assert_eq!((ended.code, ended.reason), (Some(0), Some(ExitReason::Completed)));
    Ok(())
}

/// Cases for the embedded engine.
pub(crate) mod embedded {
    use super::{Bench, Case, Outcome, cases, measured_memory, only_usage};

    pub(crate) const CASES: &[Case] =
        cases![a_blocked_process_does_not_delay_a_usage_query, usage_includes_retained_objects,];

    async fn a_blocked_process_does_not_delay_a_usage_query(bench: &Bench) -> Outcome {
        // A synchronous read blocks in native code.
        let mut run = bench.start(bench.fixture("read-sync.mjs", &[])).await?;
        run.write("x").await?;
        let mut usage = only_usage(bench).await?;
        // The script may have answered before it blocked.
        while usage.memory_bytes.is_some() {
            usage = only_usage(bench).await?;
        }
        for _ in 0..3 {
            let stuck = only_usage(bench).await?;
            assert_eq!((stuck.memory_bytes, stuck.limit_bytes), (None, usage.limit_bytes));
        }
        run.close()?;
        assert_eq!(run.rest().await?.code, Some(0));
        Ok(())
    }

    async fn usage_includes_retained_objects(bench: &Bench) -> Outcome {
        const MIB: u64 = 1024 * 1024;
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("hold.mjs");
        let source = "const held = []\n\
            process.stdin.on('data', () => {\n\
              for (let i = 0; i < 1e6; i++) held.push({ i })\n\
              console.log(held.length)\n\
            })";
        std::fs::write(&script, source)?;
        let mut run = bench.start(bench.script(&script, &[])).await?;
        run.write("\n").await?;
        run.text().await?;
        let before = measured_memory(bench).await?;
        run.write("\n").await?;
        assert_eq!(run.text().await?, "2000000");
        let after = measured_memory(bench).await?;
        assert!(after > before + 8 * MIB, "{before} and then {after}");
        run.kill().await
    }
}
