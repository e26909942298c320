//! Pages that send malformed or oversized requests: each one is answered, and Rust does not panic.

use serde_json::{Value, json};
use tauri::ipc::InvokeBody;

use crate::test_app::{RUNTIME, one_window, wait_for};

fn config() -> Value {
    json!({ "backends": { "echo": { "bundled": "echo", "runtime": RUNTIME },
        "sleeper": { "bundled": "sleeper", "runtime": RUNTIME, "limits": { "stdinBufferMb": 1 } } },
        "maxProcesses": 16, "maxProcessesPerWindow": 16 })
}

fn allow_all() -> Value {
    json!({ "identifier": "js:allow-spawn", "allow": [
        { "name": "*", "bundled": "*", "runtime": [RUNTIME], "args": true, "env": ["APP_*"] }] })
}

#[test]
fn arguments_of_any_type_and_size_are_answered() {
    let app = one_window(config(), &[allow_all()]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    let long = "x".repeat(1024 * 1024);
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let values = [
        Value::Null,
        json!(1),
        json!(-1e308),
        json!(u64::MAX),
        json!(u64::from(u32::MAX)),
        json!(i64::MIN),
        json!(""),
        json!(long),
        json!("a\u{0}b"),
        json!([]),
        json!({}),
        deep,
    ];
    let commands = [
        "spawn",
        "ensure",
        "kill",
        "restart",
        "remove",
        "get_status",
        "get_config",
        "write_stdin",
        "close_stdin",
        "drain",
        "attach",
        "ack",
        "detach",
        "watch",
        "unwatch",
        "set_runtime_path",
    ];
    for command in commands {
        for value in &values {
            let args = json!({ "name": value, "config": value, "data": value, "runtime": value,
                "path": value, "channel": value, "attachment": value, "after": value, "seq": value,
                "usageMs": value, "unknown": value });
            let answer = app.call("main", command, args);
            // Errors of Tauri itself are strings of any length.
            let error = answer.err().filter(Value::is_object).unwrap_or_default().to_string();
            assert!(error.len() < 2000, "{command} answers with {} bytes", error.len());
        }
    }
    app.call("main", "list_processes", json!({})).expect("listed");
}

#[test]
fn unknown_and_mistyped_fields_of_a_configuration_are_named() {
    let app = one_window(config(), &[allow_all()]);
    for (config, expected) in [
        (json!({ "scirpt": "x" }), "unknown field `scirpt`"),
        (json!({ "script": 1 }), "invalid type: integer `1`, expected a string"),
        (json!({ "args": "x" }), "invalid type: string \"x\", expected a sequence"),
        (json!({ "script": "echo", "limits": { "heapMb": -1 } }), "invalid value: integer `-1`"),
        (json!({ "script": "echo", "limits": { "heap": 1 } }), "unknown field `heap`"),
        (json!("echo"), "invalid type: string \"echo\""),
        (json!([]), "invalid"),
    ] {
        let error = app
            .call("main", "spawn", json!({ "name": "a", "config": config }))
            .expect_err("refused");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(expected) && error["kind"] == "invalidConfig", "{error}");
    }
}

#[test]
fn spawning_in_a_loop_fails_at_the_limit() {
    let app = one_window(config(), &[allow_all()]);
    let mut refused = 0;
    for number in 0..10_000 {
        let config = json!({ "script": "sleeper" });
        let args = json!({ "name": format!("p{number}"), "config": config });
        if let Err(error) = app.call("main", "spawn", args) {
            assert_eq!(error["kind"], "tooMany", "{error}");
            assert!(error["message"].as_str().is_some_and(|text| text.contains("16")), "{error}");
            refused += 1;
        }
    }
    assert_eq!(refused, 10_000 - 16);
    app.call("main", "kill", json!({ "name": "p0" })).expect("killed");
    let args = json!({ "name": "again", "config": { "script": "sleeper" } });
    app.call("main", "spawn", args).expect("a place is free");
}

#[test]
fn writes_of_fifty_megabytes_do_not_block_and_are_bounded() {
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "sleeper" })).expect("spawned");
    let big = "x".repeat(50 * 1024 * 1024);
    // The process never reads stdin, so a write that waits never returns.
    app.write("main", "sleeper", "w", 1, &big).expect("an empty queue takes a write of any size");
    for seq in 2..6 {
        let error = app.write("main", "sleeper", "w", seq, &big).expect_err("full");
        assert_eq!(error["kind"], "stdinFull", "{error}");
    }
    app.call("main", "kill", json!({ "name": "sleeper" })).expect("killed");
}

#[test]
fn malformed_raw_writes_are_refused() {
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    let body = || InvokeBody::Raw(b"x\n".to_vec());
    let good = [("js-name", "echo"), ("js-writer", "w"), ("js-seq", "1")];
    for missing in 0..good.len() {
        let headers: Vec<_> = good
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != missing)
            .map(|(_, h)| *h)
            .collect();
        let error = app.request("main", "write", body(), &headers).expect_err("refused");
        assert!(error.to_string().contains(good[missing].0), "{error}");
    }
    let long = "w".repeat(65);
    for (header, value) in [
        ("js-seq", "one"),
        ("js-generation", "x"),
        ("js-seq", "-1"),
        ("js-writer", &long),
        ("js-name", "%FF"),
    ] {
        let mut headers = good.to_vec();
        headers.retain(|(name, _)| *name != header);
        headers.push((header, value));
        let error = app.request("main", "write", body(), &headers).expect_err("refused");
        assert!(error.to_string().contains(header), "{error}");
    }
    for body in [json!([256]), json!("x"), json!({}), json!({ "data": "x" })] {
        let error = app.request("main", "write", InvokeBody::Json(body), &good);
        assert!(error.expect_err("refused").to_string().contains("bytes"));
    }
    let numbers = InvokeBody::Json(json!([104, 105, 10]));
    app.request("main", "write", numbers, &good).expect("the isolation pattern's form");
    app.attach("main", "echo", 3).expect("attached");
    wait_for("the echo", || (app.stdout(3) == ["echo hi"]).then_some(()));
}

#[test]
fn an_oversized_configuration_is_refused() {
    let app = one_window(config(), &[allow_all()]);
    let long = "x".repeat(1024 * 1024);
    for (config, expected) in [
        (json!({ "script": "echo", "args": [long] }), "bytes of text"),
        (json!({ "script": "echo", "env": { "APP_A": long } }), "bytes of text"),
        (json!({ "script": "echo", "env": { long.as_str(): "" } }), "bytes of text"),
        (json!({ "script": long }), "bytes of text"),
        (json!({ "script": "echo", "args": vec!["x"; 1001] }), "1000 arguments"),
        (json!({ "script": "echo", "fallback": vec![RUNTIME; 5] }), "4 runtimes in 'fallback'"),
        (
            json!({ "script": "echo", "permissions": { "read": vec!["/a"; 600], "net": vec!["a"; 600] } }),
            "1000 items in 'permissions'",
        ),
    ] {
        let error = app.call("main", "spawn", json!({ "name": "a", "config": config }));
        let error = error.expect_err(expected).to_string();
        assert!(error.contains(expected) && error.len() < 2000, "{error}");
    }
}

#[test]
fn an_overlong_attachment_id_is_refused() {
    let app = one_window(config(), &[]);
    app.call("main", "spawn", json!({ "name": "echo" })).expect("spawned");
    for attachment in [String::new(), "x".repeat(65), "x".repeat(1 << 20)] {
        let args = json!({ "name": "echo", "channel": "__CHANNEL__:1", "attachment": attachment });
        let error = app.call("main", "attach", args).expect_err("refused");
        assert!(error.to_string().contains("1 to 64 characters"), "{error}");
    }
    app.attach("main", "echo", 1).expect("attached");
}
