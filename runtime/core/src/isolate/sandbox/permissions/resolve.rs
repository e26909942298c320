//! Path resolution: the targets of links, and the paths that open files were checked by.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use sys_traits::FsCanonicalize;
use sys_traits::impls::RealSys;

use super::special_files;

/// A longer chain of links counts as a cycle, as in Linux.
const MAX_LINKS: usize = 40;

/// Length in bytes from which the system refuses a path.
const LONGEST: usize = if cfg!(windows) { 1 << 15 } else { 1 << 12 };

/// Fails with the system's error for a path that is too long. Resolving each of its parts would take a system
/// call, and nothing interrupts that.
pub(super) fn check_length(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    const TOO_LONG: i32 = nix::errno::Errno::ENAMETOOLONG as i32;
    /// `ERROR_FILENAME_EXCED_RANGE`.
    #[cfg(not(unix))]
    const TOO_LONG: i32 = 206;
    if path.as_os_str().len() < LONGEST {
        return Ok(());
    }
    Err(io::Error::from_raw_os_error(TOO_LONG))
}

/// An absolute path without `..`, or `None` if `path` has no `..`. The parent of a link is the parent of its target,
/// as on every system except Windows.
#[cfg(unix)]
pub(super) fn without_parents(path: &Path) -> Option<PathBuf> {
    if !path.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let mut at = PathBuf::new();
    for part in std::path::absolute(path).ok()?.components() {
        if part == Component::ParentDir {
            at = existing(&at);
            at.pop();
        } else {
            at.push(part);
        }
    }
    Some(at)
}

#[cfg(not(unix))]
pub(super) fn without_parents(_: &Path) -> Option<PathBuf> {
    None
}

/// Resolves the folder of a path, and not its last part.
pub(super) fn itself(path: &Path) -> PathBuf {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => existing(folder).join(name),
        _ => existing(path),
    }
}

/// Resolves a path to the end. The file does not have to exist.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let here = itself(path);
    target(&here).unwrap_or(here)
}

/// Resolves the longest existing prefix of a path.
pub(crate) fn existing(path: &Path) -> PathBuf {
    if path.as_os_str().len() >= LONGEST {
        return path.to_owned();
    }
    let (mut at, mut missing) = (path, Vec::new());
    loop {
        match (RealSys.fs_canonicalize(at), at.parent(), at.file_name()) {
            (Ok(real), ..) => return missing.into_iter().rfold(real, |path, name| path.join(name)),
            (Err(error), Some(folder), Some(name)) if error.kind() == io::ErrorKind::NotFound => {
                missing.push(name);
                at = folder;
            }
            _ => return path.to_owned(),
        }
    }
}

/// The final target of a link, which does not have to exist. `None` if `link` is no link.
pub(super) fn target(link: &Path) -> Option<PathBuf> {
    let mut at = read_link(link)?;
    for _ in 0..MAX_LINKS {
        match read_link(&at) {
            Some(next) => at = next,
            None => return Some(at),
        }
    }
    None
}

fn read_link(link: &Path) -> Option<PathBuf> {
    if special_files::classify(link).is_closed() {
        return None;
    }
    let next = fs::read_link(link).ok()?;
    // A link in `/proc` may stand for an object without a path, such as `pipe:[1]`.
    if link.starts_with("/proc") && next.to_string_lossy().contains(":[") {
        return None;
    }
    // A remaining `..` would later be removed with the part before it, which may not be a folder.
    let next = link.parent()?.join(next);
    Some(itself(&without_parents(&next).unwrap_or(next)))
}

/// The path of an open file, and the path that the file was opened by.
type OpenAs = (PathBuf, PathBuf);

thread_local! {
    static OPEN_AS: RefCell<Option<OpenAs>> = const { RefCell::new(None) };
}

/// Calls `act`. Meanwhile checks of `open` use `path`. No script runs in `act`.
pub(crate) fn with_checked_as<T>(open: &Path, path: &Path, act: impl FnOnce() -> T) -> T {
    let before = OPEN_AS.replace(Some((open.to_owned(), path.to_owned())));
    let done = act();
    OPEN_AS.set(before);
    done
}

/// The path to check in place of `path`.
pub(super) fn path_to_check(path: Cow<'_, Path>) -> Cow<'_, Path> {
    let path_to_check = OPEN_AS.with_borrow(|now| {
        let (open, path_to_check) = now.as_ref()?;
        (**open == *path).then(|| path_to_check.clone())
    });
    path_to_check.map_or(path, Cow::Owned)
}
