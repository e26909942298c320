//! Compares the committed TypeScript types of the page with the types of this module.

use std::collections::BTreeMap;
use std::path::Path;

use super::{
    Detached, ExitReason, Framing, Grant, Limits, MemoryKind, Permissions, ProcessInfo,
    RestartPolicy, RestartWhen, Runtime, RuntimeInfo, SpawnConfig, State, Usage,
};
use crate::bindings_check::assert_committed;

#[test]
fn the_committed_typescript_matches_these_types() {
    let mut files = BTreeMap::new();
    crate::typescript_files!(
        files,
        Detached,
        ExitReason,
        Framing,
        Grant,
        Limits,
        MemoryKind,
        Permissions,
        ProcessInfo,
        RestartPolicy,
        RestartWhen,
        Runtime,
        RuntimeInfo,
        SpawnConfig,
        State,
        Usage,
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin/guest-js/src/bindings");
    assert_committed(&folder, files, "js-runtime");
}
