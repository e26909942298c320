//! Where the file of a Unix socket is, for the system calls that take a path.

use std::io;

use deno_runtime::deno_permissions::CheckedPath;

use super::held::{Access, End, Held};
use super::place::of_file;

/// The place of a socket that is about to be made.
pub(crate) fn socket_to_bind(path: &CheckedPath) -> io::Result<Held> {
    of_file(path, Access::Writes, End::Itself)
}

/// A socket that something listens at.
pub(crate) fn socket_to_connect(path: &CheckedPath) -> io::Result<Held> {
    of_file(path, Access::Writes, End::Followed)
}
