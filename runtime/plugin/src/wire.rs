//! The types that only this crate sends to pages. [`js_runtime`] defines the others.

use std::path::PathBuf;

use js_runtime::{
    Detached, Framing, Limits, Permissions, ProcessInfo, RestartPolicy, Runtime, SpawnConfig, Usage,
};
use serde::Serialize;

use crate::config::{Backend, Source};

/// The answer to `attach`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "plugin/"))]
pub(crate) struct Attached {
    pub(crate) process: ProcessInfo,
    /// The number of the first event that is not backlog.
    pub(crate) next: u64,
    /// Whether this is the first attachment to this generation.
    pub(crate) fresh: bool,
}

/// The answer to `ensure`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "plugin/"))]
pub(crate) struct Ensured {
    #[serde(flatten)]
    pub(crate) process: ProcessInfo,
    /// Whether this call started it.
    pub(crate) started: bool,
}

/// A declared backend.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "plugin/"))]
pub(crate) struct BackendInfo {
    pub(crate) name: String,
    pub(crate) source: SourceInfo,
    pub(crate) config: ProcessConfig,
    pub(crate) autostart: bool,
}

/// The script or program of a declared backend.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "plugin/"))]
pub(crate) enum SourceInfo {
    /// A program beside the app's executable.
    Sidecar(String),
    /// A module in the app's executable.
    Bundled(String),
    /// A script file.
    Script(String),
    /// A program, by path or by its name on `PATH`.
    Command(String),
}

impl From<Source> for SourceInfo {
    fn from(source: Source) -> Self {
        match source {
            Source::Sidecar(value) => Self::Sidecar(value),
            Source::Bundled(value) => Self::Bundled(value),
            Source::Script(value) => Self::Script(value),
            Source::Command(value) => Self::Command(value),
        }
    }
}

/// The configuration of a process. `env` has names only: the values may be secrets.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "plugin/"))]
pub(crate) struct ProcessConfig {
    runtime: Option<Runtime>,
    script: Option<String>,
    command: Option<String>,
    sidecar: Option<String>,
    args: Vec<String>,
    runtime_args: Vec<String>,
    cwd: Option<PathBuf>,
    env: Vec<String>,
    permissions: Option<Permissions>,
    limits: Option<Limits>,
    restart: Option<RestartPolicy>,
    fallback: Vec<Runtime>,
    detached: Option<Detached>,
    framing: Framing,
}

impl From<SpawnConfig> for ProcessConfig {
    fn from(config: SpawnConfig) -> Self {
        Self {
            runtime: config.runtime,
            script: config.script,
            command: config.command,
            sidecar: config.sidecar,
            args: config.args,
            runtime_args: config.runtime_args,
            cwd: config.cwd,
            env: config.env.into_keys().collect(),
            permissions: config.permissions,
            limits: config.limits,
            restart: config.restart,
            fallback: config.fallback,
            detached: config.detached,
            framing: config.framing,
        }
    }
}

impl BackendInfo {
    pub(crate) fn new(name: &str, backend: &Backend, source: Source, config: SpawnConfig) -> Self {
        Self {
            name: name.to_owned(),
            source: source.into(),
            config: config.into(),
            autostart: backend.autostart,
        }
    }
}

/// A message to a page that watches the list of processes.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "plugin/"))]
pub(crate) enum WatchMessage {
    /// All processes: the first message.
    Snapshot { processes: Vec<ProcessInfo> },
    /// A process is new or has changed.
    Process { process: Box<ProcessInfo> },
    /// A process was removed from the list.
    Removed { name: String },
    /// Resource usage of the live processes.
    Usage { usage: Vec<Usage> },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::Path;

    #[test]
    fn the_committed_typescript_matches_these_types() {
        let mut files = BTreeMap::new();
        js_runtime::typescript_files!(
            files,
            Attached,
            BackendInfo,
            Ensured,
            ProcessConfig,
            SourceInfo,
            WatchMessage,
        );
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest-js/src/bindings/plugin");
        js_runtime::bindings_check::assert_committed(&folder, files, "tauri-plugin-js");
    }
}
