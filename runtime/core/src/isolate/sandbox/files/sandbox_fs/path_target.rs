//! The target of a checked path: a file, or a stream of the script.

use std::io;
use std::path::Path;

use deno_runtime::deno_permissions::CheckedPath;

use super::pinned_path::{Access, FinalLink, PinnedPath, pin};
use crate::isolate::sandbox::permissions::special_files::{self, FileKind};

pub(super) enum PathTarget {
    File(PinnedPath),
    Stream(usize),
}

impl PathTarget {
    pub(super) fn of(
        path: &CheckedPath,
        access: Access,
        final_link: FinalLink,
    ) -> io::Result<Self> {
        let Some(original) = special_files::original(path) else {
            return pin(path, access, final_link).map(Self::File);
        };
        match special_files::classify(&original) {
            FileKind::Stream(number) => Ok(Self::Stream(number)),
            target => {
                special_files::check(&original, target, matches!(access, Access::Write))?;
                if is_made_by_the_system(&original) {
                    // Deno has resolved a direct path to the end, and the system can open it.
                    let is_alias = !special_files::is_direct(path);
                    let path = if is_alias { original } else { path.to_path_buf() };
                    return Ok(Self::File(PinnedPath::unpinned(path)));
                }
                pin(&original, access, final_link).map(Self::File)
            }
        }
    }
}

/// Whether only the system creates entries below the path, so that no script can add a link.
fn is_made_by_the_system(path: &Path) -> bool {
    ["/proc", "/sys"].iter().any(|folder| path.starts_with(folder))
}

/// Pins the path of a file. Fails for the path of a stream.
pub(super) fn pin_file(
    path: &CheckedPath,
    access: Access,
    final_link: FinalLink,
) -> io::Result<PinnedPath> {
    match PathTarget::of(path, access, final_link)? {
        PathTarget::File(pinned) => Ok(pinned),
        PathTarget::Stream(number) => {
            let original = special_files::original(path).unwrap_or_default();
            special_files::check(&original, FileKind::Stream(number), true)?;
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

/// Pins the path of a socket to create.
#[cfg(unix)]
pub(crate) fn pin_socket_to_bind(path: &CheckedPath) -> io::Result<PinnedPath> {
    pin_file(path, Access::Write, FinalLink::NoFollow)
}

/// Pins the path of a socket to connect to.
#[cfg(unix)]
pub(crate) fn pin_socket_to_connect(path: &CheckedPath) -> io::Result<PinnedPath> {
    pin_file(path, Access::Write, FinalLink::Follow)
}
