//! A build without the engine: a page, the configuration of the app and Rust are told which feature is
//! missing, and what does not ask for the engine runs on a child.

use serde_json::{Value, json};
use tauri_plugin_js::{JsExt, Runtime, SpawnConfig};

use crate::support::{Bench, simple, wait_for};

const FEATURE: &str = "enable the cargo feature \"embedded\" of tauri-plugin-js";

/// As an app declares them for builds of both kinds.
fn config() -> Value {
    json!({ "backends": {
        "inside": { "bundled": "sleeper", "runtime": "embedded", "limits": { "heapMb": 64 } },
        "either": { "bundled": "sleeper", "runtime": "embedded", "fallback": ["deno"] },
        "any": { "bundled": "sleeper", "permissions": { "net": true }, "limits": { "unresponsiveMs": 100 } },
        "early": { "bundled": "sleeper", "runtime": "embedded", "autostart": true },
    }, "warmIsolates": 2 })
}

fn scratch() -> Value {
    json!({ "identifier": "js:allow-spawn", "allow": [
        { "name": "both-*", "bundled": "*", "runtime": ["embedded", "deno"] },
        { "name": "inside-*", "bundled": "*" },
    ] })
}

fn assert_names_the_feature(error: &Value) {
    assert_eq!(error["kind"], "runtimeUnavailable", "{error}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("runtime not available: embedded ("), "{message}");
    assert!(message.contains(FEATURE), "{message}");
}

fn spawn(bench: &Bench, name: &str, config: &Value) -> Result<Value, Value> {
    bench.call("main", "spawn", json!({ "name": name, "config": config }))
}

#[test]
fn a_declared_backend_that_needs_the_engine_is_refused_and_the_others_run() {
    let bench = simple(config(), &[]);
    for command in ["spawn", "ensure"] {
        let error =
            bench.call("main", command, json!({ "name": "inside" })).expect_err("no engine");
        assert_names_the_feature(&error);
    }
    for name in ["either", "any"] {
        let info = spawn(&bench, name, &Value::Null).expect("a child");
        assert_eq!((&info["runtime"], info["pid"].is_null()), (&json!("deno"), false), "{name}");
    }
}

#[test]
fn the_app_starts_without_a_backend_that_is_to_start_with_it_and_says_why() {
    let bench = simple(config(), &[]);
    let status = wait_for("the failure", || {
        let status = bench.call("main", "get_status", json!({ "name": "early" })).ok()?;
        (status["state"]["state"] == "exited").then_some(status)
    });
    let reason = &status["state"]["reason"];
    assert_eq!(reason["kind"], "startFailed");
    assert!(reason["message"].as_str().is_some_and(|text| text.contains(FEATURE)), "{status}");
}

#[test]
fn a_page_without_a_choice_gets_what_its_entry_names_besides_the_engine() {
    let bench = simple(json!({}), &[scratch()]);
    for config in [json!({ "script": "echo" }), json!({ "script": "echo", "runtime": "auto" })] {
        let info = spawn(&bench, "both-1", &config).expect("a child");
        assert_eq!(info["runtime"], "deno");
        bench.call("main", "kill", json!({ "name": "both-1" })).expect("killed");
        assert_names_the_feature(&spawn(&bench, "inside-1", &config).expect_err("no engine"));
    }
    let asked = json!({ "script": "echo", "runtime": "embedded" });
    assert_names_the_feature(&spawn(&bench, "both-2", &asked).expect_err("no engine"));
}

#[test]
fn rust_is_told_too_and_the_engine_is_listed_as_not_there() {
    let bench = simple(json!({}), &[]);
    let js = bench.app.js();
    let error = tauri::async_runtime::block_on(async {
        js.spawn("inside", SpawnConfig::script(Runtime::Embedded, "echo")).await
    });
    assert_names_the_feature(&serde_json::to_value(error.expect_err("no engine")).expect("JSON"));
    let error = js.supervisor().warm_up(None).expect_err("no engine");
    assert_names_the_feature(&serde_json::to_value(error).expect("JSON"));
    let found = tauri::async_runtime::block_on(js.detect_runtimes()).expect("detected");
    assert_eq!((found[0].name.as_str(), found[0].available), ("embedded", false));
}
