//! The contract of `tauri-plugin-js`: commands, payloads, error messages, events.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::Listener;

use crate::patience::PATIENCE;
use crate::test_app::{RUNTIME, TestApp, capability, one_window, test_app, wait_for};

fn allow_all() -> Value {
    json!({ "identifier": "js:allow-spawn", "allow": [
        { "name": "*", "bundled": "*", "runtime": ["embedded", "deno", "bun", "node"], "args": true }
    ] })
}

fn echo() -> Value {
    json!({ "backends": { "echo": { "bundled": "echo", "runtime": RUNTIME } } })
}

fn exited(app: &TestApp, name: &str) -> Value {
    wait_for("the exit", || {
        let status = app.call("main", "get_status", json!({ "name": name })).expect("listed");
        (status["state"]["state"] == "exited").then_some(status)
    })
}

#[test]
fn a_process_is_spawned_listed_written_to_killed_and_removed() {
    let app = one_window(echo(), &[allow_all()]);
    let config = json!({ "runtime": RUNTIME, "script": "echo" });
    let info =
        app.call("main", "spawn", json!({ "name": "a", "config": config })).expect("spawned");
    assert_eq!(
        (&info["name"], &info["running"], &info["runtime"], info["pid"].is_null()),
        (&json!("a"), &json!(true), &json!(RUNTIME), RUNTIME == "embedded")
    );
    assert_eq!(app.call("main", "list_processes", json!({})).expect("listed")[0], info);
    let args = json!({ "name": "a", "data": "hello\n" });
    assert_eq!(app.call("main", "write_stdin", args), Ok(Value::Null));
    assert_eq!(app.call("main", "kill", json!({ "name": "a" })), Ok(Value::Null));
    let status = app.call("main", "get_status", json!({ "name": "a" })).expect("still listed");
    assert_eq!(status["state"]["reason"]["kind"], "killed");
    let again = app.call("main", "restart", json!({ "name": "a", "config": null }));
    assert_eq!(again.expect("restarted")["generation"], 2);
    assert_eq!(app.call("main", "kill_all", json!({})), Ok(Value::Null));
    assert_eq!(app.call("main", "remove", json!({ "name": "a" })), Ok(Value::Null));
    assert_eq!(app.call("main", "list_processes", json!({})), Ok(json!([])));
}

#[test]
fn errors_keep_their_messages_and_have_a_kind_and_a_name() {
    let app = one_window(echo(), &[allow_all()]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    let call = |command: &str, args: Value| app.call("main", command, args).expect_err(command);
    let cases = [
        ("get_status", json!({ "name": "x" }), "notFound", "process not found: x"),
        ("kill", json!({ "name": "x" }), "notFound", "process not found: x"),
        ("restart", json!({ "name": "x", "config": null }), "notFound", "process not found: x"),
        ("write_stdin", json!({ "name": "x", "data": "" }), "notFound", "process not found: x"),
        ("spawn", json!({ "name": "echo" }), "alreadyExists", "process already exists: echo"),
        ("remove", json!({ "name": "echo" }), "stillRunning", "process still running: echo"),
        (
            "spawn",
            json!({ "name": "y" }),
            "invalidConfig",
            "invalid config: no backend 'y' is declared",
        ),
        (
            "spawn",
            json!({ "name": "y", "config": { "runtime": "perl" } }),
            "invalidConfig",
            "invalid config: unknown variant `perl`",
        ),
        (
            "set_runtime_path",
            json!({ "runtime": "perl", "path": "" }),
            "notAllowed by Tauri",
            "js.set_runtime_path not allowed",
        ),
    ];
    for (command, args, kind, message) in cases {
        let error = call(command, args);
        // Errors of Tauri itself are strings.
        let text = error["message"].as_str().or(error.as_str()).unwrap_or_default();
        assert!(text.starts_with(message), "{command}: {error}");
        assert!(error.is_string() || error["kind"] == kind, "{command}: {error}");
    }
    app.call("main", "kill", json!({ "name": "echo" })).expect("killed");
    let error = call("write_stdin", json!({ "name": "echo", "data": "a" }));
    assert_eq!(
        error,
        json!({ "kind": "notRunning", "message": "process not running: echo", "name": "echo" })
    );
}

#[test]
fn null_means_not_given() {
    let app = one_window(echo(), &[allow_all()]);
    let config = json!({ "runtime": RUNTIME, "script": "echo", "args": null, "cwd": null,
        "env": null, "command": null, "sidecar": null });
    app.call("main", "spawn", json!({ "name": "a", "config": config })).expect("spawned");
    app.call("main", "spawn", json!({ "name": "echo", "config": {} })).expect("declared");
    app.call("main", "ensure", json!({ "name": "echo", "config": null })).expect("joined");
}

#[test]
fn events_have_the_payloads_of_tauri_plugin_js_and_exit_is_last() {
    let app = one_window(echo(), &[]);
    let (sender, events) = mpsc::channel();
    for event in ["js-process-stdout", "js-process-stderr", "js-process-exit", "js-process-state"] {
        let sender = sender.clone();
        app.tauri.listen_any(event, move |sent| {
            let payload: Value = serde_json::from_str(sent.payload()).expect("JSON");
            let _ = sender.send((event, payload));
        });
    }
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    let args = json!({ "name": "echo", "data": "größe \u{2028} \u{1f600}\nexit\n" });
    app.call("main", "write_stdin", args).expect("written");
    let mut seen = Vec::new();
    while seen.last().is_none_or(|(event, _)| *event != "js-process-exit") {
        seen.push(events.recv_timeout(PATIENCE).expect("an event"));
    }
    let line = json!({ "name": "echo", "data": "echo größe \u{2028} \u{1f600}" });
    assert!(seen.contains(&("js-process-stdout", line)), "{seen:?}");
    assert_eq!(seen.last(), Some(&("js-process-exit", json!({ "name": "echo", "code": 3 }))));
    let states: Vec<&str> = seen
        .iter()
        .filter(|(event, _)| *event == "js-process-state")
        .filter_map(|(_, payload)| payload["state"]["state"].as_str())
        .collect();
    assert_eq!(states, ["starting", "running", "exited"]);
    assert!(events.recv_timeout(Duration::from_millis(200)).is_err(), "nothing after the exit");
}

#[test]
fn events_are_not_broadcast_if_a_window_may_not_see_the_process() {
    // Permission to list processes does not include their output.
    let lists = json!([{ "identifier": "js:allow-list-processes", "allow": [{ "name": "*" }] }]);
    let capabilities =
        json!([capability("main", json!(["js:default"])), capability("stranger", lists)]);
    let app = test_app(echo(), &capabilities, &["main", "stranger"]);
    let (sender, events) = mpsc::channel();
    app.tauri.listen_any("js-process-stdout", move |event| {
        let _ = sender.send(event.payload().to_owned());
    });
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    app.attach("main", "echo", 7).expect("attached");
    app.write("main", "echo", "w", 1, "secret\n").expect("written");
    wait_for("the line", || app.stdout(7).contains(&"echo secret".to_owned()).then_some(()));
    assert!(events.recv_timeout(Duration::from_millis(300)).is_err(), "the line was broadcast");
}

#[test]
fn declared_backends_are_listed_without_the_values_of_their_environment() {
    let config = json!({ "backends": { "math": { "bundled": "echo", "runtime": RUNTIME,
        "env": { "TOKEN": "secret" }, "limits": { "heapMb": 64 } } } });
    let app = one_window(config, &[]);
    let listed = app.call("main", "list_backends", json!({})).expect("listed");
    assert_eq!(listed[0]["source"], json!({ "kind": "bundled", "value": "echo" }));
    assert_eq!(listed[0]["config"]["env"], json!(["TOKEN"]));
    assert_eq!(listed[0]["config"]["limits"], json!({ "heapMb": 64 }));
    app.call("main", "spawn", json!({ "name": "math" })).expect("spawned");
    let config = app.call("main", "get_config", json!({ "name": "math" })).expect("known");
    assert!(!config.to_string().contains("secret"), "{config}");
}

#[test]
fn a_bundled_module_replaces_a_missing_sidecar() {
    let config =
        json!({ "backends": { "math": { "sidecar": "no-such-sidecar", "bundled": "echo" } } });
    let app = one_window(config, &[]);
    let info = app.call("main", "spawn", json!({ "name": "math" })).expect("spawned");
    assert_eq!(info["runtime"], RUNTIME);
}

#[test]
fn a_second_ensure_joins_and_an_exited_process_can_be_restarted() {
    let app = one_window(echo(), &[]);
    let first = app.call("main", "ensure", json!({ "name": "echo" })).expect("started");
    let second = app.call("main", "ensure", json!({ "name": "echo" })).expect("joined");
    assert_eq!((&first["started"], &second["started"]), (&json!(true), &json!(false)));
    app.write("main", "echo", "w", 1, "exit\n").expect("written");
    assert_eq!(exited(&app, "echo")["state"]["code"], 3);
    let again = app.call("main", "restart", json!({ "name": "echo", "config": null }));
    assert_eq!(again.expect("restarted")["generation"], 2);
}

#[test]
fn autostart_starts_with_the_app() {
    let config = json!({ "backends": { "early": { "bundled": "sleeper", "autostart": true } } });
    let app = one_window(config, &[]);
    wait_for("the start", || {
        let listed = app.call("main", "list_processes", json!({})).expect("listed");
        (listed[0]["state"]["state"] == "running").then_some(())
    });
}

#[test]
fn every_command_has_a_permission_and_the_sets_name_only_commands() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).expect(path);
    let handler = read("src/commands.rs");
    let commands: Vec<&str> = handler
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once("::").map(|(_, name)| name))
        .collect();
    assert!(commands.len() > 20, "{commands:?}");
    let sets = read("permissions/sets.toml");
    let named: Vec<&str> = sets
        .lines()
        .filter(|line| line.starts_with("  \""))
        .flat_map(|line| line.split(','))
        .map(|name| name.trim().trim_matches('"'))
        .filter(|name| !name.is_empty())
        .collect();
    for name in &named {
        assert!(commands.contains(name), "sets.toml names '{name}', which is not a command");
    }
    for command in commands.iter().filter(|command| **command != "spawn") {
        let generated = folder.join(format!("permissions/autogenerated/commands/{command}.toml"));
        assert!(generated.is_file(), "build.rs does not list '{command}'");
    }
}
