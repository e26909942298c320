//! Calls that a window's capability does not allow: three windows, three capabilities, one table.

use serde_json::{Value, json};

use crate::test_app::{RUNTIME, TestApp, capability, fixtures, one_window, test_app};

/// `main` may use declared backends and start some configurations of its own; `viewer` may observe one process;
/// `bare` has no permissions.
fn app(scripts: &str) -> TestApp {
    let config = json!({
        "scriptRoot": scripts,
        "backends": {
            "math": { "bundled": "sleeper", "runtime": RUNTIME, "env": { "TOKEN": "hush-hush" } },
            "other": { "bundled": "sleeper", "runtime": RUNTIME },
        },
    });
    // The engine is the default, so only a build without it names a runtime.
    let runtime = (RUNTIME != "embedded").then_some([RUNTIME]);
    let folder = |name: &str| format!("{scripts}/{name}");
    let own = json!({ "identifier": "js:allow-spawn", "allow": [
        { "name": "own-*", "script": "allowed/*.mjs", "runtime": runtime, "env": ["LANG", "MY_*"], "args": ["--level=*"],
          "cwd": scripts, "permissions": { "net": ["api.example.com"] }, "limits": { "heapMb": 64 } },
        { "name": "tool", "command": "true" },
        { "name": "moved", "command": "bin/tool", "cwd": scripts },
        { "name": "read", "script": "allowed/*.mjs", "runtime": runtime, "cwd": scripts, "permissions": { "read": ["data"] } },
        { "name": "run", "script": "allowed/*.mjs", "runtime": runtime, "cwd": scripts, "permissions": { "run": ["./tool"] } },
        { "name": "hooked", "script": "allowed/*.mjs", "runtime": ["node"], "cwd": scripts,
          "runtimeArgs": ["--import", "./sandbox.mjs"] },
        { "name": "linked", "script": "allowed/*.mjs", "runtime": runtime,
          "permissions": { "read": [folder("data")], "write": [folder("data"), folder("data/moved")] } },
        { "name": "narrow", "script": "allowed/*.mjs", "runtime": runtime, "permissions": { "read": [folder("data")] } },
        { "name": "flagged", "script": "allowed/*.mjs", "runtime": ["node"], "args": true,
          "runtimeArgs": ["-C", "development"] },
        { "name": "mat*", "script": "allowed/*.mjs" },
        { "name": "deep", "script": "allowed/**/*.mjs", "runtime": runtime },
    ], "deny": [{ "name": "own-secret" }, { "name": "strange*" }] });
    let capabilities = json!([
        capability("main", json!(["js:default", own])),
        capability(
            "viewer",
            json!([{ "identifier": "js:allow-observe", "allow": [{ "name": "math" }] }])
        ),
        capability("bare", json!([])),
    ]);
    test_app(config, &capabilities, &["main", "viewer", "bare"])
}

/// A folder with an allowed script, and symlinks that lead out of the allowed folders.
fn scripts() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("allowed")).expect("a folder");
    std::fs::create_dir_all(at("private")).expect("a folder");
    std::fs::create_dir_all(at("data/folder")).expect("a folder");
    std::fs::copy(fixtures().join("sleeper.mjs"), at("allowed/good.mjs")).expect("a script");
    std::fs::write(at("private/secret.mjs"), "").expect("a script");
    #[cfg(unix)]
    {
        let link = std::os::unix::fs::symlink::<std::path::PathBuf, _>;
        link(at("private/secret.mjs"), at("allowed/inside.mjs")).expect("a link");
        link(fixtures().join("echo.mjs"), at("allowed/outside.mjs")).expect("a link");
        link("/".into(), at("root")).expect("a link");
        link(at("private"), at("allowed/out")).expect("a link");
        link(at("private/none.mjs"), at("allowed/lost.mjs")).expect("a link");
        link(at("private"), at("data/link")).expect("a link");
        link(at("private"), at("data/moved")).expect("a link");
        link(at("private/none"), at("data/dangling")).expect("a link");
        link(at("data/folder"), at("data/inner")).expect("a link");
    }
    folder
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_call_outside_the_capability_is_refused_with_the_missing_permission() {
    let folder = scripts();
    let path = folder.path().to_str().expect("UTF-8");
    let app = app(path);
    app.call("main", "spawn", json!({ "name": "math" })).expect("declared");
    app.call("main", "spawn", json!({ "name": "other" })).expect("declared");

    let spawn = |name: &str, config: Value| ("spawn", json!({ "name": name, "config": config }));
    let script = |fields: Value| {
        let mut config = json!({ "script": "allowed/good.mjs" });
        for (key, value) in fields.as_object().expect("fields") {
            config[key] = value.clone();
        }
        ("spawn", json!({ "name": "own-1", "config": config }))
    };
    let named =
        |command: &'static str, name: &str| (command, json!({ "name": name, "config": null }));
    let absolute = folder.path().join("allowed/good.mjs");
    let narrow = |name: &str| {
        let read = folder.path().join(name);
        spawn("narrow", json!({ "script": "allowed/good.mjs", "permissions": { "read": [read] } }))
    };
    let attach = |name: &str| {
        ("attach", json!({ "name": name, "channel": "__CHANNEL__:1", "attachment": "a" }))
    };

    let forbidden = [
        // Other names.
        ("main", named("kill", "stranger"), "js:allow-kill"),
        ("main", named("get_status", "stranger"), "js:allow-observe"),
        ("main", spawn("stranger", json!({ "script": "allowed/good.mjs" })), "js:allow-spawn"),
        ("main", spawn("own-secret", json!({ "script": "allowed/good.mjs" })), "js:allow-spawn"),
        // Another configuration of a declared backend.
        ("main", spawn("math", json!({ "script": "allowed/good.mjs" })), "only as it is declared"),
        ("main", spawn("math", json!({ "env": { "A": "b" } })), "only as it is declared"),
        (
            "main",
            spawn("math", json!({ "permissions": { "all": true } })),
            "only as it is declared",
        ),
        (
            "main",
            ("restart", json!({ "name": "math", "config": { "command": "sh" } })),
            "only as it is declared",
        ),
        (
            "main",
            ("ensure", json!({ "name": "math", "config": { "command": "sh" } })),
            "only as it is declared",
        ),
        // Other scripts.
        ("main", script(json!({ "script": "private/secret.mjs" })), "not one that the entry names"),
        (
            "main",
            script(json!({ "script": "allowed/../private/secret.mjs" })),
            "must not contain '..'",
        ),
        ("main", script(json!({ "script": "../outside.mjs" })), "must not contain '..'"),
        ("main", script(json!({ "script": absolute })), "must be relative"),
        ("main", script(json!({ "script": "allowed/inside.mjs" })), "is a link to a file"),
        ("main", script(json!({ "script": "allowed/outside.mjs" })), "is a link to a file"),
        ("main", script(json!({ "script": "allowed/missing.mjs" })), "No such file"),
        // The error does not show whether a file outside the folder exists.
        (
            "main",
            spawn("deep", json!({ "script": "allowed/out/no-such-file.mjs" })),
            "is a link to a file",
        ),
        (
            "main",
            spawn("deep", json!({ "script": "allowed/out/secret.mjs" })),
            "is a link to a file",
        ),
        ("main", script(json!({ "script": "allowed/lost.mjs" })), "is a link to a file"),
        ("main", script(json!({ "script": "allowed/%2e%2e/private/secret.mjs" })), "not one that"),
        ("main", script(json!({ "script": "allowed%2fgood.mjs" })), "not one that"),
        ("main", script(json!({ "script": r"allowed\..\private\secret.mjs" })), ""),
        ("main", script(json!({ "script": "file:///etc/passwd" })), "not one that"),
        ("main", script(json!({ "script": r"\\?\C:\allowed\good.mjs" })), ""),
        ("main", script(json!({ "script": r"\\localhost\c$\allowed\good.mjs" })), ""),
        ("main", script(json!({ "script": "echo" })), "not one that the entry names"),
        (
            "main",
            script(json!({ "script": "https://example.com/a.mjs" })),
            "not one that the entry names",
        ),
        // Programs.
        ("main", spawn("own-1", json!({ "command": "sh" })), "the command 'sh'"),
        ("main", spawn("tool", json!({ "command": "/bin/true" })), "the command '/bin/true'"),
        ("main", spawn("tool", json!({ "command": "true", "args": ["x"] })), "the argument 'x'"),
        ("main", spawn("own-1", json!({ "sidecar": "deno" })), "the sidecar 'deno'"),
        ("main", script(json!({ "command": "true" })), "one of script, command and sidecar"),
        // Runtimes: some do not enforce permissions.
        ("main", script(json!({ "runtime": "bun" })), "the runtime 'bun'"),
        ("main", script(json!({ "fallback": ["node"] })), "the runtime 'node'"),
        ("main", script(json!({ "runtimeArgs": ["--allow-all"] })), "the flags '--allow-all'"),
        ("main", script(json!({ "args": ["--evil"] })), "the argument '--evil'"),
        // Environment, working directory, permissions, limits.
        ("main", script(json!({ "env": { "LD_PRELOAD": "x.so" } })), "makes programs load code"),
        (
            "main",
            script(json!({ "env": { "NODE_OPTIONS": "--import x" } })),
            "makes programs load code",
        ),
        ("main", script(json!({ "env": { "HOME": "x" } })), "the variable 'HOME' makes programs"),
        ("main", script(json!({ "env": { "MINE": "x" } })), "does not name the variable 'MINE'"),
        ("main", script(json!({ "cwd": "/" })), "is outside of"),
        ("main", script(json!({ "cwd": "/no/such/folder" })), "is outside of"),
        ("main", script(json!({ "cwd": "allowed/.." })), "is outside of"),
        ("main", script(json!({ "cwd": "root/etc" })), "is outside of"),
        ("main", script(json!({ "cwd": "root/no/such/folder" })), "is outside of"),
        ("main", script(json!({ "cwd": "allowed/no-such-folder" })), "No such file"),
        ("main", script(json!({ "permissions": { "net": true } })), "'net' for everything"),
        ("main", script(json!({ "permissions": { "net": ["evil.com"] } })), "'net' for 'evil.com'"),
        ("main", script(json!({ "permissions": { "run": ["sh"] } })), "'run' for 'sh'"),
        ("main", script(json!({ "limits": { "heapMb": 65 } })), "'heapMb' of at most 64"),
        (
            "main",
            script(json!({ "restart": { "backoffMs": 0 } })),
            "'backoffMs' must be at least 50",
        ),
        ("main", script(json!({ "restart": { "resetAfterMs": 0 } })), "'resetAfterMs'"),
        ("main", script(json!({ "args": vec!["--level=1"; 1001] })), "1000 arguments"),
        // A flag without its value would take the script as its value.
        (
            "main",
            spawn(
                "flagged",
                json!({ "script": "allowed/good.mjs", "runtimeArgs": ["-C"],
            "args": ["evil.mjs"] }),
            ),
            "the flags '-C'",
        ),
        // A page's working directory must not change the meaning of relative paths in the entry.
        (
            "main",
            spawn("moved", json!({ "command": "bin/tool", "cwd": "allowed" })),
            "has relative paths",
        ),
        (
            "main",
            spawn("read", json!({ "script": "allowed/good.mjs", "cwd": "allowed" })),
            "has relative paths",
        ),
        (
            "main",
            spawn("run", json!({ "script": "allowed/good.mjs", "cwd": "allowed" })),
            "has relative paths in 'permissions'",
        ),
        (
            "main",
            spawn("hooked", json!({ "script": "allowed/good.mjs", "cwd": "allowed" })),
            "has relative paths in 'runtimeArgs'",
        ),
        // A symlink in a granted folder does not lead out of it.
        ("main", narrow("data/link"), "'read' for"),
        ("main", narrow("data/link/secret.mjs"), "'read' for"),
        ("main", narrow("data/link/no-such-file"), "'read' for"),
        ("main", narrow("data/dangling"), "'read' for"),
        ("main", narrow("data/folder/../link"), "'read' for"),
        // A path that its processes may have replaced by a symlink grants nothing.
        ("main", spawn("linked", json!({ "script": "allowed/good.mjs" })), "is a link out of"),
        (
            "main",
            ("set_runtime_path", json!({ "runtime": "bun", "path": "x" })),
            "js:allow-set-runtime-path",
        ),
        // A window that may only observe, and only one process.
        ("viewer", named("kill", "math"), "not allowed"),
        ("viewer", named("spawn", "math"), "not allowed"),
        ("viewer", ("write_stdin", json!({ "name": "math", "data": "x" })), "not allowed"),
        ("viewer", attach("other"), "js:allow-observe"),
        ("viewer", named("get_config", "other"), "js:allow-observe"),
        // A window without permissions.
        ("bare", ("list_processes", json!({})), "not allowed"),
        ("bare", attach("math"), "not allowed"),
    ];
    assert!(forbidden.len() >= 30);
    let before = app.call("main", "list_processes", json!({})).expect("listed");
    for (window, (command, args), expected) in forbidden {
        let error =
            app.call(window, command, args.clone()).expect_err(&format!("{command} {args}"));
        let text = error.to_string();
        assert!(text.contains(expected), "{window} {command} {args}:\n{text}\nlacks: {expected}");
        assert!(error.is_string() || error["kind"] == "notAllowed", "{text}");
        assert!(!text.contains("hush-hush"), "the error contains the environment: {text}");
    }
    let after = app.call("main", "list_processes", json!({})).expect("listed");
    assert_eq!(before, after, "refused calls changed the list");
}

#[test]
fn a_start_within_the_capability_is_allowed() {
    let folder = scripts();
    let path = folder.path().to_str().expect("UTF-8");
    let app = app(path);
    let config = json!({ "script": "./allowed/good.mjs", "args": ["--level=3"], "cwd": "allowed",
        "env": { "LANG": "C", "MY_KEY": "x" }, "permissions": { "net": ["api.example.com:443"] },
        "limits": { "heapMb": 64 } });
    app.call("main", "spawn", json!({ "name": "own-1", "config": config })).expect("allowed");
    let started = app.call("main", "get_config", json!({ "name": "own-1" })).expect("known");
    assert_eq!(started["runtime"], RUNTIME, "the entry's runtime, not the machine's");
    let script = folder.path().canonicalize().expect("a folder").join("allowed/good.mjs");
    assert_eq!(started["script"], json!(script));

    app.call(
        "main",
        "spawn",
        json!({ "name": "own-2", "config": { "script": "allowed/good.mjs" } }),
    )
    .expect("allowed");
    let started = app.call("main", "get_config", json!({ "name": "own-2" })).expect("known");
    assert_eq!(started["permissions"]["net"], json!(["api.example.com"]), "the entry's grant");
    assert_eq!(started["permissions"]["read"], json!(false));

    app.call("main", "spawn", json!({ "name": "tool", "config": { "command": "true" } }))
        .expect("allowed");

    // The entry's flags are added. The start itself fails on a machine without Node.
    let config = json!({ "script": "allowed/good.mjs" });
    let _ = app.call("main", "spawn", json!({ "name": "flagged", "config": config }));
    let started = app.call("main", "get_config", json!({ "name": "flagged" })).expect("known");
    assert_eq!(started["runtimeArgs"], json!(["-C", "development"]));

    // Paths are resolved. A symlink that stays in the folder is granted in both forms.
    let inner = folder.path().join("data/inner");
    let config = json!({ "script": "allowed/good.mjs", "permissions": { "read": [inner] } });
    app.call("main", "spawn", json!({ "name": "narrow", "config": config })).expect("allowed");
    let started = app.call("main", "get_config", json!({ "name": "narrow" })).expect("known");
    let data = folder.path().canonicalize().expect("a folder").join("data");
    let expected = json!([data.join("inner"), data.join("folder")]);
    assert_eq!(started["permissions"]["read"], expected);
}

#[test]
fn denying_spawn_denies_all_commands_that_start_processes() {
    let config = json!({ "backends": { "math": { "bundled": "sleeper" } } });
    let app = one_window(config, &[json!("js:deny-spawn")]);
    for (command, args) in [
        ("spawn", json!({ "name": "math" })),
        ("ensure", json!({ "name": "math" })),
        ("restart", json!({ "name": "math", "config": {} })),
    ] {
        let error = app.call("main", command, args).expect_err(command);
        assert!(error.to_string().contains("denied"), "{error}");
    }
}

#[test]
fn a_malformed_entry_is_reported() {
    for (entry, expected) in [
        (json!({ "nam": "math" }), "unknown field `nam`"),
        (json!({ "name": "math", "script": "*.ts", "root": "$NOWHERE" }), "$NOWHERE"),
        (json!({ "name": "math", "cwd": "/data/../etc" }), "must not contain '..'"),
        (json!({ "name": "math", "permissions": { "read": [""] } }), "an empty string"),
        (
            json!({ "name": "math", "permissions": { "read": ["/a/../b"] } }),
            "must not contain '..'",
        ),
        (
            json!({ "name": "math", "env": ["*"] }),
            "'env' of the entry 'math' of a js permission has '*'",
        ),
        (
            json!({ "name": "math", "env": ["GIT_*"] }),
            "has 'GIT_*', whose variables make programs load",
        ),
    ] {
        let permission = json!({ "identifier": "js:allow-spawn", "allow": [entry] });
        let app = one_window(json!({}), &[permission]);
        let error = app.call("main", "kill", json!({ "name": "math" })).expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_window_lists_and_kills_only_the_processes_of_its_capability() {
    let folder = scripts();
    let app = app(folder.path().to_str().expect("UTF-8"));
    for name in ["math", "other"] {
        app.call("main", "spawn", json!({ "name": name })).expect("declared");
    }
    let names = |window: &str| -> Vec<String> {
        let listed = app.call(window, "list_processes", json!({})).expect("listed");
        let processes = listed.as_array().expect("a list").clone();
        processes.iter().map(|p| p["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names("main"), ["math", "other"]);
    assert_eq!(names("viewer"), ["math"]);
    let backends = app.call("viewer", "list_backends", json!({})).expect("listed");
    assert_eq!(backends.as_array().map(Vec::len), Some(1));

    app.call("viewer", "watch", json!({ "channel": "__CHANNEL__:9", "usageMs": null }))
        .expect("watches");
    let snapshot = crate::test_app::wait_for("a snapshot", || app.messages(9).first().cloned());
    assert!(snapshot.contains("\"math\"") && !snapshot.contains("\"other\""), "{snapshot}");

    // No capability covers processes that Rust starts under undeclared names.
    let js = tauri_plugin_js::JsExt::js(&app.tauri).supervisor().clone();
    tauri::async_runtime::block_on(async {
        let config = tauri_plugin_js::SpawnConfig::command("cat");
        js.spawn("rusts-own", config).await.expect("spawned");
    });
    app.call("main", "kill_all", json!({})).expect("killed");
    assert!(js.status("rusts-own").expect("listed").running);
    assert!(js.status("math").expect("listed").state.is_exited());
}
