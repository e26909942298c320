//! Symlinks that are created after a start was authorized.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::test_app::{TestApp, one_window, wait_for};

/// Prints the file named by its first argument, or the error of reading it, and stays alive.
const READER: &str = "import fs from 'node:fs'
import process from 'node:process'
try {
  console.log(fs.readFileSync(process.argv[2], 'utf8'))
} catch (error) {
  console.log('refused', error.code)
}
process.stdin.resume()
";

/// The line that a generation prints.
fn line(app: &TestApp, generation: u32) -> String {
    let channel = generation;
    app.attach("main", "job", channel).expect("attached");
    let line = wait_for("a line", || app.stdout(channel).get(generation as usize - 1).cloned());
    let args = json!({ "name": "job", "attachment": channel.to_string() });
    app.call("main", "detach", args).expect("detached");
    line
}

#[test]
fn a_symlink_created_after_a_start_grants_nothing_at_the_next() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path().canonicalize().expect("it exists");
    for folder in ["jobs", "data/new", "private"] {
        std::fs::create_dir_all(root.join(folder)).expect("a folder");
    }
    std::fs::write(root.join("jobs/reader.mjs"), READER).expect("a script");
    std::fs::write(root.join("data/new/file"), "granted").expect("a file");
    std::fs::write(root.join("private/file"), "secret").expect("a file");
    let entry = json!({ "name": "job", "script": "jobs/*.mjs", "root": root, "args": true,
        "permissions": { "read": [root.join("data")] } });
    let app = one_window(json!({}), &[json!({ "identifier": "js:allow-spawn", "allow": [entry] })]);
    let config = |read: &[&str]| {
        let read: Vec<_> = read.iter().map(|path| root.join(path)).collect();
        json!({ "script": "jobs/reader.mjs", "args": [root.join("data/new/file")],
            "permissions": { "read": read } })
    };
    let spawn = |command: &str, config: Value| {
        app.call("main", command, json!({ "name": "job", "config": config }))
    };
    spawn("spawn", config(&["data/new"])).expect("inside the granted folder");
    assert_eq!(line(&app, 1), "granted");

    // A process with write permission there could do the same.
    std::fs::remove_dir_all(root.join("data/new")).expect("removed");
    symlink(root.join("private"), root.join("data/new")).expect("a link");
    app.call("main", "kill", json!({ "name": "job" })).expect("killed");
    app.call("main", "restart", json!({ "name": "job" })).expect("as it was started");
    let refused = line(&app, 2);
    assert!(refused.starts_with("refused"), "{refused}");
    let error = spawn("restart", config(&["data/new"])).expect_err("it is a link now");
    assert!(error.to_string().contains("'read' for"), "{error}");

    // The script itself becomes a symlink.
    app.call("main", "kill", json!({ "name": "job" })).expect("killed");
    std::fs::rename(root.join("jobs/reader.mjs"), root.join("private/reader.mjs")).expect("moved");
    symlink(root.join("private/reader.mjs"), root.join("jobs/reader.mjs")).expect("a link");
    let error = app.call("main", "restart", json!({ "name": "job" })).expect_err("a link");
    assert!(error.to_string().contains("has become a link"), "{error}");
}
