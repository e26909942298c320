//! `plugins > js` in `tauri.conf.json`.

pub(crate) mod paths;

use std::collections::BTreeMap;

use js_runtime::{Detached, Limits, Permissions, RestartPolicy, Runtime, SpawnConfig};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::error::Error;

/// The plugin's configuration. Unknown keys are errors, so a misspelt key does not silently select a
/// default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Declared backends by name. Windows with `js:default` may start and use them.
    #[serde(deserialize_with = "by_name")]
    pub backends: BTreeMap<String, Backend>,
    /// Defaults for backends and processes.
    pub defaults: Defaults,
    /// The base folder of relative scripts: absolute, with a variable, or relative to the default.
    /// **Default:** `$RESOURCE` in a bundled app, the project's folder during development.
    pub script_root: Option<String>,
    /// Maximum number of live processes. At most as many exited processes stay listed; beyond that, the one
    /// that exited first is removed. **Default:** 128.
    pub max_processes: Option<usize>,
    /// Maximum number of live processes that one window has started. **Default:** half of `maxProcesses`, rounded
    /// up.
    pub max_processes_per_window: Option<usize>,
    /// Number of warm isolates: bootstrapped, without a script; see
    /// [`warm_isolates`](js_runtime::Builder::warm_isolates). The first is created at the start of the app if
    /// an embedded backend is declared. Ignored in a build without the engine. **Default:** 1.
    pub warm_isolates: Option<usize>,
    /// Whether threads that wait for a message poll for up to 100 µs before they sleep; see
    /// [`spin`](js_runtime::Builder::spin). `false` saves energy and makes short calls slower. **Default:** true.
    pub spin: Option<bool>,
    /// Whether to send the `js-process-*` events of `tauri-plugin-js`. The guest API does not use them.
    /// **Default:** true.
    pub events: Option<bool>,
}

/// Default of `maxProcesses`.
const MAX_PROCESSES: usize = 128;

impl Config {
    pub(crate) fn max_processes(&self) -> usize {
        self.max_processes.unwrap_or(MAX_PROCESSES)
    }

    pub(crate) fn max_processes_per_window(&self) -> usize {
        self.max_processes_per_window.unwrap_or_else(|| self.max_processes().div_ceil(2))
    }

    /// The limits of the first embedded backend; `None` if no backend is embedded.
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
    /// Permissions of a script. **Default:** read access to its own folder.
    pub permissions: Option<Permissions>,
    /// Limits of memory and time.
    pub limits: Option<Limits>,
    /// When to restart a process. **Default:** never.
    pub restart: Option<RestartPolicy>,
    /// Runtimes to try, in order, when the first choice cannot start.
    pub fallback: Vec<Runtime>,
}

/// One declared backend. It runs `sidecar` if that exists, otherwise `bundled` or `script`; or it runs
/// `command`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Backend {
    /// A program beside the app's executable (`bundle > externalBin`).
    pub sidecar: Option<String>,
    /// Name of a module passed to [`Builder::bundle`](crate::Builder::bundle).
    pub bundled: Option<String>,
    /// A file: relative to `scriptRoot`, absolute, or with a variable.
    pub script: Option<String>,
    /// A program: a path, or a name on `PATH`.
    pub command: Option<String>,
    /// The runtime of the script. **Default:** `auto`.
    pub runtime: Option<Runtime>,
    /// Flags for a child runtime, before the script.
    pub runtime_args: Vec<String>,
    /// Runtimes to try, in order, when the first choice cannot start. **Default:** `defaults > fallback`.
    pub fallback: Option<Vec<Runtime>>,
    /// Arguments of the script or program.
    pub args: Vec<String>,
    /// Environment variables, added to the app's.
    pub env: BTreeMap<String, String>,
    /// Working directory: relative to `scriptRoot`, absolute, or with a variable. **Default:** the app's.
    pub cwd: Option<String>,
    /// Permissions of the script. **Default:** `defaults > permissions`.
    pub permissions: Option<Permissions>,
    /// Limits of memory and time. A missing field has the value in `defaults > limits`.
    pub limits: Option<Limits>,
    /// When to restart it. **Default:** `defaults > restart`.
    pub restart: Option<RestartPolicy>,
    /// Whether descendants in sessions of their own outlive it. **Default:** `keep`.
    pub detached: Option<Detached>,
    /// Whether it starts with the app. **Default:** false.
    pub autostart: bool,
}

/// Deserializes backends one by one, so that an error names the backend.
fn by_name<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeMap<String, Backend>, D::Error> {
    let values = BTreeMap::<String, serde_json::Value>::deserialize(source)?;
    let read = |(name, value)| match serde_json::from_value(value) {
        Ok(backend) => Ok((name, backend)),
        Err(error) => Err(D::Error::custom(format!("backends > {name}: {error}"))),
    };
    values.into_iter().map(read).collect()
}

/// The script or program of a declared backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Sidecar(String),
    Bundled(String),
    Script(String),
    Command(String),
}

impl Backend {
    /// All declared sources, in order of preference.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let sources = [
            self.sidecar.clone().map(Source::Sidecar),
            self.bundled.clone().map(Source::Bundled),
            self.script.clone().map(Source::Script),
            self.command.clone().map(Source::Command),
        ];
        sources.into_iter().flatten().collect()
    }

    /// Whether the embedded engine would run it.
    fn is_embedded(&self) -> bool {
        let is_script = self.bundled.is_some() || self.script.is_some();
        is_script
            && matches!(self.runtime.unwrap_or(Runtime::Auto), Runtime::Auto | Runtime::Embedded)
    }

    /// The configuration to start `source`. `resolve` makes paths absolute.
    pub(crate) fn config(
        &self,
        source: Source,
        defaults: &Defaults,
        resolve: impl Fn(&str) -> Result<String, Error>,
    ) -> Result<SpawnConfig, Error> {
        let mut config = SpawnConfig {
            runtime: self.runtime,
            args: self.args.clone(),
            runtime_args: self.runtime_args.clone(),
            cwd: self.cwd.as_deref().map(&resolve).transpose()?.map(Into::into),
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
            Source::Script(script) => config.script = Some(resolve(&script)?),
            Source::Sidecar(name) => config = program(config, |c| c.sidecar = Some(name)),
            Source::Command(name) => config = program(config, |c| c.command = Some(name)),
        }
        if self.fallback.is_none() && config.script.is_some() {
            config.fallback.clone_from(&defaults.fallback);
        }
        Ok(defaults.fill(config))
    }

    /// Refuses contradictory or incomplete declarations when the app starts.
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
            return refuse("'command' excludes 'script', 'bundled' and 'sidecar'".into());
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

/// Turns `config` into that of a program: fields for JavaScript runtimes do not apply.
fn program(mut config: SpawnConfig, set: impl FnOnce(&mut SpawnConfig)) -> SpawnConfig {
    config.runtime = None;
    config.runtime_args.clear();
    config.fallback.clear();
    config.permissions = None;
    set(&mut config);
    config
}

impl Defaults {
    /// Fills the missing fields of `config`.
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
    fn every_documented_key_is_parsed() {
        let config = parse(
            r#"{ "backends": { "math": { "script": "math.ts", "runtime": "deno", "fallback": ["bun"],
                "runtimeArgs": ["--inspect"], "args": ["a"], "env": { "A": "b" }, "cwd": "$APPDATA",
                "permissions": { "net": ["example.com"] }, "limits": { "heapMb": 64 },
                "restart": { "when": "always" }, "autostart": true } },
                "defaults": { "limits": { "heapMb": 128, "lineMb": 1, "killUnresponsive": true } }, "scriptRoot": "$RESOURCE",
                "maxProcesses": 4, "maxProcessesPerWindow": 3, "warmIsolates": 2, "spin": false,
                "events": false }"#,
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
        assert_eq!((config.warm_isolates, config.spin), (Some(2), Some(false)));
    }

    #[test]
    fn unknown_keys_are_refused_by_name_at_every_level() {
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
    fn an_invalid_backend_is_refused_by_name() {
        for (text, expected) in [
            ("{}", "must be given"),
            (r#"{ "command": "a", "script": "b" }"#, "'command' excludes"),
            (r#"{ "bundled": "a", "script": "b" }"#, "exclude each other"),
            (r#"{ "bundled": "missing" }"#, "no module 'missing' is bundled"),
        ] {
            let backend: Backend = serde_json::from_str(text).expect("well formed");
            let error = backend.check("math", |name| name == "a").expect_err("refused").to_string();
            assert!(error.contains(expected) && error.contains("backends > math"), "{error}");
        }
    }
}
