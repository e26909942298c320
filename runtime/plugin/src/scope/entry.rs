//! A scope entry as written in a capability file.
//!
//! The build script compiles this file to generate the schema for editors, so it may use only serde and schemars.

use schemars::JsonSchema;
use serde::Deserialize;

/// The processes that a window may use, and the configurations that it may start under their names. The window
/// cannot choose anything that the entry does not mention.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Entry {
    /// The name of a process; `*` matches any characters: `worker-*`. To start another configuration under the
    /// name of a declared backend, the entry must have exactly that name.
    pub(crate) name: String,
    /// The entry covers only backends declared in `tauri.conf.json > plugins > js > backends`.
    #[serde(default)]
    pub(crate) declared: bool,
    /// Script files that the window may run, relative to `root`; `*` matches any characters but `/`, `**` any
    /// folders: `backends/*.ts`.
    #[serde(default)]
    pub(crate) script: Option<String>,
    /// The folder of `script`: absolute, or with a variable like `$RESOURCE` or `$APPDATA`. Symlinks out of it are
    /// refused. Default: `plugins > js > scriptRoot`.
    #[serde(default)]
    pub(crate) root: Option<String>,
    /// Names of bundled modules that the window may run; `*` as in `name`.
    #[serde(default)]
    pub(crate) bundled: Option<String>,
    /// The program that the window may start. The window must pass exactly this text.
    #[serde(default)]
    pub(crate) command: Option<String>,
    /// The sidecar that the window may start.
    #[serde(default)]
    pub(crate) sidecar: Option<String>,
    /// The runtimes that the window may choose from. If it chooses none, it gets the first one; a build without
    /// the engine skips `embedded`. Default: `embedded`.
    #[serde(default)]
    pub(crate) runtime: Option<Vec<EntryRuntime>>,
    /// Arguments that the window may pass: `true` for any, or a list of patterns with `*`. Each argument must
    /// match one of them.
    #[serde(default)]
    pub(crate) args: Option<Patterns>,
    /// Flags of a child runtime, which it always gets. The window may leave them out, or pass all of them in this
    /// order.
    #[serde(default)]
    pub(crate) runtime_args: Vec<String>,
    /// Environment variables that the window may set: names, and prefixes of three or more characters before a
    /// `*` (`MY_APP_*`). A prefix does not cover variables that make programs load code or search for it elsewhere
    /// (`LD_PRELOAD`, `NODE_OPTIONS`, `PATH`, `HOME`, …): list their full names.
    #[serde(default)]
    pub(crate) env: Vec<String>,
    /// The folder of working directories that the window may choose. Programs read configuration from their working
    /// directory, and it may name code: Bun reads `bunfig.toml`, Git reads `.git/config`. The window cannot choose
    /// one if `command`, `permissions` or `runtimeArgs` contain relative paths. In `runtimeArgs`, every value counts
    /// as one except numbers, URLs and absolute paths.
    #[serde(default)]
    pub(crate) cwd: Option<String>,
    /// The largest permissions of the process. The window can request less; by default the process gets all of
    /// them.
    #[serde(default)]
    pub(crate) permissions: Option<EntryPermissions>,
    /// Upper bounds of the process's limits. Default: the app's own limits.
    #[serde(default)]
    pub(crate) limits: Option<EntryLimits>,
}

/// A runtime by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EntryRuntime {
    /// Deno inside the app's process.
    Embedded,
    /// `deno` as a child process.
    Deno,
    /// `bun` as a child process. Permissions do not restrict it: it may do what the app may.
    Bun,
    /// `node` as a child process. Permissions do not restrict it: it may do what the app may.
    Node,
}

/// Any text, none, or text that matches one of the patterns.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Patterns {
    /// Any (`true`) or none (`false`).
    All(bool),
    /// Text that matches one of these patterns; `*` matches any characters.
    Some(Vec<String>),
}

/// Deno's permissions: `true` grants all of a kind, a list grants some of it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct EntryPermissions {
    /// Everything.
    pub(crate) all: bool,
    /// Files and folders that may be read.
    pub(crate) read: Option<Patterns>,
    /// Files and folders that may be written.
    pub(crate) write: Option<Patterns>,
    /// Hosts (`example.com:443`) that may be reached.
    pub(crate) net: Option<Patterns>,
    /// Environment variables that may be read and written.
    pub(crate) env: Option<Patterns>,
    /// Programs that may be started.
    pub(crate) run: Option<Patterns>,
    /// System information that may be read.
    pub(crate) sys: Option<Patterns>,
    /// Hosts that modules may be imported from (Deno children only).
    pub(crate) import: Option<Patterns>,
}

/// Upper bounds of a process's limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct EntryLimits {
    /// JavaScript heap in MiB, for the script and for each of its workers.
    pub(crate) heap_mb: Option<u32>,
    /// Memory of `ArrayBuffer`s in MiB.
    pub(crate) array_buffer_mb: Option<u32>,
    /// All memory of the process in MiB.
    pub(crate) memory_mb: Option<u32>,
    /// Longest line in MiB.
    pub(crate) line_mb: Option<u32>,
    /// Stdin queue in MiB.
    pub(crate) stdin_buffer_mb: Option<u32>,
    /// History of output in MiB.
    pub(crate) stdout_buffer_mb: Option<u32>,
    /// Files, sockets, pipes and watchers that are open at once.
    pub(crate) open_files: Option<u32>,
    /// Time to exit after a kill, in milliseconds.
    pub(crate) kill_grace_ms: Option<u32>,
    /// Time to start, in milliseconds.
    pub(crate) start_timeout_ms: Option<u32>,
    /// Time until the process is unresponsive, in milliseconds; 0 is never, the largest value.
    pub(crate) unresponsive_ms: Option<u32>,
    /// Whether an unresponsive process is killed. With `false`, the window may choose.
    pub(crate) kill_unresponsive: Option<bool>,
}
