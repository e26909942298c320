//! Runtimes: those of the page's configuration that the entry names, and the entry's flags for them.

use std::path::Path;

use js_runtime::{Runtime, SpawnConfig};

use crate::scope::entry::{Entry, EntryRuntime};
use crate::scope::quoted;

/// Most runtimes in a page's `fallback`: each one is tried.
const MAX_FALLBACKS: usize = 4;

/// Checks the runtimes of a configuration, and replaces `auto` by the entry's first runtime.
pub(crate) fn runtime(
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
    if config.fallback.len() > MAX_FALLBACKS {
        return Err(format!("a page may pass at most {MAX_FALLBACKS} runtimes in 'fallback'"));
    }
    let allowed: Vec<Runtime> = match entry.runtime.as_deref() {
        Some([]) | None => vec![Runtime::Embedded],
        Some(list) => list.iter().copied().map(Runtime::from).collect(),
    };
    // `auto` selects from the entry, not from the machine: permissions do not restrict Bun and Node. If the
    // entry names only `embedded`, it stays: the start in a build without the engine then names the feature.
    let is_built = |runtime: &&Runtime| has_engine || **runtime != Runtime::Embedded;
    let default = allowed.iter().find(is_built).unwrap_or(&allowed[0]);
    let first = config.runtime.filter(|runtime| *runtime != Runtime::Auto).unwrap_or(*default);
    let requested = std::iter::once(&first).chain(&config.fallback);
    if let Some(other) = requested.into_iter().find(|runtime| !allowed.contains(runtime)) {
        return Err(format!("its entry does not name the runtime '{other}'"));
    }
    config.runtime = Some(first);
    Ok(config)
}

/// Sets the flags of the runtime to those of the entry, which may restrict the script. A page may pass no flags,
/// or exactly these.
pub(crate) fn flags(entry: &Entry, mut config: SpawnConfig) -> Result<SpawnConfig, String> {
    // A subset is refused too: a flag without its value would take the script as its value.
    if !config.runtime_args.is_empty() && config.runtime_args != entry.runtime_args {
        let flags = quoted(&config.runtime_args.join(" "));
        return Err(format!("its entry does not name the flags '{flags}' in 'runtimeArgs'"));
    }
    let is_embedded = |runtime: &Runtime| *runtime == Runtime::Embedded;
    let runtimes = || config.runtime.iter().chain(&config.fallback);
    if config.script.is_none() || runtimes().all(is_embedded) {
        // Programs and the engine have no runtime flags.
        config.runtime_args.clear();
    } else if entry.runtime_args.is_empty() || !runtimes().any(is_embedded) {
        config.runtime_args.clone_from(&entry.runtime_args);
    } else {
        return Err(
            "its entry has flags in 'runtimeArgs', which the embedded engine does not support: 'embedded' cannot \
             be combined with another runtime"
                .to_owned(),
        );
    }
    Ok(config)
}

/// Whether a flag may contain a path that depends on the working directory. Only the runtime knows which flags
/// take paths, so every value counts except numbers, URLs and absolute paths.
pub(crate) fn may_be_relative(flag: &str) -> bool {
    let value = match flag.strip_prefix('-') {
        None => Some(flag),
        Some(rest) if rest.starts_with('-') => rest.split_once('=').map(|(_, value)| value),
        // A short flag: one letter, then its value.
        Some(rest) => rest.get(1..).map(|value| value.strip_prefix('=').unwrap_or(value)),
    };
    let is_url = |text: &str| {
        text.split_once(':').is_some_and(|(scheme, _)| {
            scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    };
    let is_fixed = |text: &str| {
        text.is_empty()
            || text.bytes().all(|byte| byte.is_ascii_digit())
            || Path::new(text).is_absolute()
            || is_url(text)
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
    fn auto_selects_the_first_runtime_of_the_entry_that_the_build_has() {
        let result = |allowed: Option<&[EntryRuntime]>, requested: Option<Runtime>, has_engine| {
            let entry = Entry { runtime: allowed.map(<[_]>::to_vec), ..Entry::default() };
            let script = Some("worker".to_owned());
            let config = SpawnConfig { runtime: requested, script, ..SpawnConfig::default() };
            runtime(&entry, config, has_engine).map(|config| config.runtime)
        };
        let both = Some(&[EntryRuntime::Embedded, EntryRuntime::Deno][..]);
        let engine = Some(&[EntryRuntime::Embedded][..]);
        for (allowed, requested, has_engine, expected) in [
            (both, None, true, Runtime::Embedded),
            (both, Some(Runtime::Auto), true, Runtime::Embedded),
            (both, None, false, Runtime::Deno),
            (both, Some(Runtime::Auto), false, Runtime::Deno),
            // Requested by name, or nothing else allowed: the start fails and names the feature.
            (both, Some(Runtime::Embedded), false, Runtime::Embedded),
            (engine, None, false, Runtime::Embedded),
            (None, None, true, Runtime::Embedded),
            (None, None, false, Runtime::Embedded),
        ] {
            assert_eq!(result(allowed, requested, has_engine), Ok(Some(expected)));
        }
        assert!(result(both, Some(Runtime::Bun), false).is_err());
    }

    #[test]
    fn a_child_always_gets_the_flags_of_the_entry() {
        use Runtime::{Deno, Embedded, Node};
        let entry = Entry { runtime_args: vec!["--sandbox".into()], ..Entry::default() };
        let result = |entry: &Entry, runtime, fallback: &[Runtime], flags: &[&str]| {
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
            assert_eq!(&result(&entry, runtime, fallback, flags), expected, "{runtime} {flags:?}");
        }
        let bare = Entry::default();
        assert_eq!(result(&bare, Embedded, &[Node], &[]), none);
        assert_eq!(result(&bare, Node, &[], &["--sandbox"]), None);
    }

    #[test]
    fn flags_that_may_contain_a_relative_path_are_recognized() {
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
