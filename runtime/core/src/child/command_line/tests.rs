//! Command lines as text; the conformance tests run them.

use std::fs;
use std::path::Path;

use super::{KKRPC_EOF_WORKAROUND, Script, data_url, for_runtime};
use crate::wire::{Grant, Permissions, Runtime, SpawnConfig};

/// The arguments for a script in `/app`, joined, with the preloaded script as `workaround`.
fn line(runtime: Runtime, config: &SpawnConfig, script: &str) -> Result<String, String> {
    let script = Script { path: script.into(), is_self_contained: false };
    let line = for_runtime(runtime, Path::new("/bin/x"), config, &script, Path::new("/app"));
    let args = line.map_err(|error| error.to_string())?.args;
    let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    Ok(args.join(" ").replace(&data_url(KKRPC_EOF_WORKAROUND), "workaround"))
}

fn granted(permissions: Permissions) -> SpawnConfig {
    SpawnConfig { permissions: Some(permissions), ..SpawnConfig::default() }
}

fn some(list: &[&str]) -> Grant {
    Grant::Some(list.iter().map(ToString::to_string).collect())
}

const DENO: &str = "run --quiet --no-prompt --no-lock";

#[test]
fn runtime_args_come_before_the_script_and_args_after_it() {
    let config = SpawnConfig {
        runtime_args: vec!["--inspect".into()],
        args: vec!["--".into(), "-x".into(), "--version".into()],
        ..SpawnConfig::default()
    };
    for (runtime, expected) in [
        (Runtime::Node, "--inspect /app/-w.js -- -x --version".to_string()),
        (Runtime::Bun, "run --preload workaround --inspect /app/-w.js -- -x --version".to_string()),
        (
            Runtime::Deno,
            format!(
                "{DENO} --allow-read=/app --no-remote --preload workaround --inspect /app/-w.js -- -x --version"
            ),
        ),
    ] {
        assert_eq!(line(runtime, &config, "/app/-w.js"), Ok(expected));
    }
    for runtime in [Runtime::Auto, Runtime::Embedded] {
        assert!(line(runtime, &config, "/app/w.js").is_err());
    }
}

#[test]
fn deno_gets_exactly_the_permissions_as_flags() {
    for (permissions, expected) in [
        (Permissions::default(), "--allow-read=/app --no-remote"),
        (Permissions::all(), "-A"),
        (
            Permissions { read: Grant::All(true), ..Permissions::default() },
            "--allow-read --no-remote",
        ),
        (
            Permissions { read: some(&["data", "/etc"]), ..Permissions::default() },
            "--allow-read=/app,data,/etc --no-remote",
        ),
        (
            Permissions { write: some(&[]), net: Grant::All(false), ..Permissions::default() },
            "--allow-read=/app --no-remote",
        ),
        (
            Permissions {
                write: some(&["/tmp"]),
                net: some(&["a.com:443", "[::1]:80"]),
                env: Grant::All(true),
                run: some(&["ls"]),
                sys: some(&["hostname"]),
                import: some(&["deno.land"]),
                ..Permissions::default()
            },
            "--allow-read=/app --allow-write=/tmp --allow-net=a.com:443,[::1]:80 --allow-env \
             --allow-run=ls --allow-sys=hostname --allow-import=deno.land",
        ),
        (
            Permissions { import: Grant::All(true), ..Permissions::default() },
            "--allow-read=/app --allow-import",
        ),
    ] {
        let config = granted(permissions);
        let expected = format!("{DENO} {expected} --preload workaround /app/w.ts");
        assert_eq!(line(Runtime::Deno, &config, "/app/w.ts"), Ok(expected));
    }
}

#[test]
fn a_flag_in_runtime_args_takes_precedence() {
    for (flag, expected) in [
        ("--allow-import=x.com", "--allow-read=/app --preload workaround --allow-import=x.com"),
        ("-A", "--preload workaround -A"),
        ("--allow-all", "--preload workaround --allow-all"),
    ] {
        let config = SpawnConfig { runtime_args: vec![flag.into()], ..SpawnConfig::default() };
        let expected = format!("{DENO} {expected} /app/w.ts");
        assert_eq!(line(Runtime::Deno, &config, "/app/w.ts"), Ok(expected));
    }
}

#[test]
fn a_comma_does_not_split_a_permission() {
    let permissions = |entry: &str| Permissions { read: some(&[entry]), ..Permissions::default() };
    let config = granted(permissions("/a,/etc"));
    let message = line(Runtime::Deno, &config, "/app/w.ts").expect_err("it would grant /etc");
    assert!(message.contains("'/a,/etc'") && message.contains("comma"), "{message}");

    for (script, expected) in [("/a,b/w.ts", "."), ("/a,b/c/w.ts", "./c")] {
        let config = SpawnConfig::default();
        let script = Script { path: script.into(), is_self_contained: false };
        let line = for_runtime(Runtime::Deno, Path::new("d"), &config, &script, Path::new("/a,b"));
        let args = line.expect("the path can be relative to the folder").args;
        assert!(args.contains(&format!("--allow-read={expected}").into()), "{args:?}");
    }
}

#[test]
fn only_paths_are_made_relative_to_the_working_directory() {
    for permissions in [
        Permissions { env: some(&["/a,b/c"]), ..Permissions::default() },
        Permissions { net: some(&["/a,b/c"]), ..Permissions::default() },
    ] {
        let script = Script { path: "/app/w.ts".into(), is_self_contained: true };
        let config = granted(permissions);
        let line = for_runtime(Runtime::Deno, Path::new("d"), &config, &script, Path::new("/a,b"));
        let message = line.expect_err("it has a comma").to_string();
        assert!(message.contains("'/a,b/c'"), "{message}");
    }
}

#[test]
fn a_self_contained_script_may_not_read_its_folder() {
    let script = Script { path: "/bundles/w.mjs".into(), is_self_contained: true };
    for (read, expected) in [(Grant::default(), None), (some(&["/data"]), Some("/data"))] {
        let config = granted(Permissions { read, ..Permissions::default() });
        let line = for_runtime(Runtime::Deno, Path::new("d"), &config, &script, Path::new("/app"));
        let args = line.expect("a good configuration").args;
        let flags = args.iter().filter_map(|arg| arg.to_str()?.strip_prefix("--allow-read="));
        assert_eq!(flags.collect::<Vec<_>>(), Vec::from_iter(expected));
    }
}

#[test]
fn deno_uses_only_the_node_modules_of_the_nearest_project() {
    for (files, expected) in [
        (&["p/w.ts"][..], false),
        (&["p/w.ts", "p/node_modules/a/package.json"], true),
        (&["p/src/deep/w.ts", "p/src/package.json", "p/node_modules/a/package.json"], true),
        (&["p/q/w.ts", "p/q/deno.json", "p/node_modules/a/package.json"], false),
        (&["p/w.ts", "p/deno.json", "p/node_modules/a/package.json"], true),
    ] {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("it was joined to a folder")).expect("made");
            fs::write(path, "").expect("written");
        }
        let script = folder.path().join(files[0]);
        let mut config = SpawnConfig::default();
        let text = line(Runtime::Deno, &config, &script.to_string_lossy()).expect("no comma in it");
        assert_eq!(text.contains("--node-modules-dir=manual"), expected, "{files:?}");
        config.runtime_args.push("--node-modules-dir=none".into());
        let text = line(Runtime::Deno, &config, &script.to_string_lossy()).expect("no comma in it");
        assert!(!text.contains("manual"), "{text}");
    }
}

#[test]
fn the_message_about_a_comma_is_short_and_free_of_control_characters() {
    let noise = format!("\u{1b}[2J{},", "😀\n".repeat(1000));
    let comma = Permissions { net: some(&[&noise]), ..Permissions::default() };
    let message = line(Runtime::Deno, &granted(comma), "/app/w.ts").expect_err("it has a comma");
    assert!(message.len() < 1000 && !message.contains(char::is_control), "{message:?}");
}
