//! What to start, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Limits, Permissions, RestartPolicy, Runtime};

/// What to start, and how.
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
    /// A program to run instead of a runtime; looked up on `PATH` when it is a bare name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// A program that lies beside the application's executable.
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
    /// Environment variables, on top of the application's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub env: BTreeMap<String, String>,
    /// What the embedded engine and Deno allow the script to do. **Default:** reading the script's
    /// own folder, nothing else. Bun, Node, `command` and `sidecar` have no permissions and ignore
    /// the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// Bounds on memory and time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Whether to start the process again when it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<RestartPolicy>,
    /// Runtimes to try, in order, when the first choice cannot start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub fallback: Vec<Runtime>,
    /// What becomes of programs that have taken a session of their own (`detached: true` of Node, `setsid`)
    /// when the process ends. Linux only: elsewhere they are kept. The embedded engine ends its own always.
    /// **Default:** `keep`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detached: Option<Detached>,
    /// Lines or raw bytes. **Default:** lines.
    #[serde(skip_serializing_if = "Framing::is_lines")]
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub framing: Framing,
    /// Whether links count in the paths of `script`, `cwd`, `permissions.read` and `permissions.write`. Not part
    /// of what is sent: only Rust can say so.
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

/// What becomes of programs in sessions of their own when the process that started them ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Detached {
    /// They live on, as Node promises, also when the application is killed.
    #[default]
    Keep,
    /// They end like everything else that the process has started.
    End,
}

/// What a link in a path of a configuration means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Links {
    /// It stands for what it leads to at each start.
    #[default]
    Follow,
    /// The paths are those that links led to when the start was authorized. What has become a link since then
    /// grants nothing, and a script or working directory behind one is refused.
    Refuse,
}

/// How the bytes of stdout and stderr are cut into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// One event per line, terminator stripped.
    #[default]
    Lines,
    /// One event per chunk, exactly as written, for programs that do not speak lines.
    Bytes,
}

impl Framing {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    fn is_lines(&self) -> bool {
        *self == Self::Lines
    }
}
