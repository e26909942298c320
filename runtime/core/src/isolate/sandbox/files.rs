//! File access: path checks, pinned paths, open-file limits, working directory.

pub(crate) mod cwd;
pub(crate) mod fd_guard;
pub(crate) mod open_file_ops;
pub(crate) mod open_files;
#[cfg(unix)]
pub(crate) mod remove_tree;
pub(crate) mod sandbox_fs;
