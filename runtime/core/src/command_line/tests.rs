//! Command lines as text. That the runtimes read them so is for the conformance tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{PARK, Script, data_url, for_runtime, resolve_cwd, resolve_script, sidecar, validate};
use crate::wire::{Grant, Limits, Permissions, Runtime, SpawnConfig};

/// A folder, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("js-runtime-command-line-{}-{count}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        for file in files {
            let path = folder.0.join(file);
            let parent = path.parent().expect("it was joined to a folder");
            fs::create_dir_all(parent).expect("the temporary folder is writable");
            fs::write(path, "").expect("the temporary folder is writable");
        }
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The arguments for a script in `/app`, in one text, with what runs before it as `park`.
fn line(runtime: Runtime, config: &SpawnConfig, script: &str) -> Result<String, String> {
    let script = Script { path: script.into(), is_self_contained: false };
    let line = for_runtime(runtime, Path::new("/bin/x"), config, &script, Path::new("/app"));
    let args = line.map_err(|error| error.to_string())?.args;
    let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    Ok(args.join(" ").replace(&data_url(PARK), "park"))
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
        (Runtime::Bun, "run --preload park --inspect /app/-w.js -- -x --version".to_string()),
        (
            Runtime::Deno,
            format!(
                "{DENO} --allow-read=/app --no-remote --preload park --inspect /app/-w.js -- -x --version"
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
fn deno_gets_the_permissions_as_flags_and_nothing_else() {
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
        let expected = format!("{DENO} {expected} --preload park /app/w.ts");
        assert_eq!(line(Runtime::Deno, &config, "/app/w.ts"), Ok(expected));
    }
}

#[test]
fn a_flag_of_the_configuration_is_not_contradicted() {
    for (flag, expected) in [
        ("--allow-import=x.com", "--allow-read=/app --preload park --allow-import=x.com"),
        ("-A", "--preload park -A"),
        ("--allow-all", "--preload park --allow-all"),
    ] {
        let config = SpawnConfig { runtime_args: vec![flag.into()], ..SpawnConfig::default() };
        let expected = format!("{DENO} {expected} /app/w.ts");
        assert_eq!(line(Runtime::Deno, &config, "/app/w.ts"), Ok(expected));
    }
}

#[test]
fn a_comma_never_makes_one_permission_into_two() {
    let permissions = |entry: &str| Permissions { read: some(&[entry]), ..Permissions::default() };
    let config = granted(permissions("/a,/etc"));
    let message = line(Runtime::Deno, &config, "/app/w.ts").expect_err("it would grant /etc");
    assert!(message.contains("'/a,/etc'") && message.contains("comma"), "{message}");

    for (script, expected) in [("/a,b/w.ts", "."), ("/a,b/c/w.ts", "./c")] {
        let config = SpawnConfig::default();
        let script = Script { path: script.into(), is_self_contained: false };
        let line = for_runtime(Runtime::Deno, Path::new("d"), &config, &script, Path::new("/a,b"));
        let args = line.expect("it can be said relative to the folder").args;
        assert!(args.contains(&format!("--allow-read={expected}").into()), "{args:?}");
    }
}

#[test]
fn what_is_no_path_is_not_taken_relative_to_a_folder() {
    for permissions in [
        Permissions { env: some(&["/a,b/c"]), ..Permissions::default() },
        Permissions { net: some(&["/a,b/c"]), ..Permissions::default() },
    ] {
        let script = Script { path: "/app/w.ts".into(), is_self_contained: true };
        let config = granted(permissions);
        let line = for_runtime(Runtime::Deno, Path::new("d"), &config, &script, Path::new("/a,b"));
        let message = line.expect_err("it would grant another one").to_string();
        assert!(message.contains("'/a,b/c'"), "{message}");
    }
}

#[test]
fn a_self_contained_script_may_read_what_is_listed_and_not_its_folder() {
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
fn deno_uses_node_modules_of_the_project_and_of_no_other() {
    for (files, expected) in [
        (&["p/w.ts"][..], false),
        (&["p/w.ts", "p/node_modules/a/package.json"], true),
        (&["p/src/deep/w.ts", "p/src/package.json", "p/node_modules/a/package.json"], true),
        (&["p/q/w.ts", "p/q/deno.json", "p/node_modules/a/package.json"], false),
        (&["p/w.ts", "p/deno.json", "p/node_modules/a/package.json"], true),
    ] {
        let folder = Folder::new(files);
        let script = folder.0.join(files[0]);
        let mut config = SpawnConfig::default();
        let text = line(Runtime::Deno, &config, &script.to_string_lossy()).expect("no comma in it");
        assert_eq!(text.contains("--node-modules-dir=manual"), expected, "{files:?}");
        config.runtime_args.push("--node-modules-dir=none".into());
        let text = line(Runtime::Deno, &config, &script.to_string_lossy()).expect("no comma in it");
        assert!(!text.contains("manual"), "{text}");
    }
}

#[test]
fn a_sidecar_is_found_under_the_names_bundlers_give_it() {
    let triple = super::files::target_triple();
    for file in
        ["tool".into(), "tool.exe".into(), format!("tool-{triple}"), format!("tool-{triple}.exe")]
    {
        let folder = Folder::new(&[&file]);
        assert_eq!(sidecar("tool", &folder.0).ok(), Some(folder.0.join(file)));
    }
    let folder = Folder::new(&["tool", "tool-other", "folder/x"]);
    for (name, expected) in [
        (
            "folder",
            format!("invalid config: sidecar not found: folder (looked in {})", folder.0.display()),
        ),
        ("", "must be a plain name".into()),
        (".", "must be a plain name".into()),
        ("..", "must be a plain name".into()),
        ("../tool", "must be a plain name without folders: '../tool'".into()),
        ("folder/x", "must be a plain name".into()),
        ("folder\\x", "must be a plain name".into()),
        ("tool/", "must be a plain name".into()),
    ] {
        let message = sidecar(name, &folder.0).expect_err("it is refused").to_string();
        assert!(message.contains(expected.as_str()), "{message}");
    }
}

#[test]
fn the_program_knows_its_own_target() {
    let triple = super::files::target_triple();
    assert!(triple.starts_with(std::env::consts::ARCH) || triple.starts_with("armv7-"), "{triple}");
    if cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        assert_eq!(triple, "x86_64-unknown-linux-gnu");
    }
}

#[test]
fn scripts_and_folders_are_made_absolute_and_must_be_what_they_are_used_for() {
    let folder = Folder::new(&["a/w.ts"]);
    let script = folder.0.join("a/w.ts");
    for (text, cwd) in
        [("a/w.ts", ""), ("./w.ts", "a"), ("../a/w.ts", "a"), (script.to_str().expect("ours"), "")]
    {
        assert_eq!(
            resolve_script(text, &folder.0.join(cwd)).ok().as_ref(),
            Some(&script),
            "{text}"
        );
    }
    assert_eq!(resolve_cwd(Some(&folder.0.join("a/../a"))).ok(), Some(folder.0.join("a")));
    assert_eq!(resolve_cwd(None).ok(), std::env::current_dir().ok());
    for (error, expected) in [
        (resolve_script("missing.ts", &folder.0), "script '"),
        (resolve_script("missing.ts", &folder.0), "missing.ts': No such file"),
        (resolve_script("a", &folder.0), "is a folder, not a script"),
        (resolve_cwd(Some(&folder.0.join("b"))), "b': No such file"),
        (resolve_cwd(Some(&script)), "w.ts': is not a folder"),
    ] {
        let message = error.expect_err(expected).to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn bad_input_is_refused_in_words_that_name_the_field() {
    let json = |text: &str| -> SpawnConfig { serde_json::from_str(text).expect("it is a config") };
    for (config, expected) in [
        ("{}", "'script' is required for runtime auto"),
        (r#"{"runtime":"bun"}"#, "invalid config: 'script' is required for runtime bun"),
        (r#"{"script":""}"#, "'script' is empty"),
        (r#"{"command":""}"#, "'command' is empty"),
        (r#"{"sidecar":"","command":"ls"}"#, "'sidecar' is empty"),
        (r#"{"command":"ls","cwd":""}"#, "'cwd' is empty"),
        (r#"{"script":"a\u0000"}"#, "'script' contains a NUL byte"),
        (r#"{"command":"a\u0000"}"#, "'command' contains a NUL byte"),
        (r#"{"sidecar":"a\u0000"}"#, "'sidecar' contains a NUL byte"),
        (r#"{"script":"a","cwd":"\u0000"}"#, "'cwd' contains a NUL byte"),
        (r#"{"script":"a","args":["x","\u0000"]}"#, "'args[1]' contains a NUL byte"),
        (r#"{"script":"a","runtimeArgs":["\u0000"]}"#, "'runtimeArgs[0]' contains a NUL byte"),
        (r#"{"script":"a","env":{"":"x"}}"#, "'env' has a variable without a name"),
        (r#"{"script":"a","env":{"A=B":"x"}}"#, "name contains '=': 'A=B'"),
        (r#"{"script":"a","env":{"A\u0000":"x"}}"#, r"a name in 'env' ('A\0') contains a NUL byte"),
        (r#"{"script":"a","env":{"A":"\u0000"}}"#, "'env.A' contains a NUL byte"),
        (r#"{"script":"a","permissions":{"net":["b",""]}}"#, "'permissions.net[1]' is empty"),
        (
            r#"{"script":"a","permissions":{"read":["\u0000"]}}"#,
            "'permissions.read[0]' contains a NUL",
        ),
        (r#"{"script":"a","limits":{"heapMb":0}}"#, "'limits.heapMb' is 0"),
        (r#"{"script":"a","limits":{"heapMb":15}}"#, "'limits.heapMb' is 15"),
        (r#"{"script":"a","limits":{"memoryMb":0}}"#, "'limits.memoryMb' is 0"),
        (r#"{"script":"a","limits":{"memoryMb":63}}"#, "'limits.memoryMb' is 63"),
        (r#"{"command":"a","limits":{"lineMb":0}}"#, "'limits.lineMb' is 0"),
        (r#"{"script":"a","limits":{"arrayBufferMb":0}}"#, "'limits.arrayBufferMb' is 0"),
        (r#"{"script":"a","limits":{"openFiles":0}}"#, "'limits.openFiles' is 0"),
        (r#"{"command":"a","limits":{"startTimeoutMs":0}}"#, "'limits.startTimeoutMs' is 0"),
        (
            r#"{"script":"a","runtime":"embedded","runtimeArgs":["-x"]}"#,
            "'runtimeArgs' cannot be used",
        ),
    ] {
        let message = validate(&json(config)).expect_err(config).to_string();
        assert!(message.contains(expected), "{message}");
    }
    for config in [
        r#"{"script":"a"}"#,
        r#"{"script":"-a","runtime":"embedded","args":["","-x"],"env":{"A":"=b"}}"#,
        r#"{"command":"ls","script":"ignored","runtime":"embedded","runtimeArgs":["-x"]}"#,
        r#"{"sidecar":"s","command":"ignored"}"#,
    ] {
        assert!(validate(&json(config)).is_ok(), "{config}");
    }
    assert!(
        validate(&SpawnConfig {
            limits: Some(Limits { kill_grace_ms: Some(0), ..Limits::default() }),
            ..SpawnConfig::command("ls")
        })
        .is_ok()
    );
}

#[test]
fn messages_are_short_and_safe_to_print_whatever_they_quote() {
    let noise = |end: &str| format!("\u{1b}[2J{}{end}", "😀\n".repeat(1000));
    let env = |key: String, value: &str| SpawnConfig {
        env: [(key, value.to_owned())].into(),
        ..SpawnConfig::command("ls")
    };
    let comma = Permissions { net: some(&[&noise(",")]), ..Permissions::default() };
    for error in [
        validate(&env(noise("="), "")).err(),
        validate(&env(noise(""), "\0")).err(),
        validate(&env(noise("\0"), "")).err(),
        sidecar(&noise(""), Path::new("/app")).err(),
        sidecar(&noise("/"), Path::new("/app")).err(),
        resolve_script(&noise(""), Path::new("/app")).err(),
        resolve_cwd(Some(Path::new(&noise("")))).err(),
        noise("").parse::<Runtime>().err(),
    ] {
        let message = error.expect("it is refused").to_string();
        assert!(message.len() < 1000 && !message.contains(char::is_control), "{message:?}");
        assert!(message.contains(r"\u{1b}[2J😀\n"), "{message}");
    }
    let message = line(Runtime::Deno, &granted(comma), "/app/w.ts").expect_err("it has a comma");
    assert!(message.len() < 1000 && !message.contains(char::is_control), "{message:?}");
}
