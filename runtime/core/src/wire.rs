//! Every type that crosses IPC.
//!
//! The only place in the crate with `Serialize`: a type that is serialisable is part of the
//! contract with the page, and everything else is free to change. Field names are camelCase on the
//! wire, and unknown fields are refused so that a typing mistake is an error and not a default.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What to start, and how.
///
/// `sidecar` takes precedence over `command`, and `command` over `runtime`; with none of the three,
/// `runtime` is [`Runtime::Auto`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
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
    pub args: Vec<String>,
    /// Flags for the child runtime itself, before the script (`--inspect`, `--smol`, …). The
    /// embedded engine has none and refuses them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runtime_args: Vec<String>,
    /// Working directory. **Default:** the application's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// Environment variables, on top of the application's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
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
    pub fallback: Vec<Runtime>,
    /// Lines or raw bytes. **Default:** lines.
    #[serde(skip_serializing_if = "Framing::is_lines")]
    pub framing: Framing,
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

/// An engine that runs JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// The embedded engine where the build has it, otherwise the first of Deno, Bun and Node found.
    Auto,
    /// Deno inside the application's process.
    Embedded,
    /// `deno` as a child process.
    Deno,
    /// `bun` as a child process.
    Bun,
    /// `node` as a child process.
    Node,
}

impl Runtime {
    /// The name on the wire and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Embedded => "embedded",
            Self::Deno => "deno",
            Self::Bun => "bun",
            Self::Node => "node",
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Runtime {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Auto, Self::Embedded, Self::Deno, Self::Bun, Self::Node]
            .into_iter()
            .find(|runtime| runtime.as_str() == text)
            .ok_or_else(|| Error::unknown_runtime(text))
    }
}

/// How the bytes of stdout and stderr are cut into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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

/// One kind of Deno permission: `true` for all of it, a list for some of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Grant {
    /// All of this kind (`true`) or none of it (`false`).
    All(bool),
    /// Only what is listed: paths, hosts, variable names, programs.
    Some(Vec<String>),
}

impl Default for Grant {
    fn default() -> Self {
        Self::All(false)
    }
}

/// Deno's permissions. Everything that is not granted is denied; nothing ever prompts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Permissions {
    /// Everything (`deno run -A`), except FFI and native addons in the embedded engine.
    pub all: bool,
    /// Files and folders that may be read. The script's own folder always may.
    pub read: Grant,
    /// Files and folders that may be written.
    pub write: Grant,
    /// Hosts (`example.com:443`) that may be reached.
    pub net: Grant,
    /// Environment variables that may be read and written.
    pub env: Grant,
    /// Programs that may be started.
    pub run: Grant,
    /// System information (`hostname`, `osRelease`, …) that may be read.
    pub sys: Grant,
    /// Hosts that modules may be imported from. Deno children only: the embedded engine imports
    /// nothing over the network.
    pub import: Grant,
}

impl Permissions {
    /// Everything, like `deno run -A`.
    #[must_use]
    pub fn all() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// Each kind with its name, in the order of Deno's documentation.
    pub(crate) fn kinds(&self) -> [(&'static str, &Grant); 7] {
        [
            ("read", &self.read),
            ("write", &self.write),
            ("net", &self.net),
            ("env", &self.env),
            ("run", &self.run),
            ("sys", &self.sys),
            ("import", &self.import),
        ]
    }
}

/// Bounds on one process. A field left out takes the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// JavaScript heap in MiB, embedded engine only; at least 16. **Default:** 512.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heap_mb: Option<u32>,
    /// Longest line in MiB; a longer one is dropped and reported. **Default:** 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_mb: Option<u32>,
    /// Bytes, in MiB, that wait for the process to read its stdin before writers wait.
    /// **Default:** 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin_buffer_mb: Option<u32>,
    /// Output, in MiB, kept for late and slow subscribers. **Default:** 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout_buffer_mb: Option<u32>,
    /// Milliseconds a process gets to end by itself when it is killed, before it is made to.
    /// **Default:** 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_grace_ms: Option<u32>,
}

/// When a process that ended by itself is started again. A kill never restarts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RestartPolicy {
    /// Which endings start it again.
    pub when: RestartWhen,
    /// How often in a row, without the process having lived for `resetAfterMs`.
    pub max_retries: u32,
    /// Wait before the first restart in milliseconds; doubles with each, up to 30 s.
    pub backoff_ms: u32,
    /// A life of this many milliseconds counts as success and resets the count.
    pub reset_after_ms: u32,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            when: RestartWhen::OnFailure,
            max_retries: 5,
            backoff_ms: 200,
            reset_after_ms: 10_000,
        }
    }
}

/// Which endings restart a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RestartWhen {
    /// A non-zero exit code, an uncaught error, an exhausted heap.
    OnFailure,
    /// Any ending that nobody asked for.
    Always,
}

/// One named process, as listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessInfo {
    /// The name given at spawn.
    pub name: String,
    /// The child's process id; `None` for the embedded engine and for an exited process.
    pub pid: Option<u32>,
    /// Whether it can be written to: state is `running`.
    pub running: bool,
    /// What actually runs it; `None` for `command` and `sidecar`.
    pub runtime: Option<Runtime>,
    /// Where it is in its life.
    pub state: State,
    /// Counts the starts of this name, from 1.
    pub generation: u64,
    /// Times it was started again by its restart policy, in a row.
    pub restarts: u32,
    /// Milliseconds from the request to a running script; `None` while starting.
    pub start_ms: Option<f64>,
}

/// The life of one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum State {
    /// The name is taken and the backend is being made.
    Starting,
    /// The script runs.
    Running,
    /// A kill was asked for.
    Stopping,
    /// It ended; the entry stays until it is restarted or removed.
    Exited {
        /// Why.
        reason: ExitReason,
        /// The exit code; `None` when a signal or a kill ended it.
        code: Option<i32>,
    },
}

impl State {
    /// Whether nothing of this generation is left.
    #[must_use]
    pub fn is_exited(&self) -> bool {
        matches!(self, Self::Exited { .. })
    }
}

/// Why a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ExitReason {
    /// It ended by itself, with whatever code.
    Completed,
    /// An uncaught error, or a failure of the engine, ended it.
    Error {
        /// What was thrown, as `name: message`.
        message: String,
        /// The source-mapped stack, where there is one.
        stack: Option<String>,
    },
    /// It was killed through this API, or by a signal.
    Killed {
        /// The signal's number, when it was one that nobody here sent.
        #[serde(skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
    },
    /// The JavaScript heap reached its limit.
    HeapLimit,
    /// It never came to run.
    StartFailed {
        /// What went wrong.
        message: String,
    },
    /// It did not end when told to, and its thread was given up.
    Unresponsive,
    /// The supervisor was shut down.
    HostShutdown,
}

/// A runtime as found on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeInfo {
    /// `embedded`, `deno`, `bun` or `node`.
    pub name: String,
    /// Where the executable is; `None` for the embedded engine and for what was not found.
    pub path: Option<PathBuf>,
    /// Its version without a leading `v`.
    pub version: Option<String>,
    /// Whether a process can be started with it.
    pub available: bool,
}
