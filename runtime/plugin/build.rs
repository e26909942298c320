//! Generates the permissions of the commands, and the schema with which editors check scope entries.

#[path = "src/scope/entry.rs"]
#[allow(dead_code, unreachable_pub, reason = "the schema needs the types only")]
mod entry;

/// Every command but `spawn`, whose permission covers more than itself: permissions/sets.toml.
const COMMANDS: &[&str] = &[
    "ack",
    "attach",
    "close_stdin",
    "detach",
    "detect_runtimes",
    "drain",
    "ensure",
    "get_config",
    "get_runtime_paths",
    "get_status",
    "hear",
    "kill",
    "kill_all",
    "list_backends",
    "list_processes",
    "remove",
    "restart",
    "set_runtime_path",
    "unwatch",
    "watch",
    "write",
    "write_stdin",
];

fn main() {
    // With its whole path: what is made here names files by theirs, and a build folder may be shared by
    // checkouts that come and go.
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rerun-if-changed={folder}/build.rs");
    tauri_plugin::Builder::new(COMMANDS)
        .global_scope_schema(schemars::schema_for!(entry::Entry))
        .build();
}
