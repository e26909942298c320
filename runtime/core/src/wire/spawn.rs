//! The configuration of a start.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Limits, Permissions, RestartPolicy, Runtime};

/// The configuration of a start.
///
/// `sidecar` takes precedence over `command`, and `command` over `runtime`; with none of the three,
/// `runtime` is `auto`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(any(test, feature = "ts"), ts(optional_fields))]
pub struct SpawnConfig {
    /// The engine that runs `script`. **Default:** `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
    /// Path of the script, relative to `cwd`, or the name of a bundled module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// A program to run instead of a runtime; a bare name is searched on `PATH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// A program in the folder of the application's executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<String>,
    /// Arguments for the script or program, after the script.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub args: Vec<String>,
    /// Flags for the child runtime itself, before the script (`--inspect`, `--smol`, …). The
    /// embedded engine has none and refuses them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub runtime_args: Vec<String>,
    /// Working directory. **Default:** the application's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// Environment variables, in addition to the application's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub env: BTreeMap<String, String>,
    /// Permissions of the script in the embedded engine and in Deno. **Default:** reading the script's own folder,
    /// nothing else. Bun, Node, `command` and `sidecar` ignore the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// Limits of memory, buffers and time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Restarts the process when it ends by itself. **Default:** no restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<RestartPolicy>,
    /// Runtimes to try, in order, when the first choice cannot start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub fallback: Vec<Runtime>,
    /// Whether programs in a session of their own (`detached: true` of Node, `setsid`) end with the process. Linux
    /// only: elsewhere they keep running. Programs of the embedded engine always end with it. **Default:** `keep`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detached: Option<Detached>,
    /// Lines or raw bytes. **Default:** lines.
    #[serde(skip_serializing_if = "Framing::is_lines")]
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub framing: Framing,
    /// Whether symbolic links are followed in `script`, `cwd`, `permissions.read` and `permissions.write`. Not
    /// serialized: only Rust can set it.
    #[serde(skip)]
    #[cfg_attr(any(test, feature = "ts"), ts(skip))]
    pub links: Links,
}

impl SpawnConfig {
    /// A script run by `runtime`.
    ///
    /// ```
    /// use js_runtime::{Runtime, SpawnConfig};
    /// let config = SpawnConfig::script(Runtime::Embedded, "backends/worker.ts");
    /// assert_eq!(config.script.as_deref(), Some("backends/worker.ts"));
    /// ```
    #[must_use]
    pub fn script(runtime: Runtime, script: impl Into<String>) -> Self {
        Self { runtime: Some(runtime), script: Some(script.into()), ..Self::default() }
    }

    /// A program, by path or by a name on `PATH`.
    #[must_use]
    pub fn command(command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..Self::default() }
    }
}

/// Whether programs in sessions of their own end with the process that started them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Detached {
    /// They go on, as Node documents, even when the application is killed.
    #[default]
    Keep,
    /// They end with the process.
    End,
}

/// How symbolic links in the paths of a configuration are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Links {
    /// They are resolved at each start.
    #[default]
    Follow,
    /// The paths were resolved when the start was authorized. A path that has become a link since then grants
    /// nothing; a script or working directory behind such a link is refused.
    Refuse,
}

/// How stdout and stderr are split into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// One event per line, without its terminator.
    #[default]
    Lines,
    /// One event per chunk, exactly as read, for programs without line-based output.
    Bytes,
}

impl Framing {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_lines(&self) -> bool {
        *self == Self::Lines
    }
}
