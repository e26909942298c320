//! Generates a permission for each command, and the schema of scope entries for editors.

#[path = "src/scope/entry.rs"]
#[allow(dead_code, unreachable_pub, reason = "only the schema is used")]
mod entry;

/// All commands except `spawn`: `permissions/sets.toml` defines `allow-spawn`, which allows other commands too.
const COMMANDS: &[&str] = &[
    "ack",
    "attach",
    "claim",
    "close_rpc",
    "close_stdin",
    "detach",
    "detect_runtimes",
    "drain",
    "ensure",
    "get_config",
    "get_runtime_paths",
    "get_status",
    "kill",
    "kill_all",
    "list_backends",
    "list_processes",
    "open_rpc",
    "remove",
    "report_scope",
    "restart",
    "set_runtime_path",
    "unwatch",
    "watch",
    "write",
    "write_stdin",
];

fn main() {
    // An absolute path: the generated files contain absolute paths, and checkouts may share a build folder.
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rerun-if-changed={folder}/build.rs");
    tauri_plugin::Builder::new(COMMANDS)
        .global_scope_schema(schemars::schema_for!(entry::Entry))
        .build();
}
