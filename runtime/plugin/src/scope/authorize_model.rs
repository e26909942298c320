//! Property test of `authorize`: an authorized configuration never exceeds the entry. Uses a real folder tree with
//! symlinks, and a model that is simpler than the code.
//!
//! `PROPTEST_CASES` sets the number of cases.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use js_runtime::{Grant, Limits, Links, Permissions, Runtime, SpawnConfig};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::rule::Rule;
use super::{Request, Scope};

/// A path inside or outside the tree.
fn path() -> impl Strategy<Value = String> {
    let names = ["a", "b", "c", "s.ts", "t.js", "new", "..", "."];
    let weighted = prop::sample::select([&names[..], &names[..3], &names[..4]].concat());
    prop::collection::vec(weighted, 1..4).prop_map(|names| names.join("/"))
}

/// A symlink: its path and its target.
fn link() -> impl Strategy<Value = (String, String)> {
    (path(), path())
}

fn paths() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(json!(null)),
        1 => Just(json!(true)),
        5 => prop::collection::vec(path(), 0..3).prop_map(|paths| json!(paths)),
    ]
}

fn subset(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(of), 0..3)
}

const RUNTIMES: &[&str] = &["embedded", "deno", "bun", "node"];

/// An entry. Its paths are relative to the tree.
fn entry() -> impl Strategy<Value = Value> {
    let script = prop::sample::select(&["a/*.ts", "**/*.ts", "a/**", "b/s.ts"][..]);
    let permissions = (paths(), paths(), subset(&["h.com", "h.com:1", "*.h.com"])).prop_map(
        |(read, write, net)| json!({ "read": read, "write": write, "net": net, "run": ["ls"] }),
    );
    (
        script,
        subset(RUNTIMES),
        subset(&["--sandbox", "-x"]),
        subset(&["--level=*", "y"]),
        subset(&["LANG", "APP_*", "LD_AUDIT"]),
        prop::option::of(path()),
        prop::option::of(permissions),
    )
        .prop_map(|(script, runtime, flags, args, env, cwd, permissions)| {
            json!({ "name": "p", "script": script, "root": ".", "runtime": runtime, "runtimeArgs": flags,
                "args": args, "env": env, "cwd": cwd, "permissions": permissions,
                "limits": { "heapMb": 64 } })
        })
}

/// A configuration from a page. Its paths are relative to the tree.
fn request() -> impl Strategy<Value = Value> {
    let permissions = (paths(), paths(), subset(&["h.com", "h.com:1", "h.com:2", "x.com"]))
        .prop_map(|(read, write, net)| json!({ "read": read, "write": write, "net": net }));
    let script = prop_oneof![3 => prop::sample::select(&["a/s.ts", "b/s.ts"][..]).prop_map(str::to_owned), 1 => path()];
    (
        script,
        prop::option::weighted(0.3, prop::sample::select(RUNTIMES)),
        prop_oneof![5 => Just(vec![]), 1 => subset(RUNTIMES)],
        prop_oneof![3 => Just(vec![]), 1 => subset(&["--sandbox", "-x", "--other"])],
        prop_oneof![1 => Just(vec![]), 1 => subset(&["--level=1", "y", "z"])],
        prop_oneof![
            1 => Just(vec![]),
            1 => subset(&["LANG", "APP_KEY", "APP_", "LD_AUDIT", "LD_PRELOAD", "HOME"]),
        ],
        prop::option::weighted(0.3, path()),
        prop::option::of(permissions),
        prop::option::of(1..80u32),
    )
        .prop_map(|(script, runtime, fallback, flags, args, env, cwd, permissions, heap)| {
            let env: serde_json::Map<_, _> =
                env.into_iter().map(|name| (name.to_owned(), json!("value"))).collect();
            json!({ "script": script, "runtime": runtime, "fallback": fallback, "runtimeArgs": flags,
                "args": args, "env": env, "cwd": cwd, "permissions": permissions,
                "limits": { "heapMb": heap } })
        })
}

/// Removes fields that are `null`, and makes the paths of permissions absolute.
fn normalized(mut value: Value, root: &Path) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    if let Some(Value::Object(permissions)) = value.get_mut("permissions") {
        permissions.retain(|_, value| !value.is_null());
        for kind in ["read", "write"] {
            let list = permissions.get_mut(kind).and_then(Value::as_array_mut);
            for path in list.into_iter().flatten() {
                *path = json!(root.join(path.as_str().unwrap_or_default()));
            }
        }
    }
    value
}

fn create_tree(root: &Path, links: &[(String, String)]) {
    for folder in ["a/b", "b/a", "c/c"] {
        fs::create_dir_all(root.join("tree").join(folder)).expect("a folder");
    }
    for folder in ["tree/a", "tree/b", "tree/a/b", "tree/c", "outside"] {
        fs::create_dir_all(root.join(folder)).expect("a folder");
        for file in ["s.ts", "t.js"] {
            fs::write(root.join(folder).join(file), "").expect("a file");
        }
    }
    for (at, target) in links {
        let target = target.replace("../..", "../../outside");
        // Fails if the path exists already.
        let _ = symlink(target, root.join("tree").join(at));
    }
}

/// Collects all files and folders, without symlinks.
fn collect_files(folder: &Path, found: &mut Vec<PathBuf>) {
    found.push(folder.to_owned());
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let kind = entry.file_type().expect("a kind");
        match (kind.is_dir(), kind.is_file()) {
            (true, _) => collect_files(&entry.path(), found),
            (_, true) => found.push(entry.path()),
            _ => {}
        }
    }
}

/// Whether the engine grants access to `file`, a path without symlinks.
fn grants(grant: &Grant, file: &Path, follows_links: bool) -> bool {
    let covers = |granted: &String| {
        let resolved = fs::canonicalize(granted).unwrap_or_else(|_| granted.into());
        file.starts_with(if follows_links { &resolved } else { Path::new(granted) })
    };
    match grant {
        Grant::All(all) => *all,
        Grant::Some(list) => list.iter().any(covers),
    }
}

fn is_script(pattern: &str, path: &Path) -> bool {
    let is_ts = path.extension().is_some_and(|extension| extension == "ts");
    match pattern {
        "a/*.ts" => is_ts && path.parent() == Some(Path::new("a")),
        "**/*.ts" => is_ts,
        "a/**" => path.starts_with("a"),
        _ => path == Path::new(pattern),
    }
}

fn check(entry: &Value, request: &Value, config: &SpawnConfig, root: &Path) -> Result<(), String> {
    let tree = root.join("tree");
    let listed = |key: &str| entry[key].as_array().cloned().unwrap_or_default();
    let ensure = |holds: bool, fault: &str| if holds { Ok(()) } else { Err(fault.to_owned()) };
    let script = PathBuf::from(config.script.clone().unwrap_or_default());
    let within = script.strip_prefix(&tree).map_err(|_| "the script is outside")?;
    ensure(is_script(entry["script"].as_str().unwrap_or_default(), within), "another script")?;
    ensure(fs::canonicalize(&script).is_ok_and(|path| path == script), "a script with links")?;
    ensure(config.links == Links::Refuse, "links are followed")?;

    let runtimes: Vec<Runtime> = config.runtime.iter().chain(&config.fallback).copied().collect();
    let mut allowed = listed("runtime");
    if allowed.is_empty() {
        allowed.push(json!("embedded"));
    }
    let is_allowed = |runtime: &Runtime| allowed.contains(&json!(runtime.as_str()));
    ensure(runtimes.iter().all(is_allowed) && config.runtime.is_some(), "another runtime")?;
    let has_engine = runtimes.contains(&Runtime::Embedded);
    let has_flags = json!(config.runtime_args) == json!(listed("runtimeArgs"));
    ensure(has_flags || has_engine && config.runtime_args.is_empty(), "other flags")?;
    let has_no_child = runtimes.iter().all(|runtime| *runtime == Runtime::Embedded);
    ensure(has_flags || has_no_child, "a child without the flags")?;

    let (args, env) = (listed("args"), listed("env"));
    let is_arg = |arg: &String| args.contains(&json!(if arg == "y" { "y" } else { "--level=*" }));
    ensure(config.args.iter().all(|arg| arg != "z" && is_arg(arg)), "another argument")?;
    let is_variable = |name: &String| {
        let is_own = name.starts_with("APP_") && env.contains(&json!("APP_*"));
        is_own || env.contains(&json!(name))
    };
    ensure(config.env.keys().all(is_variable), "another variable")?;
    if let Some(cwd) = &config.cwd {
        let folder = fs::canonicalize(tree.join(entry["cwd"].as_str().ok_or("no folder")?));
        ensure(folder.is_ok_and(|folder| cwd.starts_with(folder)), "another working directory")?;
    }
    ensure(config.limits.and_then(|limits| limits.heap_mb) <= Some(64), "a larger heap")?;

    let granted: Permissions =
        serde_json::from_value(entry.get("permissions").cloned().unwrap_or(json!({})))
            .map_err(|error| error.to_string())?;
    let result = config.permissions.clone().unwrap_or_default();
    let mut files = Vec::new();
    collect_files(root, &mut files);
    for (kind, result, granted) in
        [("read", &result.read, &granted.read), ("write", &result.write, &granted.write)]
    {
        let is_more = |file: &&PathBuf| grants(result, file, true) && !grants(granted, file, true);
        if let Some(file) = files.iter().find(is_more) {
            return Err(format!("{kind} of {}", file.display()));
        }
        // Without requested permissions, the page gets all that the entry grants.
        let is_less = |file: &&PathBuf| grants(granted, file, true) && !grants(result, file, false);
        if let (None, Some(file)) = (request.get("permissions"), files.iter().find(is_less)) {
            return Err(format!("no {kind} of {}", file.display()));
        }
    }
    let hosts = |grant: &Grant| if let Grant::Some(list) = grant { list.clone() } else { vec![] };
    let is_host = |host: &String| {
        let granted = hosts(&granted.net);
        granted.contains(host) || host.starts_with("h.com:") && granted.contains(&"h.com".into())
    };
    ensure(hosts(&result.net).iter().all(is_host), "another host")
}

#[test]
fn an_authorized_configuration_never_exceeds_its_entry() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let (cases, authorized) = (config.cases, AtomicU32::new(0));
    let links = prop::collection::vec(link(), 0..6);
    let inputs = (links, entry(), prop::collection::vec(request(), 1..24));
    let mut runner = TestRunner::new(config);
    let result = runner.run(&inputs, |(links, entry, requests)| {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path().canonicalize().expect("it exists");
        create_tree(&root, &links);
        let tree = root.join("tree");
        let entry = normalized(entry, &tree);
        let parsed = serde_json::from_value(entry.clone()).expect("an entry");
        let rule = Rule::new(parsed, |path| Ok(tree.join(path.unwrap_or("."))));
        // `..` in a path of the entry is an error.
        let Ok(rule) = rule else { return Ok(()) };
        let allow = vec![Arc::new(rule)];
        let scope = Scope { label: "main".into(), command: "spawn".into(), allow, deny: vec![] };
        for request in requests {
            let request = normalized(request, &tree);
            let config = serde_json::from_value(request.clone()).expect("a configuration");
            let default_limits = Some(Limits { heap_mb: Some(32), ..Limits::default() });
            let is_bundled = &|_: &str| false;
            let start =
                Request { name: "p", is_declared: false, config, is_bundled, default_limits };
            if let Ok(config) = scope.authorize(&start) {
                authorized.fetch_add(1, Ordering::Relaxed);
                let checked = check(&entry, &request, &config, &root);
                prop_assert_eq!(checked, Ok(()), "{} became {:?}", request, config);
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    let authorized = authorized.into_inner();
    assert!(authorized > cases / 8, "only {authorized} requests were authorized");
}
