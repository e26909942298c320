//! What one window can take from the others: their room, and what they have started.

use serde_json::{Value, json};

use crate::support::{Bench, RUNTIME, bench, capability, wait_for};

/// Two windows that may start anything bundled, each below a prefix of its own.
fn two() -> Bench {
    let config = json!({ "maxProcesses": 4, "backends": {
        "shared": { "bundled": "sleeper", "runtime": RUNTIME } } });
    let own = |prefix: &str| {
        let name = format!("{prefix}-*");
        let entry = json!({ "name": name, "bundled": "*", "runtime": [RUNTIME] });
        let declared = json!({ "name": "shared" });
        json!([{ "identifier": "js:allow-spawn", "allow": [entry, declared] }])
    };
    let capabilities = json!([capability("main", own("main")), capability("other", own("other"))]);
    bench(config, &capabilities, &["main", "other"])
}

fn spawn(bench: &Bench, window: &str, name: &str) -> Result<Value, Value> {
    let config = json!({ "script": "sleeper" });
    bench.call(window, "spawn", json!({ "name": name, "config": config }))
}

fn names(bench: &Bench, window: &str) -> Vec<String> {
    let listed = bench.call(window, "list_processes", json!({})).expect("listed");
    let listed = listed.as_array().expect("a list").clone();
    listed.iter().map(|process| process["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn one_window_does_not_take_the_room_of_another() {
    let bench = two();
    for name in ["main-1", "main-2"] {
        spawn(&bench, "main", name).expect("half of the room");
    }
    for (command, name) in [("spawn", "main-3"), ("ensure", "main-3"), ("spawn", "main-4")] {
        let args = json!({ "name": name, "config": { "script": "sleeper" } });
        let error = bench.call("main", command, args).expect_err("two are live");
        assert_eq!(error["kind"], "tooMany", "{error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains("window 'main'") && message.contains("maxProcessesPerWindow"));
    }
    // Its own can be joined and restarted.
    let joined = bench.call(
        "main",
        "ensure",
        json!({ "name": "main-1", "config": { "script": "sleeper" } }),
    );
    assert_eq!(joined.expect("joined")["started"], false);
    bench.call("main", "restart", json!({ "name": "main-1" })).expect("restarted");
    for name in ["other-1", "other-2"] {
        spawn(&bench, "other", name).expect("the other half");
    }
    bench.call("main", "kill", json!({ "name": "main-1" })).expect("killed");
    spawn(&bench, "main", "main-3").expect("there is room again");
}

#[test]
fn processes_that_have_exited_take_no_room_and_a_window_loses_its_own_only() {
    let bench = two();
    for name in ["other-1", "other-2"] {
        spawn(&bench, "other", name).expect("spawned");
        bench.call("other", "kill", json!({ "name": name })).expect("killed");
    }
    for number in 0..20 {
        let name = format!("main-{number}");
        spawn(&bench, "main", &name).expect("there is room");
        bench.call("main", "kill", json!({ "name": name })).expect("killed");
    }
    assert_eq!(names(&bench, "main"), ["main-18", "main-19"]);
    assert_eq!(names(&bench, "other"), ["other-1", "other-2"]);
}

#[test]
fn a_start_that_fails_is_listed_and_takes_no_room() {
    let bench = two();
    for number in 0..6 {
        let name = format!("main-{number}");
        let config = json!({ "script": "echo", "limits": { "startTimeoutMs": 1 } });
        // It may be quick enough.
        let _ = bench.call("main", "spawn", json!({ "name": name, "config": config }));
        let _ = bench.call("main", "kill", json!({ "name": name }));
    }
    wait_for("their ends", || (names(&bench, "main").len() <= 2).then_some(()));
    spawn(&bench, "main", "main-last").expect("there is room");
}
