//! `plugins > js` in `tauri.conf.json`.

use std::collections::BTreeMap;

use js_runtime::{Detached, Limits, Permissions, RestartPolicy, Runtime, SpawnConfig};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::error::Error;

/// The plugin's configuration. Unknown keys are refused, so that a typing mistake is an error and
/// not a default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Backends by name, which windows with `js:default` may start and use.
    #[serde(deserialize_with = "by_name")]
    pub backends: BTreeMap<String, Backend>,
    /// What backends and processes get that say nothing else.
    pub defaults: Defaults,
    /// The folder that relative scripts lie in: absolute, with a variable, or relative to the default.
    /// **Default:** `$RESOURCE` in a bundled app, the project's folder during development.
    pub script_root: Option<String>,
    /// Most processes that may be live at once. As many exited ones stay listed: when there are more, the one that
    /// exited first is removed. **Default:** 128.
    pub max_processes: Option<usize>,
    /// Most processes that may be live of those that one window has started. **Default:** half of `maxProcesses`.
    pub max_processes_per_window: Option<usize>,
    /// How many embedded isolates wait, prepared but for their script; see
    /// [`warm_isolates`](js_runtime::Builder::warm_isolates). Where a backend is declared that they may
    /// run, the first is prepared with the app. Ignored in a build without the engine. **Default:** 1.
    pub warm_isolates: Option<usize>,
    /// Whether to send the `js-process-*` events that `tauri-plugin-js` knows; the guest API does
    /// without them. **Default:** true.
    pub events: Option<bool>,
}

/// The most live processes where the app says nothing else.
const MAX_PROCESSES: usize = 128;

impl Config {
    pub(crate) fn max_processes(&self) -> usize {
        self.max_processes.unwrap_or(MAX_PROCESSES)
    }

    pub(crate) fn max_processes_per_window(&self) -> usize {
        self.max_processes_per_window.unwrap_or_else(|| self.max_processes().div_ceil(2))
    }

    /// The limits of the first backend that is embedded, if any is.
    pub(crate) fn limits_to_prepare_for(&self) -> Option<Limits> {
        let embedded = self.backends.values().find(|backend| backend.is_embedded())?;
        let defaults = self.defaults.limits.unwrap_or_default();
        Some(embedded.limits.unwrap_or_default().or(defaults))
    }
}

/// Defaults for processes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Defaults {
    /// What a script may do. **Default:** reading its own folder.
    pub permissions: Option<Permissions>,
    /// Bounds on memory and time.
    pub limits: Option<Limits>,
    /// When to start a process again.
    pub restart: Option<RestartPolicy>,
    /// Runtimes to try when the first choice cannot start.
    pub fallback: Vec<Runtime>,
}

/// One declared backend. What runs is the first of these that there is: `sidecar`, `bundled`, `script`;
/// or else `command`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Backend {
    /// A program beside the app's executable (`bundle > externalBin`).
    pub sidecar: Option<String>,
    /// A module given to [`Builder::bundle`](crate::Builder::bundle), by its name.
    pub bundled: Option<String>,
    /// A file, relative to `scriptRoot`, or absolute or with a variable.
    pub script: Option<String>,
    /// A program, by path or by a name on `PATH`.
    pub command: Option<String>,
    /// The engine that runs the script. **Default:** `auto`.
    pub runtime: Option<Runtime>,
    /// Flags for a child runtime, before the script.
    pub runtime_args: Vec<String>,
    /// Runtimes to try when the first choice cannot start.
    pub fallback: Option<Vec<Runtime>>,
    /// Arguments for the script or program.
    pub args: Vec<String>,
    /// Environment variables, on top of the app's.
    pub env: BTreeMap<String, String>,
    /// Working directory: absolute, or with a variable.
    pub cwd: Option<String>,
    /// What the script may do.
    pub permissions: Option<Permissions>,
    /// Bounds on memory and time.
    pub limits: Option<Limits>,
    /// When to start it again.
    pub restart: Option<RestartPolicy>,
    /// What becomes of programs in sessions of their own when it ends. **Default:** `keep`.
    pub detached: Option<Detached>,
    /// Whether the app starts it with itself.
    pub autostart: bool,
}

/// Reads backends one by one, so that an error says in which it is.
fn by_name<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeMap<String, Backend>, D::Error> {
    let values = BTreeMap::<String, serde_json::Value>::deserialize(source)?;
    let read = |(name, value)| match serde_json::from_value(value) {
        Ok(backend) => Ok((name, backend)),
        Err(error) => Err(D::Error::custom(format!("backends > {name}: {error}"))),
    };
    values.into_iter().map(read).collect()
}

/// What a declared backend runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Sidecar(String),
    Bundled(String),
    Script(String),
    Command(String),
}

impl Backend {
    /// What may run it, best first.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let sources = [
            self.sidecar.clone().map(Source::Sidecar),
            self.bundled.clone().map(Source::Bundled),
            self.script.clone().map(Source::Script),
            self.command.clone().map(Source::Command),
        ];
        sources.into_iter().flatten().collect()
    }

    /// Whether the embedded engine is what would run it.
    fn is_embedded(&self) -> bool {
        let is_script = self.bundled.is_some() || self.script.is_some();
        is_script
            && matches!(self.runtime.unwrap_or(Runtime::Auto), Runtime::Auto | Runtime::Embedded)
    }

    /// Its configuration with `source`; `path` finds what lies in folders.
    pub(crate) fn config(
        &self,
        source: Source,
        defaults: &Defaults,
        path: impl Fn(&str) -> Result<String, Error>,
    ) -> Result<SpawnConfig, Error> {
        let mut config = SpawnConfig {
            runtime: self.runtime,
            args: self.args.clone(),
            runtime_args: self.runtime_args.clone(),
            cwd: self.cwd.as_deref().map(&path).transpose()?.map(Into::into),
            env: self.env.clone(),
            permissions: self.permissions.clone(),
            limits: self.limits,
            restart: self.restart,
            detached: self.detached,
            ..SpawnConfig::default()
        };
        if let Some(fallback) = &self.fallback {
            config.fallback.clone_from(fallback);
        }
        match source {
            Source::Bundled(name) => config.script = Some(name),
            Source::Script(script) => config.script = Some(path(&script)?),
            Source::Sidecar(name) => config = program(config, |c| c.sidecar = Some(name)),
            Source::Command(name) => config = program(config, |c| c.command = Some(name)),
        }
        if self.fallback.is_none() && config.script.is_some() {
            config.fallback.clone_from(&defaults.fallback);
        }
        Ok(defaults.fill(config))
    }

    /// Finds what cannot be meant, before anything is started.
    pub(crate) fn check(&self, name: &str, is_bundled: impl Fn(&str) -> bool) -> Result<(), Error> {
        let refuse = |message: String| {
            Err(Error::invalid(format!(
                "tauri.conf.json > plugins > js > backends > {name}: {message}"
            )))
        };
        if self.sources().is_empty() {
            return refuse(
                "one of 'script', 'bundled', 'command' or 'sidecar' must be given".into(),
            );
        }
        if self.command.is_some() && self.sources().len() > 1 {
            return refuse("'command' stands alone, without script, bundled or sidecar".into());
        }
        if self.script.is_some() && self.bundled.is_some() {
            return refuse("'script' and 'bundled' exclude each other".into());
        }
        if let Some(module) = self.bundled.as_deref().filter(|module| !is_bundled(module)) {
            return refuse(format!(
                "no module '{module}' is bundled; give it to tauri_plugin_js::Builder::bundle"
            ));
        }
        Ok(())
    }
}

/// A program instead of a script: what is meant for runtimes does not apply to it.
fn program(mut config: SpawnConfig, set: impl FnOnce(&mut SpawnConfig)) -> SpawnConfig {
    config.runtime = None;
    config.runtime_args.clear();
    config.fallback.clear();
    config.permissions = None;
    set(&mut config);
    config
}

impl Defaults {
    /// Gives `config` what it does not say.
    pub(crate) fn fill(&self, mut config: SpawnConfig) -> SpawnConfig {
        if config.script.is_some() && config.command.is_none() && config.sidecar.is_none() {
            config.permissions = config.permissions.or_else(|| self.permissions.clone());
        }
        config.limits = Some(config.limits.unwrap_or_default().or(self.limits.unwrap_or_default()));
        config.restart = config.restart.or(self.restart);
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_documented_key_of_a_backend_is_read() {
        let config = parse(
            r#"{ "backends": { "math": { "script": "math.ts", "runtime": "deno", "fallback": ["bun"],
                "runtimeArgs": ["--inspect"], "args": ["a"], "env": { "A": "b" }, "cwd": "$APPDATA",
                "permissions": { "net": ["example.com"] }, "limits": { "heapMb": 64 },
                "restart": { "when": "always" }, "autostart": true } },
                "defaults": { "limits": { "heapMb": 128, "lineMb": 1, "killUnresponsive": true } }, "scriptRoot": "$RESOURCE",
                "maxProcesses": 4, "maxProcessesPerWindow": 3, "warmIsolates": 2, "events": false }"#,
        )
        .expect("a valid configuration");
        let backend = &config.backends["math"];
        let spawn = backend
            .config(Source::Script("math.ts".into()), &config.defaults, |path| {
                Ok(format!("/scripts/{path}"))
            })
            .expect("a configuration to spawn");
        assert_eq!(spawn.script.as_deref(), Some("/scripts/math.ts"));
        let limits = spawn.limits.expect("limits");
        assert_eq!((limits.heap_mb, limits.line_mb), (Some(64), Some(1)));
        assert_eq!(limits.kill_unresponsive, Some(true));
        assert!(backend.autostart && spawn.restart.is_some());
    }

    #[test]
    fn unknown_keys_are_refused_and_named_at_every_level() {
        for (text, key) in [
            (r#"{ "backend": {} }"#, "backend"),
            (r#"{ "backends": { "a": { "scirpt": "x" } } }"#, "scirpt"),
            (r#"{ "defaults": { "limit": {} } }"#, "limit"),
            (r#"{ "backends": { "a": { "script": "x", "limits": { "heap": 1 } } } }"#, "heap"),
        ] {
            let message = parse(text).expect_err("refused");
            assert!(!text.contains("\"a\"") || message.contains("backends > a: "), "{message}");
            assert!(message.contains(&format!("unknown field `{key}`")), "{message}");
        }
    }

    #[test]
    fn a_backend_that_cannot_be_meant_is_refused_by_name() {
        for (text, expected) in [
            ("{}", "must be given"),
            (r#"{ "command": "a", "script": "b" }"#, "stands alone"),
            (r#"{ "bundled": "a", "script": "b" }"#, "exclude each other"),
            (r#"{ "bundled": "missing" }"#, "no module 'missing' is bundled"),
        ] {
            let backend: Backend = serde_json::from_str(text).expect("well formed");
            let error = backend.check("math", |name| name == "a").expect_err("refused").to_string();
            assert!(error.contains(expected) && error.contains("backends > math"), "{error}");
        }
    }
}
