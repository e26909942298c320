//! What processes take: known of every one that runs, at no price for those that do.

use std::time::Duration;

use js_runtime::{ExitReason, Limits, MemoryKind, SpawnConfig, Usage};
use libtest_mimic::Failed;

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    what_a_waiting_process_takes_is_known,
    what_a_busy_process_takes_is_known,
    being_asked_neither_keeps_it_alive_nor_ends_it,
];

/// The one process of a bench.
async fn only(bench: &Bench) -> Result<Usage, Failed> {
    let mut usage = bench.supervisor.usage().await;
    assert_eq!(usage.len(), 1, "{usage:?}");
    usage.pop().ok_or_else(|| "nothing is measured".into())
}

/// The same once its memory is known: one that is slow to answer is not waited for.
async fn measured(bench: &Bench) -> Result<u64, Failed> {
    loop {
        if let Some(bytes) = only(bench).await?.memory_bytes {
            return Ok(bytes);
        }
    }
}

/// Whether time can be told: of a thread only here.
fn has_time(bench: &Bench) -> bool {
    cfg!(target_os = "linux") || !bench.is_embedded()
}

async fn what_a_waiting_process_takes_is_known(bench: &Bench) -> Outcome {
    const MIB: u64 = 1024 * 1024;
    let limits = Limits { heap_mb: Some(64), ..Limits::default() };
    let config = SpawnConfig { limits: Some(limits), ..bench.fixture("idle.mjs", &[]) };
    let mut run = bench.start(config).await?;
    run.until_ready().await?;

    let first = only(bench).await?;
    assert_eq!((&first.name, first.cpu_percent), (&run.name, None));
    let (kind, limit) = if bench.is_embedded() {
        (MemoryKind::Heap, Some(64 * MIB))
    } else {
        (MemoryKind::Rss, None)
    };
    assert_eq!((first.memory_kind, first.limit_bytes), (kind, limit));
    let bytes = measured(bench).await?;
    assert!((MIB..1024 * MIB).contains(&bytes), "{bytes} bytes");
    let second = only(bench).await?;
    assert_eq!(second.cpu_percent.is_some(), has_time(bench), "{second:?}");

    run.kill().await?;
    assert_eq!(bench.supervisor.usage().await, []);
    Ok(())
}

async fn what_a_busy_process_takes_is_known(bench: &Bench) -> Outcome {
    for way in ["loop", "tla", "microtask"] {
        let mut run = bench.start(bench.fixture("busy.mjs", &[way])).await?;
        run.until_ready().await?;
        // It is interrupted to answer.
        measured(bench).await?;
        while has_time(bench) && only(bench).await?.cpu_percent.is_none_or(|percent| percent < 2.0)
        {
            // Some ticks of the clock by which the system counts.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        run.kill().await?;
        run.rest().await?;
    }
    Ok(())
}

async fn being_asked_neither_keeps_it_alive_nor_ends_it(bench: &Bench) -> Outcome {
    let mut run = bench.start(bench.fixture("echo-lines.mjs", &[])).await?;
    for number in 0..50 {
        run.write(format!("{number}\n")).await?;
        let (usage, line) = tokio::join!(only(bench), run.text());
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

/// Cases that only the embedded engine has.
pub(crate) mod embedded {
    use super::{Bench, Case, Outcome, cases, measured, only};

    pub(crate) const CASES: &[Case] =
        cases![a_process_that_cannot_answer_is_not_waited_for, what_it_holds_is_counted,];

    async fn a_process_that_cannot_answer_is_not_waited_for(bench: &Bench) -> Outcome {
        // Waits in a synchronous read, which is native code.
        let mut run = bench.start(bench.fixture("read-sync.mjs", &[])).await?;
        run.write("x").await?;
        let mut usage = only(bench).await?;
        // It may have answered on its way there.
        while usage.memory_bytes.is_some() {
            usage = only(bench).await?;
        }
        for _ in 0..3 {
            let stuck = only(bench).await?;
            assert_eq!((stuck.memory_bytes, stuck.limit_bytes), (None, usage.limit_bytes));
        }
        run.close()?;
        assert_eq!(run.rest().await?.code, Some(0));
        Ok(())
    }

    async fn what_it_holds_is_counted(bench: &Bench) -> Outcome {
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
        let before = measured(bench).await?;
        run.write("\n").await?;
        assert_eq!(run.text().await?, "2000000");
        let after = measured(bench).await?;
        assert!(after > before + 8 * MIB, "{before} and then {after}");
        run.kill().await
    }
}
