//! Validation of configurations and of the paths in them.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::paths::{resolve_cwd, resolve_script, sidecar, target_triple};
use super::validate::validate;
use crate::wire::{Limits, Runtime, SpawnConfig};

/// A temporary folder with empty files.
fn folder(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    for file in files {
        let path = folder.path().join(file);
        let parent = path.parent().expect("it was joined to a folder");
        fs::create_dir_all(parent).expect("the temporary folder is writable");
        fs::write(path, "").expect("the temporary folder is writable");
    }
    folder
}

#[test]
fn a_sidecar_is_found_under_the_names_bundlers_give_it() {
    let triple = target_triple();
    for file in
        ["tool".into(), "tool.exe".into(), format!("tool-{triple}"), format!("tool-{triple}.exe")]
    {
        let folder = folder(&[&file]);
        assert_eq!(sidecar("tool", folder.path()).ok(), Some(folder.path().join(file)));
    }
    let folder = folder(&["tool", "tool-other", "folder/x"]);
    for (name, expected) in [
        (
            "folder",
            format!(
                "invalid config: sidecar not found: folder (looked in {})",
                folder.path().display()
            ),
        ),
        ("", "must be a plain name".into()),
        (".", "must be a plain name".into()),
        ("..", "must be a plain name".into()),
        ("../tool", "must be a plain name without folders: '../tool'".into()),
        ("folder/x", "must be a plain name".into()),
        ("folder\\x", "must be a plain name".into()),
        ("tool/", "must be a plain name".into()),
    ] {
        let message = sidecar(name, folder.path()).expect_err("it is refused").to_string();
        assert!(message.contains(expected.as_str()), "{message}");
    }
}

#[test]
fn the_target_triple_is_that_of_this_build() {
    let triple = target_triple();
    assert!(triple.starts_with(std::env::consts::ARCH) || triple.starts_with("armv7-"), "{triple}");
    if cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        assert_eq!(triple, "x86_64-unknown-linux-gnu");
    }
}

#[test]
fn scripts_and_working_directories_are_made_absolute_and_checked() {
    let folder = folder(&["a/w.ts"]);
    let script = folder.path().join("a/w.ts");
    for (text, cwd) in
        [("a/w.ts", ""), ("./w.ts", "a"), ("../a/w.ts", "a"), (script.to_str().expect("ours"), "")]
    {
        assert_eq!(
            resolve_script(text, &folder.path().join(cwd)).ok().as_ref(),
            Some(&script),
            "{text}"
        );
    }
    assert_eq!(
        resolve_cwd(Some(&folder.path().join("a/../a"))).ok(),
        Some(folder.path().join("a"))
    );
    assert_eq!(resolve_cwd(None).ok(), std::env::current_dir().ok());
    for (error, expected) in [
        (resolve_script("missing.ts", folder.path()), "script '"),
        (resolve_script("missing.ts", folder.path()), "missing.ts': No such file"),
        (resolve_script("a", folder.path()), "is a folder, not a script"),
        (resolve_cwd(Some(&folder.path().join("b"))), "b': No such file"),
        (resolve_cwd(Some(&script)), "w.ts': is not a folder"),
    ] {
        let message = error.expect_err(expected).to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_bad_configuration_is_refused_with_the_name_of_the_field() {
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
fn messages_are_short_and_free_of_control_characters() {
    let noise = |end: &str| format!("\u{1b}[2J{}{end}", "😀\n".repeat(1000));
    let env = |key: String, value: &str| SpawnConfig {
        env: [(key, value.to_owned())].into(),
        ..SpawnConfig::command("ls")
    };
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
}
