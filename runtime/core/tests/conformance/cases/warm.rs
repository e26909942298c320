//! Warm isolates.

use std::fs;
use std::time::{Duration, SystemTime};

use js_runtime::{Grant, Limits, Permissions, SpawnConfig, Supervisor};
use serde_json::json;

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    a_warm_isolate_looks_new_to_its_script,
    a_warm_isolate_with_other_limits_is_not_used,
    a_supervisor_without_warm_isolates_starts_scripts,
];

/// Distance between the creation of an isolate and the start of its script. Larger than the difference between two
/// clocks that a script reads in sequence.
const APART: Duration = Duration::from_millis(500);

async fn a_warm_isolate_looks_new_to_its_script(bench: &Bench) -> Outcome {
    for (who, net) in [("one", false), ("two", true), ("three", false)] {
        bench.supervisor.warmed_up().await;
        tokio::time::sleep(APART).await;
        let folder = tempfile::tempdir()?;
        let cwd = fs::canonicalize(folder.path())?;
        let env = || Grant::Some(vec!["WHO".to_owned()]);
        let read = Grant::Some(vec![cwd.to_string_lossy().into_owned()]);
        let permissions =
            Permissions { env: env(), net: Grant::All(net), read, ..Permissions::default() };
        let config = SpawnConfig {
            cwd: Some(cwd.clone()),
            env: [("WHO".to_owned(), who.to_owned())].into(),
            permissions: Some(permissions),
            ..bench.fixture("startup-state.mjs", &[who, "more"])
        };
        let before = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let ended = bench.run(config, b"").await?;
        let mut found: serde_json::Value = serde_json::from_str(&ended.lines().join(""))
            .map_err(|error| format!("{error}: {}", ended.log()))?;
        // The script's clocks start with the script, not with the isolate.
        for clock in ["timeOrigin", "uptimeOrigin"] {
            let origin = found[clock].take().as_f64().ok_or(clock)?;
            assert!(
                origin >= before.saturating_sub(APART / 2).as_secs_f64() * 1e3,
                "{who}: {clock}"
            );
        }
        let expected = json!({
            "args": [who, "more"], "argv": [who, "more"], "cwd": cwd, "env": who, "main": true,
            "net": if net { "granted" } else { "prompt" }, "isOnTime": true, "timeOrigin": null, "uptimeOrigin": null,
        });
        assert_eq!(found, expected);
    }
    Ok(())
}

async fn a_warm_isolate_with_other_limits_is_not_used(bench: &Bench) -> Outcome {
    let with = |heap_mb| Some(Limits { heap_mb: Some(heap_mb), ..Limits::default() });
    bench.supervisor.warm_up(with(300))?;
    for heap_mb in [80, 80, 300] {
        bench.supervisor.warmed_up().await;
        let limits = with(heap_mb);
        let ended =
            bench.run(SpawnConfig { limits, ..bench.fixture("heap-limit.mjs", &[]) }, b"").await?;
        let found: u32 = ended.lines().join("").parse().map_err(|_| ended.log())?;
        // V8 reports some room beyond the limit.
        assert!((heap_mb..heap_mb + 96).contains(&found), "{found} instead of {heap_mb}");
    }
    Ok(())
}

async fn a_supervisor_without_warm_isolates_starts_scripts(bench: &Bench) -> Outcome {
    let supervisor = Supervisor::builder().warm_isolates(0).build()?;
    supervisor.warm_up(None)?;
    let name = Bench::name();
    supervisor.spawn(&name, bench.fixture("idle.mjs", &[])).await?;
    assert!(supervisor.status(&name)?.running);
    supervisor.shutdown().await;
    Ok(())
}
