//! Checks a configuration of a page or a file, up to the command line that would be started.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::Path;

use serde_json::{from_slice, from_value};

use crate::child::command_line;
use crate::child::command_line::Script;
use crate::generation::plan::{Plan, check_name};
use crate::generation::{paths, validate};
use crate::wire::{Grant, Permissions, Runtime, SpawnConfig};

/// Checks that a configuration survives a round trip through JSON, and that it is either refused with a short
/// printable message or applied exactly.
pub fn spawn_config(input: &[u8]) {
    let Ok(config) = from_slice::<SpawnConfig>(input) else { return };
    let value = from_slice(input).expect("valid JSON");
    assert_eq!(from_value::<SpawnConfig>(value).expect("a configuration"), config);
    let text = serde_json::to_vec(&config).expect("serializable");
    assert_eq!(from_slice::<SpawnConfig>(&text).expect("a configuration"), config);

    let valid = presentable(validate::validate(&config)).is_some();
    let has_folder = presentable(paths::resolve_cwd(config.cwd.as_deref())).is_some();
    let plan = presentable(Plan::new(config.clone()));
    assert_eq!(plan.is_some(), valid && has_folder);
    let lengths = plan.map(|plan| [plan.line_limit, plan.stdin_buffer, plan.stdout_buffer]);
    assert!(lengths.is_none_or(|lengths| !lengths.contains(&0)), "{lengths:?}");
    if !valid {
        return;
    }

    let root = Path::new("/app");
    let cwd = config.cwd.as_ref().map_or(root.to_owned(), |cwd| root.join(cwd));
    if let Some(name) = &config.sidecar {
        presentable(paths::sidecar(name, root));
    }
    if let Some(script) = &config.script {
        presentable(check_name(script));
        presentable(script.parse::<Runtime>());
        presentable(paths::resolve_script(script, &cwd));
    }
    for runtime in [Runtime::Deno, Runtime::Bun, Runtime::Node] {
        check_command_line(&config, runtime, &cwd);
    }
}

/// Returns the value, and checks the message of an error: errors quote text of a page and reach logs and terminals.
fn presentable<T, E: Display>(result: Result<T, E>) -> Option<T> {
    result
        .map_err(|error| {
            let message = error.to_string();
            assert!(message.len() < 1000, "{} bytes: {message}", message.len());
            assert!(!message.contains(char::is_control), "{message:?}");
        })
        .ok()
}

fn check_command_line(config: &SpawnConfig, runtime: Runtime, cwd: &Path) {
    let script = Script { path: "/app/main.js".into(), is_self_contained: true };
    let line = command_line::for_runtime(runtime, Path::new("runtime"), config, &script, cwd);
    let Some(line) = presentable(line) else {
        return assert_eq!(
            runtime,
            Runtime::Deno,
            "only Deno's flags have paths that can be refused"
        );
    };
    let script = [OsString::from(&script.path)];
    let texts = |list: &[String]| list.iter().map(OsString::from).collect::<Vec<_>>();
    let given = [&texts(&config.runtime_args)[..], &script, &texts(&config.args)].concat();
    let own = line.args.strip_suffix(&given[..]).expect("the given arguments come last, unchanged");
    let own: Vec<_> = own.iter().map(|arg| arg.to_str().expect("UTF-8")).collect();
    match runtime {
        Runtime::Deno => check_deno_permissions(&own, config, cwd),
        Runtime::Bun => assert_eq!(own[..2], ["run", "--preload"]),
        _ => assert!(own.is_empty(), "{own:?}"),
    }
}

/// Checks that the flags grant exactly the listed permissions, parsed as Deno parses them.
fn check_deno_permissions(flags: &[&str], config: &SpawnConfig, cwd: &Path) {
    let permissions = config.permissions.clone().unwrap_or_default();
    let is_all = |arg: &str| matches!(arg.split('=').next(), Some("-A" | "--allow-all"));
    let gives_all = config.runtime_args.iter().any(|arg| is_all(arg));
    assert_eq!(flags.contains(&"-A"), permissions.all && !gives_all);
    let listed = if permissions.all || gives_all { Permissions::default() } else { permissions };
    for (kind, wanted) in listed.kinds() {
        let prefix = format!("--allow-{kind}");
        let granted = flags.iter().filter_map(|flag| flag.strip_prefix(&prefix));
        let granted: Vec<_> = granted.collect();
        match wanted {
            Grant::All(true) => assert_eq!(granted, [""]),
            Grant::Some(wanted) if !wanted.is_empty() => {
                let [granted] = granted[..] else { panic!("{flags:?} for {wanted:?}") };
                let granted: Vec<_> =
                    granted.strip_prefix('=').expect("a list").split(',').collect();
                let is_same = |(granted, wanted): (&&str, &String)| {
                    let is_path = matches!(kind, "read" | "write" | "run");
                    granted == wanted || is_path && cwd.join(granted) == Path::new(wanted)
                };
                assert_eq!(granted.len(), wanted.len(), "{granted:?} for {wanted:?}");
                assert!(
                    granted.iter().zip(wanted).all(is_same),
                    "{kind}: {granted:?} for {wanted:?}"
                );
            }
            _ => assert!(granted.is_empty(), "{kind}: {granted:?}"),
        }
    }
}
