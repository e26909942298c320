//! Links that somebody makes after a start was authorized.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::support::{Bench, simple, wait_for};

/// Prints what it can read of its first argument, or why it cannot, and waits.
const READER: &str = "import fs from 'node:fs'
import process from 'node:process'
try {
  console.log(fs.readFileSync(process.argv[2], 'utf8'))
} catch (error) {
  console.log('refused', error.code)
}
process.stdin.resume()
";

/// The line of the process's `generation`th start: each prints one.
fn line(bench: &Bench, generation: u32) -> String {
    let channel = generation;
    bench.attach("main", "job", channel).expect("attached");
    let line = wait_for("a line", || bench.stdout(channel).get(generation as usize - 1).cloned());
    let args = json!({ "name": "job", "attachment": channel.to_string() });
    bench.call("main", "detach", args).expect("detached");
    line
}

#[test]
fn a_link_made_after_a_start_grants_nothing_at_the_next() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path().canonicalize().expect("it is there");
    for folder in ["jobs", "data/new", "private"] {
        std::fs::create_dir_all(root.join(folder)).expect("a folder");
    }
    std::fs::write(root.join("jobs/reader.mjs"), READER).expect("a script");
    std::fs::write(root.join("data/new/file"), "granted").expect("a file");
    std::fs::write(root.join("private/file"), "secret").expect("a file");
    let entry = json!({ "name": "job", "script": "jobs/*.mjs", "root": root, "args": true,
        "permissions": { "read": [root.join("data")] } });
    let bench = simple(json!({}), &[json!({ "identifier": "js:allow-spawn", "allow": [entry] })]);
    let config = |read: &[&str]| {
        let read: Vec<_> = read.iter().map(|path| root.join(path)).collect();
        json!({ "script": "jobs/reader.mjs", "args": [root.join("data/new/file")],
            "permissions": { "read": read } })
    };
    let spawn = |command: &str, config: Value| {
        bench.call("main", command, json!({ "name": "job", "config": config }))
    };
    spawn("spawn", config(&["data/new"])).expect("it lies in the folder");
    assert_eq!(line(&bench, 1), "granted");

    // As a process that may write there could.
    std::fs::remove_dir_all(root.join("data/new")).expect("removed");
    symlink(root.join("private"), root.join("data/new")).expect("a link");
    bench.call("main", "kill", json!({ "name": "job" })).expect("killed");
    bench.call("main", "restart", json!({ "name": "job" })).expect("as it was started");
    let refused = line(&bench, 2);
    assert!(refused.starts_with("refused"), "{refused}");
    let error = spawn("restart", config(&["data/new"])).expect_err("it is a link now");
    assert!(error.to_string().contains("'read' for"), "{error}");

    // A script that has become a link is another script.
    bench.call("main", "kill", json!({ "name": "job" })).expect("killed");
    std::fs::rename(root.join("jobs/reader.mjs"), root.join("private/reader.mjs")).expect("moved");
    symlink(root.join("private/reader.mjs"), root.join("jobs/reader.mjs")).expect("a link");
    let error = bench.call("main", "restart", json!({ "name": "job" })).expect_err("a link");
    assert!(error.to_string().contains("has become a link"), "{error}");
}
