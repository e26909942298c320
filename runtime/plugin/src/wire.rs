//! What the plugin itself sends to pages, beside the types of [`js_runtime`].

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
    /// Whether nobody had attached to this generation before.
    pub(crate) fresh: bool,
}

/// The answer to `ensure`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "plugin/"))]
pub(crate) struct Ensured {
    #[serde(flatten)]
    pub(crate) process: ProcessInfo,
    /// Whether it was started by this call.
    pub(crate) started: bool,
}

/// A declared backend, as windows that may use it see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "plugin/"))]
pub(crate) struct BackendInfo {
    pub(crate) name: String,
    pub(crate) source: SourceInfo,
    pub(crate) config: ProcessConfig,
    pub(crate) autostart: bool,
}

/// What a declared backend runs.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "plugin/"))]
pub(crate) enum SourceInfo {
    /// A program beside the app's executable.
    Sidecar(String),
    /// A module inside the app.
    Bundled(String),
    /// A file.
    Script(String),
    /// A program.
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

/// What a process was started with. The values of its environment may be secrets: only names.
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
    /// All there are: the first message.
    Snapshot { processes: Vec<ProcessInfo> },
    /// One is new or has changed.
    Process { process: Box<ProcessInfo> },
    /// One was forgotten.
    Removed { name: String },
    /// What the live ones use.
    Usage { usage: Vec<Usage> },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::Path;

    #[test]
    fn the_committed_typescript_is_what_these_types_say() {
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
