//! Isolates that were prepared before anybody asked for them.

use std::fs;
use std::time::{Duration, SystemTime};

use js_runtime::{Grant, Limits, Permissions, SpawnConfig, Supervisor};
use serde_json::json;

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    what_was_prepared_is_as_new_to_its_script,
    one_that_was_prepared_with_other_limits_is_not_taken,
    a_supervisor_that_prepares_none_starts_all_the_same,
];

/// What is prepared before this is told from what begins after it. Clocks that a script reads one after the
/// other differ by less.
const APART: Duration = Duration::from_millis(500);

async fn what_was_prepared_is_as_new_to_its_script(bench: &Bench) -> Outcome {
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
            ..bench.fixture("first-look.mjs", &[who, "more"])
        };
        let before = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let ended = bench.run(config, b"").await?;
        let mut found: serde_json::Value = serde_json::from_str(&ended.lines().join(""))
            .map_err(|error| format!("{error}: {}", ended.log()))?;
        // Its clocks begin with the script, however long ago the isolate was prepared.
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

async fn one_that_was_prepared_with_other_limits_is_not_taken(bench: &Bench) -> Outcome {
    let with = |heap_mb| Some(Limits { heap_mb: Some(heap_mb), ..Limits::default() });
    bench.supervisor.warm_up(with(300))?;
    for heap_mb in [80, 80, 300] {
        bench.supervisor.warmed_up().await;
        let limits = with(heap_mb);
        let ended =
            bench.run(SpawnConfig { limits, ..bench.fixture("heap-limit.mjs", &[]) }, b"").await?;
        let found: u32 = ended.lines().join("").parse().map_err(|_| ended.log())?;
        // V8 has some room beyond the limit.
        assert!((heap_mb..heap_mb + 96).contains(&found), "{found} instead of {heap_mb}");
    }
    Ok(())
}

async fn a_supervisor_that_prepares_none_starts_all_the_same(bench: &Bench) -> Outcome {
    let supervisor = Supervisor::builder().warm_isolates(0).build()?;
    supervisor.warm_up(None)?;
    let name = Bench::name();
    supervisor.spawn(&name, bench.fixture("idle.mjs", &[])).await?;
    assert!(supervisor.status(&name)?.running);
    supervisor.shutdown().await;
    Ok(())
}
