//! One window cannot take the places of another, nor evict its exited processes.

use serde_json::{Value, json};

use crate::test_app::{RUNTIME, TestApp, capability, test_app, wait_for};

/// An app with two windows. Each may start all bundled modules, under names with its own prefix.
fn two_windows() -> TestApp {
    let config = json!({ "maxProcesses": 4, "backends": {
        "shared": { "bundled": "sleeper", "runtime": RUNTIME } } });
    let own = |prefix: &str| {
        let name = format!("{prefix}-*");
        let entry = json!({ "name": name, "bundled": "*", "runtime": [RUNTIME] });
        let declared = json!({ "name": "shared" });
        json!([{ "identifier": "js:allow-spawn", "allow": [entry, declared] }])
    };
    let capabilities = json!([capability("main", own("main")), capability("other", own("other"))]);
    test_app(config, &capabilities, &["main", "other"])
}

fn spawn(app: &TestApp, window: &str, name: &str) -> Result<Value, Value> {
    let config = json!({ "script": "sleeper" });
    app.call(window, "spawn", json!({ "name": name, "config": config }))
}

fn names(app: &TestApp, window: &str) -> Vec<String> {
    let listed = app.call(window, "list_processes", json!({})).expect("listed");
    let listed = listed.as_array().expect("a list").clone();
    listed.iter().map(|process| process["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_window_does_not_take_the_places_of_another() {
    let app = two_windows();
    for name in ["main-1", "main-2"] {
        spawn(&app, "main", name).expect("half of the places");
    }
    for (command, name) in [("spawn", "main-3"), ("ensure", "main-3"), ("spawn", "main-4")] {
        let args = json!({ "name": name, "config": { "script": "sleeper" } });
        let error = app.call("main", command, args).expect_err("two are live");
        assert_eq!(error["kind"], "tooMany", "{error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains("window 'main'") && message.contains("maxProcessesPerWindow"));
    }
    // At the limit, its own processes can be joined and restarted.
    let joined =
        app.call("main", "ensure", json!({ "name": "main-1", "config": { "script": "sleeper" } }));
    assert_eq!(joined.expect("joined")["started"], false);
    app.call("main", "restart", json!({ "name": "main-1" })).expect("restarted");
    for name in ["other-1", "other-2"] {
        spawn(&app, "other", name).expect("the other half");
    }
    app.call("main", "kill", json!({ "name": "main-1" })).expect("killed");
    spawn(&app, "main", "main-3").expect("a place is free");
}

#[test]
fn exited_processes_take_no_place_and_a_window_evicts_only_its_own() {
    let app = two_windows();
    for name in ["other-1", "other-2"] {
        spawn(&app, "other", name).expect("spawned");
        app.call("other", "kill", json!({ "name": name })).expect("killed");
    }
    for number in 0..20 {
        let name = format!("main-{number}");
        spawn(&app, "main", &name).expect("a place is free");
        app.call("main", "kill", json!({ "name": name })).expect("killed");
    }
    assert_eq!(names(&app, "main"), ["main-18", "main-19"]);
    assert_eq!(names(&app, "other"), ["other-1", "other-2"]);
}

#[test]
fn a_failed_start_is_listed_and_takes_no_place() {
    let app = two_windows();
    for number in 0..6 {
        let name = format!("main-{number}");
        let config = json!({ "script": "echo", "limits": { "startTimeoutMs": 1 } });
        // On a fast machine it may succeed.
        let _ = app.call("main", "spawn", json!({ "name": name, "config": config }));
        let _ = app.call("main", "kill", json!({ "name": name }));
    }
    wait_for("the exits", || (names(&app, "main").len() <= 2).then_some(()));
    spawn(&app, "main", "main-last").expect("a place is free");
}
