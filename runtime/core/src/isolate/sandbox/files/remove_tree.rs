//! Recursive removal of a folder, with constant stack and few descriptors.
//!
//! The standard library recurses: each level takes stack, and on Unix a descriptor. This implementation takes the
//! same amount of both at any depth. It follows no link. From a folder it returns only to the parent that it came from.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::libc;
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// Removes a file, a link, or a folder with its contents.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    if !std::fs::symlink_metadata(path)?.is_dir() {
        return std::fs::remove_file(path);
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a path without a name"));
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let parent = open(parent, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let name = c_string(name)?;
    empty(Folder::open(parent.as_fd(), &name)?)?;
    Ok(unlinkat(&parent, name.as_c_str(), UnlinkatFlags::RemoveDir)?)
}

/// A parent folder on the path to the current one: the name of its child, and its identity.
struct Level {
    name: CString,
    parent: Identity,
}

fn empty(top: Folder) -> io::Result<()> {
    let (mut here, mut above) = (top, Vec::<Level>::new());
    loop {
        if let Some(name) = here.next()? {
            if let Some(folder) = here.remove_file_or_enter(&name)? {
                above.push(Level { name, parent: here.identity()? });
                here = folder;
            }
            continue;
        }
        let Some(Level { name, parent }) = above.pop() else { return Ok(()) };
        let up = Folder::open(here.as_fd(), c"..")?;
        if up.identity()? != parent {
            return Err(io::Error::other("a folder was moved while it was removed"));
        }
        here = up;
        match unlinkat(&here, name.as_c_str(), UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Device and inode.
type Identity = (libc::dev_t, libc::ino_t);

/// A folder that is being read.
struct Folder(NonNull<libc::DIR>);

impl Folder {
    fn open(parent: BorrowedFd, name: &CStr) -> io::Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let descriptor: OwnedFd = openat(parent, name, flags, Mode::empty())?;
        // SAFETY: `descriptor` is open until this function ends, and `O_DIRECTORY` made it one of a folder.
        let folder = unsafe { libc::fdopendir(descriptor.as_raw_fd()) };
        let folder = NonNull::new(folder).ok_or_else(io::Error::last_os_error)?;
        // `fdopendir` owns the descriptor from here on.
        let _ = descriptor.into_raw_fd();
        Ok(Self(folder))
    }

    /// The name of the next entry, if there is one.
    fn next(&mut self) -> io::Result<Option<CString>> {
        loop {
            Errno::clear();
            // SAFETY: `self` owns the open stream, and `&mut self` excludes another reader.
            let entry = unsafe { libc::readdir(self.0.as_ptr()) };
            let Some(entry) = NonNull::new(entry) else {
                return match Errno::last_raw() {
                    0 => Ok(None),
                    error => Err(io::Error::from_raw_os_error(error)),
                };
            };
            // SAFETY: `readdir` returned this entry, whose name is terminated; it is valid until the next call.
            let name = unsafe { CStr::from_ptr((&raw const (*entry.as_ptr()).d_name).cast()) };
            if name != c"." && name != c".." {
                return Ok(Some(name.to_owned()));
            }
        }
    }

    /// Removes an entry, or opens it if it is a folder. A missing entry counts as removed.
    fn remove_file_or_enter(&self, name: &CStr) -> io::Result<Option<Self>> {
        match unlinkat(self, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(None),
            // POSIX specifies `EPERM` for folders, and also for files that may not be removed.
            Err(error @ (Errno::EISDIR | Errno::EPERM)) => match Self::open(self.as_fd(), name) {
                Ok(folder) => Ok(Some(folder)),
                Err(failed) => match failed.raw_os_error().map(Errno::from_raw) {
                    Some(Errno::ENOENT) => Ok(None),
                    Some(Errno::ENOTDIR | Errno::ELOOP) => Err(error.into()),
                    _ => Err(failed),
                },
            },
            Err(error) => Err(error.into()),
        }
    }

    fn identity(&self) -> io::Result<Identity> {
        let status = fstat(self)?;
        Ok((status.st_dev, status.st_ino))
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the stream owns the descriptor and is open until `self` is dropped; the result borrows `self`.
        unsafe { BorrowedFd::borrow_raw(libc::dirfd(self.0.as_ptr())) }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // SAFETY: `self` owns the open stream, and nothing uses it after `drop`.
        unsafe { libc::closedir(self.0.as_ptr()) };
    }
}

fn c_string(name: &OsStr) -> io::Result<CString> {
    CString::new(name.as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::sys::resource::{Resource, getrlimit};
    use nix::sys::stat::mkdirat;

    use super::*;

    /// More levels than the limit of descriptors, where that is not a large number.
    fn depth() -> usize {
        let (descriptors, _) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        usize::try_from(descriptors).unwrap_or(usize::MAX).min(5_000) + 100
    }

    #[test]
    fn a_deep_folder_is_removed_with_little_stack_and_few_descriptors() {
        let outside = tempfile::tempdir().expect("a folder");
        std::fs::write(outside.path().join("kept"), "").expect("the folder is writable");
        let top = outside.path().join("top");
        std::fs::create_dir(&top).expect("the folder is writable");
        let mut here = open(&top, OFlag::O_DIRECTORY, Mode::empty()).expect("a folder");
        symlink(outside.path(), top.join("link")).expect("the folder is writable");
        std::fs::create_dir(top.join("empty")).expect("the folder is writable");
        for _ in 0..depth() {
            mkdirat(&here, "b", Mode::S_IRWXU).expect("the folder is writable");
            here = openat(&here, "b", OFlag::O_DIRECTORY, Mode::empty()).expect("a folder");
        }
        drop(here);
        let removed = std::thread::Builder::new().stack_size(64 << 10);
        let at = top.clone();
        let removed = removed.spawn(move || remove(&at)).expect("a thread");
        removed.join().expect("the stack suffices").expect("the folder is writable");
        assert!(!top.exists() && outside.path().join("kept").exists());
    }

    #[test]
    fn a_link_is_removed_without_its_target_and_a_missing_path_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let (kept, link) = (folder.path().join("kept"), folder.path().join("link"));
        std::fs::create_dir(&kept).expect("the folder is writable");
        symlink(&kept, &link).expect("the folder is writable");
        remove(&link).expect("a link");
        assert!(kept.exists() && !link.exists());
        assert_eq!(remove(&link).map_err(|error| error.kind()), Err(io::ErrorKind::NotFound));
    }
}
