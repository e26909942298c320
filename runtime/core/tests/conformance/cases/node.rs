//! Process APIs that programs for Node rely on: environment, workers, logging.

use js_runtime::{ExitReason, Grant, Permissions, SpawnConfig};
use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::support::{Bench, Case, Ended, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    a_variable_without_permission_is_absent,
    a_child_gets_the_variables_of_its_script,
    unusual_names_and_values_of_variables_behave_as_in_node,
    a_finished_worker_exits,
    an_unhandled_worker_error_is_logged_to_stderr,
    node_debug_selects_what_is_logged,
    a_worker_reads_its_resource_limits,
    a_different_time_zone_is_warned_about_once,
];

/// Runs a fixture with permissions and variables.
async fn run(
    bench: &Bench,
    fixture: &str,
    permissions: Permissions,
    env: &[(&str, &str)],
) -> Result<Ended, Failed> {
    let (name, args) = fixture.split_once(' ').unwrap_or((fixture, ""));
    let args: Vec<_> = args.split_whitespace().collect();
    let env = env.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    let config = SpawnConfig {
        permissions: Some(permissions),
        env,
        ..bench.fixture(&format!("node/{name}"), &args)
    };
    bench.run(config, b"").await
}

/// Parses the only line of stdout as JSON.
fn json_line(ended: &Ended) -> Result<Value, Failed> {
    assert_eq!(ended.code, Some(0), "{}", ended.log());
    assert_eq!(ended.stdout.len(), 1, "{:?}; {}", ended.lines(), ended.log());
    Ok(serde_json::from_slice(&ended.stdout[0])?)
}

fn env(names: &[&str]) -> Grant {
    Grant::Some(names.iter().map(|&name| name.to_owned()).collect())
}

const VARIABLES: [(&str, &str); 3] =
    [("GRANTED", "yes"), ("SECRET", "no"), ("TMPDIR", "/not-granted")];

async fn a_variable_without_permission_is_absent(bench: &Bench) -> Outcome {
    let granting = |env| Permissions { env, ..Permissions::default() };
    let some = run(bench, "variables.mjs", granting(env(&["GRANTED"])), &VARIABLES).await?;
    assert!(!some.log().contains("NotCapable"), "{}", some.log());
    let seen = |granted: &str| {
        json!({
            "get": [granted, null], "in": [true, false], "keys": ["GRANTED"], "spread": ["GRANTED"],
            "deno": [granted, null], "has": [true, false], "object": ["GRANTED"], "folder": "/tmp",
        })
    };
    let mut expected = seen("yes!");
    // `process.env` of a worker is a copy; its `Deno.env` belongs to the process.
    let mut worker = seen("yes!!");
    worker["deno"] = json!(["yes!", null]);
    // Writes to the copy need no permission.
    for name in ["get", "in", "keys", "spread"] {
        worker[name] = json_line(&some)?["worker"][name].clone();
    }
    assert_eq!(worker["get"], json!(["yes!!", null]));
    expected["worker"] = worker;
    assert_eq!(json_line(&some)?, expected);

    let none = run(bench, "variables.mjs", Permissions::default(), &VARIABLES).await?;
    let none = json_line(&none)?;
    assert_eq!(none["get"], json!([null, null]));
    for name in ["keys", "spread", "object"] {
        assert_eq!(none[name], json!([]), "{name}");
    }
    let all = run(bench, "variables.mjs", granting(Grant::All(true)), &VARIABLES).await?;
    assert_eq!(json_line(&all)?["folder"], "/not-granted");
    Ok(())
}

async fn a_child_gets_the_variables_of_its_script(bench: &Bench) -> Outcome {
    let granting = |env| Permissions { run: Grant::All(true), env, ..Permissions::default() };
    let names = ["GRANTED", "OWN"];
    let some = run(bench, "child-variables.mjs", granting(env(&names)), &VARIABLES).await?;
    let own = json!(["GRANTED=yes", "OWN=set"]);
    let expected = json!({
        "spawn": own, "exec": own, "execSync": own, "execFileSync": own, "spawnSync": own,
        "command": own, "commandSync": ["EXTRA=x", "GRANTED=yes", "OWN=set"],
        "given": ["EXTRA=x"], "cleared": ["EXTRA=x"],
        "run": own, "runEnded": { "success": true, "code": 0 },
        "runSignalled": { "success": false, "code": 128 + 9, "signal": 9 },
        "replaced": ["NEW=put in place"], "replacedSync": ["NEW=put in place"],
    });
    assert_eq!(json_line(&some)?, expected);
    // Programs are found without any granted variable.
    let none = run(bench, "child-variables.mjs", granting(Grant::All(false)), &VARIABLES).await?;
    let none = json_line(&none)?;
    assert_eq!((&none["spawn"], &none["command"]), (&json!([]), &json!([])));
    let all = run(bench, "child-variables.mjs", granting(Grant::All(true)), &VARIABLES).await?;
    let all = json_line(&all)?;
    assert!(
        all["spawn"].as_array().is_some_and(|list| list.contains(&json!("SECRET=no"))),
        "{all}"
    );
    assert_eq!(all["replaced"], json!(["NEW=put in place"]));
    Ok(())
}

async fn unusual_names_and_values_of_variables_behave_as_in_node(bench: &Bench) -> Outcome {
    let ended = run(bench, "unusual-variables.mjs", Permissions::all(), &[]).await?;
    let no_symbol = "TypeError: Cannot convert a Symbol value to a string";
    let expected = json!([
        null,
        null,
        null,
        ["x", "x"],
        "x",
        "2",
        "undefined",
        "null",
        "true",
        no_symbol,
        no_symbol,
        [null, false, true],
        [true, true, true, false, false],
        [],
    ]);
    assert_eq!(json_line(&ended)?, expected);
    Ok(())
}

async fn a_finished_worker_exits(bench: &Bench) -> Outcome {
    let ended = run(bench, "worker-ends.mjs", Permissions::all(), &[]).await?;
    assert_eq!(ended.lines(), ["[0,0,0,3,4,0,1]", "web 1"], "{}", ended.log());
    assert_eq!(ended.reason, Some(ExitReason::Completed));
    Ok(())
}

async fn an_unhandled_worker_error_is_logged_to_stderr(bench: &Bench) -> Outcome {
    for (kind, expected) in [
        ("throws", "TypeError: thrown on purpose"),
        ("rejects", "RangeError: rejected on purpose"),
        ("syntax", "SyntaxError"),
        ("missing", "not-there.mjs"),
        ("web", "TypeError: thrown on purpose"),
    ] {
        let fixture = format!("worker-fails.mjs {kind}");
        let ended = run(bench, &fixture, Permissions::all(), &[]).await?;
        let log = ended.log();
        assert!(log.contains("Uncaught (in worker"), "{kind}: {log}");
        assert!(log.contains(expected), "{kind}: {log}");
    }
    Ok(())
}

async fn node_debug_selects_what_is_logged(bench: &Bench) -> Outcome {
    for permissions in [Permissions::all(), Permissions::default()] {
        let env = [("NODE_DEBUG", "mine")];
        let ended = run(bench, "debug.mjs", permissions.clone(), &env).await?;
        assert_eq!(ended.lines(), ["true false"]);
        assert!(ended.log().ends_with(": heard 1"), "{}", ended.log());
        let without = run(bench, "debug.mjs", permissions, &[]).await?;
        assert_eq!((without.lines(), without.log()), (vec!["false false".into()], String::new()));
    }
    Ok(())
}

async fn a_worker_reads_its_resource_limits(bench: &Bench) -> Outcome {
    let limits = js_runtime::Limits { heap_mb: Some(96), ..js_runtime::Limits::default() };
    let config = SpawnConfig {
        permissions: Some(Permissions::all()),
        limits: Some(limits),
        ..bench.fixture("node/resource-limits.mjs", &[])
    };
    let reported = json_line(&bench.run(config, b"").await?)?;
    let limits = |young: &Value, old, stack| {
        json!({
            "maxYoungGenerationSizeMb": young, "maxOldGenerationSizeMb": old,
            "codeRangeSizeMb": 0, "stackSizeMb": stack,
        })
    };
    let most = reported[3]["maxYoungGenerationSizeMb"].clone();
    assert!(most.as_u64().is_some_and(|mb| (4..=96).contains(&mb)), "{most}");
    let expected =
        json!([{}, limits(&json!(4), 64, 8), limits(&most, 96, 4), limits(&most, 96, 4), "deno"]);
    assert_eq!(reported, expected);
    Ok(())
}

async fn a_different_time_zone_is_warned_about_once(bench: &Bench) -> Outcome {
    let ended = run(bench, "time-zone.mjs", Permissions::all(), &[]).await?;
    assert_eq!(ended.lines(), ["America/Caracas 0"]);
    let log = ended.log();
    assert_eq!(log.matches("TZ is not applied").count(), 1, "{log}");
    // Also at the start, and without permission to read the variable.
    for permissions in [Permissions::all(), Permissions::default()] {
        let ended = run(bench, "debug.mjs", permissions, &[("TZ", "Asia/Karachi")]).await?;
        assert!(ended.log().starts_with("warning: TZ is not applied"), "{}", ended.log());
    }
    Ok(())
}
