//! The target of a checked path: a file, or a stream of the script.

use std::io;
use std::path::Path;

use deno_runtime::deno_permissions::CheckedPath;

use super::held::{Access, End, Held, hold};
use crate::isolate::sandbox::permissions::system::{self, Target};

pub(super) enum Place {
    File(Held),
    Stream(usize),
}

impl Place {
    pub(super) fn of(path: &CheckedPath, access: Access, end: End) -> io::Result<Self> {
        let Some(original) = system::original(path) else {
            return hold(path, access, end).map(Self::File);
        };
        match system::judge(&original) {
            Target::Stream(number) => Ok(Self::Stream(number)),
            target => {
                system::check(&original, target, matches!(access, Access::Writes))?;
                if is_made_by_the_system(&original) {
                    // Deno has resolved a direct path to the end, and the system can open it.
                    let is_alias = !system::is_direct(path);
                    let path = if is_alias { original } else { path.to_path_buf() };
                    return Ok(Self::File(Held::plain(path)));
                }
                hold(&original, access, end).map(Self::File)
            }
        }
    }
}

/// Whether only the system creates entries below the path, so that no script can add a link.
fn is_made_by_the_system(path: &Path) -> bool {
    ["/proc", "/sys"].iter().any(|folder| path.starts_with(folder))
}

/// Pins the path of a file. Fails for the path of a stream.
pub(super) fn of_file(path: &CheckedPath, access: Access, end: End) -> io::Result<Held> {
    match Place::of(path, access, end)? {
        Place::File(held) => Ok(held),
        Place::Stream(number) => {
            let original = system::original(path).unwrap_or_default();
            system::check(&original, Target::Stream(number), true)?;
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}
