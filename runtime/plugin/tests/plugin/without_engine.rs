//! A build without the engine: a start on the engine fails with the name of the missing feature, and other
//! starts use a child runtime.

use serde_json::{Value, json};
use tauri_plugin_js::{JsExt, Runtime, SpawnConfig};

use crate::test_app::{TestApp, one_window, wait_for};

const FEATURE: &str = "enable the cargo feature \"embedded\" of tauri-plugin-js";

/// Declarations for builds with and without the engine.
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

fn spawn(app: &TestApp, name: &str, config: &Value) -> Result<Value, Value> {
    app.call("main", "spawn", json!({ "name": name, "config": config }))
}

#[test]
fn a_declared_backend_that_needs_the_engine_is_refused_and_the_others_run() {
    let app = one_window(config(), &[]);
    for command in ["spawn", "ensure"] {
        let error = app.call("main", command, json!({ "name": "inside" })).expect_err("no engine");
        assert_names_the_feature(&error);
    }
    for name in ["either", "any"] {
        let info = spawn(&app, name, &Value::Null).expect("a child");
        assert_eq!((&info["runtime"], info["pid"].is_null()), (&json!("deno"), false), "{name}");
    }
}

#[test]
fn an_app_starts_without_an_autostart_backend_that_needs_the_engine() {
    let app = one_window(config(), &[]);
    let status = wait_for("the failure", || {
        let status = app.call("main", "get_status", json!({ "name": "early" })).ok()?;
        (status["state"]["state"] == "exited").then_some(status)
    });
    let reason = &status["state"]["reason"];
    assert_eq!(reason["kind"], "startFailed");
    assert!(reason["message"].as_str().is_some_and(|text| text.contains(FEATURE)), "{status}");
}

#[test]
fn auto_skips_the_engine_of_an_entry() {
    let app = one_window(json!({}), &[scratch()]);
    for config in [json!({ "script": "echo" }), json!({ "script": "echo", "runtime": "auto" })] {
        let info = spawn(&app, "both-1", &config).expect("a child");
        assert_eq!(info["runtime"], "deno");
        app.call("main", "kill", json!({ "name": "both-1" })).expect("killed");
        assert_names_the_feature(&spawn(&app, "inside-1", &config).expect_err("no engine"));
    }
    let embedded = json!({ "script": "echo", "runtime": "embedded" });
    assert_names_the_feature(&spawn(&app, "both-2", &embedded).expect_err("no engine"));
}

#[test]
fn the_rust_api_names_the_feature_and_lists_the_engine_as_unavailable() {
    let app = one_window(json!({}), &[]);
    let js = app.tauri.js();
    let error = tauri::async_runtime::block_on(async {
        js.spawn("inside", SpawnConfig::script(Runtime::Embedded, "echo")).await
    });
    assert_names_the_feature(&serde_json::to_value(error.expect_err("no engine")).expect("JSON"));
    let error = js.supervisor().warm_up(None).expect_err("no engine");
    assert_names_the_feature(&serde_json::to_value(error).expect("JSON"));
    let found = tauri::async_runtime::block_on(js.detect_runtimes()).expect("detected");
    assert_eq!((found[0].name.as_str(), found[0].available), ("embedded", false));
}
