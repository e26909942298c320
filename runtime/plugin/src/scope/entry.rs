//! What a capability can say about processes, as it stands in the file.
//!
//! The build script makes the editors' schema from these types, so nothing here may depend on
//! anything but serde and schemars.

use schemars::JsonSchema;
use serde::Deserialize;

/// Which processes a window may use, and what it may start under those names. Everything that an
/// entry does not mention is refused.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Entry {
    /// The name of a process; `*` stands for any characters: `worker-*`. What it may start under the
    /// name of a declared backend takes an entry with just that name.
    pub(crate) name: String,
    /// The entry covers only backends declared in `tauri.conf.json > plugins > js > backends`.
    #[serde(default)]
    pub(crate) declared: bool,
    /// A file the window may run as a script, relative to `root`; `*` stands for any characters
    /// but `/`, `**` for any folders: `backends/*.ts`.
    #[serde(default)]
    pub(crate) script: Option<String>,
    /// The folder of `script`: absolute, or with a variable like `$RESOURCE`, `$APPDATA`. Links that
    /// lead out of it are refused. Default: `plugins > js > scriptRoot`.
    #[serde(default)]
    pub(crate) root: Option<String>,
    /// Name of a module bundled into the app that the window may run; `*` as in `name`.
    #[serde(default)]
    pub(crate) bundled: Option<String>,
    /// The program the window may start, exactly as it names it.
    #[serde(default)]
    pub(crate) command: Option<String>,
    /// The sidecar the window may start.
    #[serde(default)]
    pub(crate) sidecar: Option<String>,
    /// The runtimes it may choose from; without a choice it gets the first that the build has: a build
    /// without the engine passes `embedded` over. Default: `embedded`.
    #[serde(default)]
    pub(crate) runtime: Option<Vec<EntryRuntime>>,
    /// Arguments it may give: `true` for any, or a list of patterns with `*`, one of which each
    /// argument must match.
    #[serde(default)]
    pub(crate) args: Option<Patterns>,
    /// Flags of the runtime itself, which are always there when a child runtime is started. The window may say
    /// them, all and in this order, or leave them out.
    #[serde(default)]
    pub(crate) runtime_args: Vec<String>,
    /// Environment variables it may set: names, and prefixes of three or more characters before a `*`
    /// (`MY_APP_*`). A prefix does not cover variables that make programs load code or look for it elsewhere
    /// (`LD_PRELOAD`, `NODE_OPTIONS`, `PATH`, `HOME`, …): they must be spelt out.
    #[serde(default)]
    pub(crate) env: Vec<String>,
    /// The folder that the working directory it chooses must lie in. Programs read configuration from there,
    /// which may name code: Bun its `bunfig.toml`, Git its `.git/config`. Not together with relative paths in `command`, `permissions` or `runtimeArgs`; of the latter
    /// everything counts but numbers, addresses and absolute paths.
    #[serde(default)]
    pub(crate) cwd: Option<String>,
    /// The most that the process may do. The window can ask for less; without asking it gets this.
    #[serde(default)]
    pub(crate) permissions: Option<EntryPermissions>,
    /// Upper bounds for the limits of what it starts. Default: the app's own limits.
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
    /// `bun` as a child process. It has no permissions: it may do what the app may.
    Bun,
    /// `node` as a child process. It has no permissions: it may do what the app may.
    Node,
}

/// Any, none, or what matches one of the patterns.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Patterns {
    /// Any (`true`) or none (`false`).
    All(bool),
    /// What matches one of these; `*` stands for any characters.
    Some(Vec<String>),
}

/// Deno's permissions: `true` for all of a kind, a list for some of it.
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

/// The most that the limits of one process may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct EntryLimits {
    /// JavaScript heap in MiB, of the script and of each of its workers.
    pub(crate) heap_mb: Option<u32>,
    /// Memory of `ArrayBuffer`s in MiB.
    pub(crate) array_buffer_mb: Option<u32>,
    /// All memory of the process in MiB.
    pub(crate) memory_mb: Option<u32>,
    /// Longest line in MiB.
    pub(crate) line_mb: Option<u32>,
    /// Bytes of stdin that may wait, in MiB.
    pub(crate) stdin_buffer_mb: Option<u32>,
    /// Output that is kept, in MiB.
    pub(crate) stdout_buffer_mb: Option<u32>,
    /// Files, sockets, pipes and watchers that are open at once.
    pub(crate) open_files: Option<u32>,
    /// Milliseconds to end by itself when killed.
    pub(crate) kill_grace_ms: Option<u32>,
    /// Milliseconds to start.
    pub(crate) start_timeout_ms: Option<u32>,
    /// Milliseconds until it counts as unresponsive; 0 is never, and more than any other.
    pub(crate) unresponsive_ms: Option<u32>,
    /// Whether it is ended when it is unresponsive. The window may choose that where this is `false`.
    pub(crate) kill_unresponsive: Option<bool>,
}
