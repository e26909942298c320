//! Paths of the scripts that tests run.

use std::path::{Path, PathBuf};

/// The absolute path of a script in `tests/fixtures` of the crate `js-runtime`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    repository().join("runtime/core/tests/fixtures").join(name)
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("each crate of `runtime` is two folders below the repository")
        .to_path_buf()
}
