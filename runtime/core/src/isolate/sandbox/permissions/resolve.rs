//! Real paths: where the links in a path lead.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use sys_traits::FsCanonicalize;
use sys_traits::impls::RealSys;

use super::system;

/// A chain of more links is taken for a circle, as Linux does.
const MAX_LINKS: usize = 40;

/// The system opens no path of as many bytes, so it leads nowhere.
const LONGEST: usize = if cfg!(windows) { 1 << 15 } else { 1 << 12 };

/// Fails as the system does for a path that is too long. Each of its parts would take a call of the system, and nothing
/// interrupts that.
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

/// A path with `..` in it as an absolute one without, if it has any. What is above a link is what is above its target:
/// so the system has it, and Windows alone does not.
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

/// A path whose folder is known by its real name. Of its last part nothing is said.
pub(super) fn itself(path: &Path) -> PathBuf {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => existing(folder).join(name),
        _ => existing(path),
    }
}

/// The path of the file that a path leads to in the end, whether it is there or not.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let here = itself(path);
    target(&here).unwrap_or(here)
}

/// The real name of a path, or of as much of it as there is.
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

/// Where a link leads in the end, even if there is nothing.
pub(super) fn target(link: &Path) -> Option<PathBuf> {
    let mut at = step(link)?;
    for _ in 0..MAX_LINKS {
        match step(&at) {
            Some(next) => at = next,
            None => return Some(at),
        }
    }
    None
}

fn step(link: &Path) -> Option<PathBuf> {
    if system::judge(link).is_closed() {
        return None;
    }
    let next = fs::read_link(link).ok()?;
    // An entry of `/proc` may be a link to a thing without a path, such as `pipe:[1]`.
    if link.starts_with("/proc") && next.to_string_lossy().contains(":[") {
        return None;
    }
    // A `..` that stayed would be taken away later, with a part before it that the system does not get past.
    let next = link.parent()?.join(next);
    Some(itself(&without_parents(&next).unwrap_or(next)))
}
