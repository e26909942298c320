//! Scripts do not reach the internals of the engine.

use std::collections::BTreeSet;

use js_runtime::{Permissions, SpawnConfig};
use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::support::{Bench, Case, Outcome, cases};

pub(crate) const CASES: &[Case] = cases![
    no_op_is_within_reach,
    every_global_is_listed,
    compiled_code_of_a_script_is_never_run,
    no_script_inspects_its_own_engine,
    no_script_gets_a_gpu,
    internal_bindings_hand_out_no_native_class,
];

/// The output of the fixture with every permission granted.
async fn said(bench: &Bench, fixture: &str) -> Result<Value, Failed> {
    let config = SpawnConfig {
        permissions: Some(Permissions::all()),
        ..bench.fixture(&format!("internals/{fixture}"), &[])
    };
    let ended = bench.run(config, b"").await?;
    assert_eq!(ended.code, Some(0), "{:?}; {}", ended.lines(), ended.log());
    assert_eq!(ended.stdout.len(), 1, "{:?}; {}", ended.lines(), ended.log());
    Ok(serde_json::from_slice(&ended.stdout[0])?)
}

async fn no_op_is_within_reach(bench: &Bench) -> Outcome {
    let mut found = said(bench, "reachable.mjs").await?;
    let seen = found["seen"].take().as_u64();
    assert!(seen.is_some_and(|seen| seen > 6_000), "only {seen:?} objects were seen");
    let of_a_script = found.clone();
    let worker = found["worker"].take();
    for mut found in [of_a_script, worker] {
        // `Module._stat` is an op that requires the permission to read.
        assert_eq!(found["insides"].take(), json!(["import node:module._stat"]));
        let ops = ["AsyncWrap", "HandleWrap", "LibUvStreamWrap", "TCPWrap", "op_require_stat"];
        assert_eq!(found["names"].take(), json!(ops));
    }
    Ok(())
}

/// The globals that a script finds, by verdict. The first line of a section has the verdict and its reason.
const GLOBALS: &str = include_str!("../../../src/isolate/sandbox/ops/verdicts/globals.txt");

async fn every_global_is_listed(bench: &Bench) -> Outcome {
    let verdicts = ["harmless", "permission", "bounded", "replaced", "refused"];
    let mut listed = BTreeSet::new();
    for section in GLOBALS.split("\n\n") {
        let (head, names) = section.split_once('\n').ok_or("a section without names")?;
        let verdict = head.strip_prefix('[').and_then(|head| head.split_once("] "));
        assert!(verdict.is_some_and(|(verdict, _)| verdicts.contains(&verdict)), "{head}");
        for name in names.lines() {
            assert!(listed.insert(name.to_owned()), "{name} is listed twice");
        }
    }
    let found: BTreeSet<String> = serde_json::from_value(said(bench, "globals.mjs").await?)?;
    let missing: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(missing.is_empty(), "not listed in verdicts/globals.txt: {missing:#?}");
    assert!(gone.is_empty(), "no longer there, but in verdicts/globals.txt: {gone:#?}");
    Ok(())
}

async fn compiled_code_of_a_script_is_never_run(bench: &Bench) -> Outcome {
    let script = json!([true, 11, 11]);
    let function = json!([true, 11]);
    let expected = json!({
        "made": true,
        "own": [script, function],
        "views": [true, true, true],
        "altered": [["[true,11,11]"], ["[true,11]"]],
        "empty": script,
        "none": [[false, 11, 11], [false, 11]],
        "proxied": true,
        "context": 12,
        "params": 6,
        "throws": ["SyntaxError", "SyntaxError: Unexpected number"],
        "folder": "undefined",
        "there": [[script, function], script],
    });
    assert_eq!(said(bench, "code-cache.mjs").await?, expected);
    Ok(())
}

async fn no_script_inspects_its_own_engine(bench: &Bench) -> Outcome {
    let tried = said(bench, "inspector.mjs").await?;
    for refused in ["connect", "promises", "open", "wait"] {
        let message = tried[refused].as_str().unwrap_or_default();
        assert!(message.starts_with("NotSupported: An embedded script"), "{refused}: {tried:#}");
        assert!(message.contains("runtime \"deno\""), "{refused}: {tried:#}");
    }
    for harmless in ["disconnect", "url", "close", "network"] {
        assert_eq!(tried[harmless], Value::Null, "{harmless}: {tried:#}");
    }
    for node in ["connectToMainThread", "post"] {
        let message = tried[node].as_str().unwrap_or_default();
        assert!(message.starts_with("Error: "), "{node}: {tried:#}");
    }
    assert_eq!(tried["repl"], "closed");
    Ok(())
}

async fn no_script_gets_a_gpu(bench: &Bench) -> Outcome {
    let seen = said(bench, "gpu.mjs").await?;
    let adapter = seen["adapter"].as_str().unwrap_or_default();
    assert!(adapter.starts_with("NotSupported: WebGPU is not available"), "{seen:#}");
    assert!(adapter.contains("runtime \"deno\""), "{seen:#}");
    for refused in ["native", "context"] {
        let message = seen[refused].as_str().unwrap_or_default();
        assert!(message.starts_with("TypeError: "), "{refused}: {seen:#}");
    }
    assert_eq!(seen["there"], json!([true, true, true]));
    assert_eq!(seen["format"], "bgra8unorm");
    assert_eq!(seen["surface"], "undefined");
    assert_eq!(seen["inWorker"], "NotSupported");
    Ok(())
}

async fn internal_bindings_hand_out_no_native_class(bench: &Bench) -> Outcome {
    let mut seen = said(bench, "bindings.mjs").await?;
    let message = seen["message"].take();
    assert!(message.as_str().is_some_and(|it| it.contains("runtime 'node'")), "{message}");
    let no = |name: &str| format!("No such module: {name}");
    let expected = json!({
        "refused": [],
        "message": null,
        "empty": [0, 0, 0, 0, 0, 0],
        "util": true,
        "uv": "ENOENT",
        "constants": [true, 9],
        "unknown": [no("constructor"), no("__proto__"), no("nothing"), 0],
        "asked": 1,
        "linked": "undefined",
        "internals": [],
        "byHooks": [],
    });
    assert_eq!(seen, expected);
    Ok(())
}
