//! Pinned paths of Unix sockets, for system calls that take a path.

use std::io;

use deno_runtime::deno_permissions::CheckedPath;

use super::held::{Access, End, Held};
use super::place::of_file;

/// Pins the path of a socket to create.
pub(crate) fn socket_to_bind(path: &CheckedPath) -> io::Result<Held> {
    of_file(path, Access::Writes, End::Itself)
}

/// Pins the path of a socket to connect to.
pub(crate) fn socket_to_connect(path: &CheckedPath) -> io::Result<Held> {
    of_file(path, Access::Writes, End::Followed)
}
