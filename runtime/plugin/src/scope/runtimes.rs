//! The runtime that a page gets, and the flags that go with it.

use std::path::Path;

use js_runtime::{Runtime, SpawnConfig};

use super::entry::{Entry, EntryRuntime};
use super::shown;

/// Most runtimes that a page may give to fall back on: each is tried.
const MOST_FALLBACKS: usize = 4;

pub(super) fn runtime(
    entry: &Entry,
    mut config: SpawnConfig,
    has_engine: bool,
) -> Result<SpawnConfig, String> {
    if config.script.is_none() {
        return match (config.runtime, config.fallback.as_slice()) {
            (None, []) => Ok(config),
            _ => Err("'runtime' and 'fallback' are for scripts".to_owned()),
        };
    }
    if config.fallback.len() > MOST_FALLBACKS {
        return Err(format!("a page may give {MOST_FALLBACKS} runtimes in 'fallback' at the most"));
    }
    let allowed: Vec<Runtime> = match entry.runtime.as_deref() {
        Some([]) | None => vec![Runtime::Embedded],
        Some(list) => list.iter().copied().map(Runtime::from).collect(),
    };
    // `auto` is the entry's choice, not the machine's: Bun and Node know no permissions. An entry for the
    // engine alone keeps to it, so that a build without the engine says which feature is missing.
    let is_built = |runtime: &&Runtime| has_engine || **runtime != Runtime::Embedded;
    let chosen = allowed.iter().find(is_built).unwrap_or(&allowed[0]);
    let first = config.runtime.filter(|runtime| *runtime != Runtime::Auto).unwrap_or(*chosen);
    let wanted = std::iter::once(&first).chain(&config.fallback);
    if let Some(other) = wanted.into_iter().find(|runtime| !allowed.contains(runtime)) {
        return Err(format!("its entry does not name the runtime '{other}'"));
    }
    config.runtime = Some(first);
    Ok(config)
}

/// The flags of the runtime itself. Those of the entry are always there: an app may restrict what a script can
/// do by them. A page may say them, all and in this order, and changes nothing by that.
pub(super) fn flags(entry: &Entry, mut config: SpawnConfig) -> Result<SpawnConfig, String> {
    // A flag that lost its value would take the script for it.
    if !config.runtime_args.is_empty() && config.runtime_args != entry.runtime_args {
        let flags = shown(&config.runtime_args.join(" "));
        return Err(format!("its entry does not name the flags '{flags}' in 'runtimeArgs'"));
    }
    let is_embedded = |runtime: &Runtime| *runtime == Runtime::Embedded;
    let runtimes = || config.runtime.iter().chain(&config.fallback);
    if config.script.is_none() || runtimes().all(is_embedded) {
        // Neither a program nor the engine takes them.
        config.runtime_args.clear();
    } else if entry.runtime_args.is_empty() || !runtimes().any(is_embedded) {
        config.runtime_args.clone_from(&entry.runtime_args);
    } else {
        return Err(
            "its entry has flags in 'runtimeArgs', which the embedded engine does not take: it can be neither \
             first nor in 'fallback' beside another runtime"
                .to_owned(),
        );
    }
    Ok(config)
}

/// Whether a flag may name a file by a path that depends on the working directory. Which flags take files only
/// the runtime knows: so everything counts but numbers, addresses and absolute paths.
pub(super) fn may_be_relative(flag: &str) -> bool {
    let value = match flag.strip_prefix('-') {
        None => Some(flag),
        Some(rest) if rest.starts_with('-') => rest.split_once('=').map(|(_, value)| value),
        // A letter and its value.
        Some(rest) => rest.get(1..).map(|value| value.strip_prefix('=').unwrap_or(value)),
    };
    let is_address = |text: &str| {
        text.split_once(':').is_some_and(|(scheme, _)| {
            scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    };
    let is_fixed = |text: &str| {
        text.is_empty()
            || text.bytes().all(|byte| byte.is_ascii_digit())
            || Path::new(text).is_absolute()
            || is_address(text)
    };
    value.is_some_and(|value| !value.split(',').all(is_fixed))
}

impl From<EntryRuntime> for Runtime {
    fn from(runtime: EntryRuntime) -> Self {
        match runtime {
            EntryRuntime::Embedded => Self::Embedded,
            EntryRuntime::Deno => Self::Deno,
            EntryRuntime::Bun => Self::Bun,
            EntryRuntime::Node => Self::Node,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_choice_a_page_gets_the_first_runtime_of_its_entry_that_the_build_has() {
        let given = |allowed: Option<&[EntryRuntime]>, wanted: Option<Runtime>, has_engine| {
            let entry = Entry { runtime: allowed.map(<[_]>::to_vec), ..Entry::default() };
            let script = Some("worker".to_owned());
            let config = SpawnConfig { runtime: wanted, script, ..SpawnConfig::default() };
            runtime(&entry, config, has_engine).map(|config| config.runtime)
        };
        let both = Some(&[EntryRuntime::Embedded, EntryRuntime::Deno][..]);
        let engine = Some(&[EntryRuntime::Embedded][..]);
        for (allowed, wanted, has_engine, expected) in [
            (both, None, true, Runtime::Embedded),
            (both, Some(Runtime::Auto), true, Runtime::Embedded),
            (both, None, false, Runtime::Deno),
            (both, Some(Runtime::Auto), false, Runtime::Deno),
            // Asked for by name, or nothing else allowed: the start then fails and names the feature.
            (both, Some(Runtime::Embedded), false, Runtime::Embedded),
            (engine, None, false, Runtime::Embedded),
            (None, None, true, Runtime::Embedded),
            (None, None, false, Runtime::Embedded),
        ] {
            assert_eq!(given(allowed, wanted, has_engine), Ok(Some(expected)));
        }
        assert!(given(both, Some(Runtime::Bun), false).is_err());
    }

    #[test]
    fn the_flags_of_an_entry_are_there_whatever_a_page_says() {
        use Runtime::{Deno, Embedded, Node};
        let entry = Entry { runtime_args: vec!["--sandbox".into()], ..Entry::default() };
        let given = |entry: &Entry, runtime, fallback: &[Runtime], flags: &[&str]| {
            let config = SpawnConfig {
                runtime: Some(runtime),
                script: Some("worker".to_owned()),
                fallback: fallback.to_vec(),
                runtime_args: flags.iter().map(ToString::to_string).collect(),
                ..SpawnConfig::default()
            };
            super::flags(entry, config).map(|config| config.runtime_args).ok()
        };
        let (sandbox, none) = (Some(entry.runtime_args.clone()), Some(vec![]));
        for (runtime, fallback, flags, expected) in [
            (Node, &[][..], &[][..], &sandbox),
            (Node, &[], &["--sandbox"], &sandbox),
            (Node, &[Deno], &[], &sandbox),
            (Node, &[], &["--other"], &None),
            (Node, &[], &["--sandbox", "--other"], &None),
            (Embedded, &[], &[], &none),
            (Embedded, &[Embedded], &["--sandbox"], &none),
            (Embedded, &[Node], &[], &None),
            (Node, &[Embedded], &[], &None),
        ] {
            assert_eq!(&given(&entry, runtime, fallback, flags), expected, "{runtime} {flags:?}");
        }
        let bare = Entry::default();
        assert_eq!(given(&bare, Embedded, &[Node], &[]), none);
        assert_eq!(given(&bare, Node, &[], &["--sandbox"]), None);
    }

    #[test]
    fn a_flag_that_may_name_a_relative_path_is_known() {
        for flag in [
            "./hook.mjs",
            "hook",
            "--import=./hook.mjs",
            "--import-map=maps/a.json",
            "--config=deno.json",
            "--env-file=.env",
            "-r./hook.js",
            "-c=deno.json",
            "--allow-read=/data,data",
            "--allow-fs-read=C:data",
            "../up",
        ] {
            assert!(may_be_relative(flag), "{flag}");
        }
        for flag in [
            "--permission",
            "--smol",
            "-A",
            "--max-old-space-size=64",
            "64",
            "--import=file:///app/hook.mjs",
            "data:text/javascript",
            "--allow-net=localhost:80",
            "--allow-env=",
        ] {
            assert!(!may_be_relative(flag), "{flag}");
        }
        #[cfg(unix)]
        assert!(!may_be_relative("--allow-fs-read=/data,/other"));
    }
}
