//! Where the scripts are that tests run.

use std::path::{Path, PathBuf};

/// A script from `tests/fixtures` of the crate `js-runtime`, as an absolute path.
pub(crate) fn fixture(name: &str) -> PathBuf {
    repository().join("runtime/core/tests/fixtures").join(name)
}

/// The repository, where `node_modules` and `backends` are.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("each crate of `runtime` is two folders below the repository")
        .to_path_buf()
}
