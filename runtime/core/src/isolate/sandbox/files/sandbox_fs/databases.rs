//! The files of databases, which SQLite opens and removes by name.
//!
//! A script may replace a folder in the path with a link after the check of the path. So the folder is opened, and
//! the script must have a permission for the file in it. SQLite creates journals beside their database, so the grant
//! of a database includes them.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::pinned_path::{Access, PinnedPath, check_granted, pin_if};
use crate::isolate::sandbox::permissions::special_files;

/// The suffixes of journals.
const JOURNALS: [&[u8]; 3] = [b"-journal", b"-shm", b"-wal"];

/// Opens a file for SQLite with the flags of `open(2)`.
pub(crate) fn open_database_file(path: &Path, flags: i32, mode: i32) -> io::Result<File> {
    let writes = flags & OFlag::O_ACCMODE.bits() != OFlag::O_RDONLY.bits();
    let makes = flags & OFlag::O_CREAT.bits() != 0;
    if !writes && !makes && path.is_dir() {
        // SQLite syncs the folder in which it has created a file.
        let flags = OFlag::O_DIRECTORY.bits();
        return std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    }
    let access = if writes || makes { Access::Write } else { Access::Read };
    let pinned = pin(path, access)?;
    let flags = flags | OFlag::O_NOFOLLOW.bits() | OFlag::O_CLOEXEC.bits();
    let opened = nix::fcntl::open(
        &*pinned.checked(),
        OFlag::from_bits_retain(flags),
        nix::sys::stat::Mode::from_bits_truncate(mode.cast_unsigned()),
    )?;
    special_files::check_open_file(
        std::os::fd::AsFd::as_fd(&opened),
        matches!(access, Access::Write),
    )?;
    Ok(opened.into())
}

/// Removes a file or a link for SQLite.
pub(crate) fn remove_database_file(path: &Path) -> io::Result<()> {
    std::fs::remove_file(&*pin(path, Access::Write)?.checked())
}

fn pin(path: &Path, access: Access) -> io::Result<PinnedPath> {
    pin_if(path, |path| match database_of(path) {
        // A database that is only read has journals too, and locks.
        Some(database) => check_granted(path, access)
            .or_else(|_| check_granted(&database, Access::Write))
            .or_else(|_| check_granted(&database, Access::Read)),
        None => check_granted(path, access),
    })
}

/// The database that a journal belongs to.
fn database_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.as_bytes();
    let name = JOURNALS.iter().find_map(|suffix| name.strip_suffix(*suffix))?;
    (!name.is_empty()).then(|| path.with_file_name(OsStr::from_bytes(name)))
}
