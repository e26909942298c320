//! Pinned paths: they lead where they led when they were checked.
//!
//! A script that may write a folder can replace it with a link after a path through it was checked. So the folder
//! of a path is opened first. It must be the folder that was checked, or another granted folder. The operation then uses
//! a path below the open folder, or the open file. Linux has paths of open files. On other systems the path is
//! resolved again immediately before its use.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};

use deno_runtime::deno_permissions::{
    CheckedPath, CheckedPathBuf, OpenAccessKind, PermissionsContainer,
};

use crate::isolate::sandbox::permissions::special_files;

/// Whether an operation changes the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access {
    Read,
    Write,
}

/// Whether an operation follows a link at the end of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FinalLink {
    /// The operation is on the link itself.
    NoFollow,
    /// The operation is on the target of the link.
    Follow,
}

thread_local! {
    /// Permissions of this thread's isolate.
    static PERMISSIONS: RefCell<Option<PermissionsContainer>> = const { RefCell::new(None) };
}

/// Sets the permissions of this thread's isolate. Called before its script runs.
pub(crate) fn set_permissions(permissions: PermissionsContainer) {
    PERMISSIONS.set(Some(permissions));
}

/// Whether this thread has an isolate with known permissions.
#[cfg(unix)]
pub(crate) fn has_permissions() -> bool {
    // The variable is destroyed when the thread ends.
    PERMISSIONS.try_with(|granted| granted.borrow().is_some()).unwrap_or(false)
}

/// A path for one operation, valid until this is dropped.
#[derive(Debug)]
pub(crate) struct PinnedPath {
    path: PathBuf,
    #[cfg(target_os = "linux")]
    _open: Option<std::fs::File>,
}

impl PinnedPath {
    /// A path without an open file.
    pub(super) fn unpinned(path: PathBuf) -> Self {
        Self {
            path,
            #[cfg(target_os = "linux")]
            _open: None,
        }
    }

    #[cfg(unix)]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn checked(&self) -> CheckedPath<'_> {
        CheckedPath::unsafe_new((&self.path).into())
    }

    pub(super) fn owned(&self) -> CheckedPathBuf {
        CheckedPathBuf::unsafe_new(self.path.clone())
    }
}

/// Fails unless a path other than the checked one is granted too. `path` has no links in it.
pub(super) fn check_granted(path: &Path, access: Access) -> io::Result<()> {
    let kind = match access {
        Access::Read => OpenAccessKind::ReadNoFollow,
        Access::Write => OpenAccessKind::WriteNoFollow,
    };
    let is_granted = path.is_absolute()
        && PERMISSIONS.with_borrow(|granted| {
            let checked = granted.as_ref()?.check_open(path.into(), kind, None).ok()?;
            Some(
                special_files::original(&checked)
                    .map_or(&*checked == path, |original| original == path),
            )
        }) == Some(true);
    if is_granted {
        return special_files::check(
            path,
            special_files::classify(path),
            matches!(access, Access::Write),
        );
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "a folder in the path was replaced while the path was used",
    ))
}

#[cfg(all(unix, not(target_os = "linux")))]
pub(super) use self::by_path::pin_if;
#[cfg(not(target_os = "linux"))]
pub(super) use self::by_path::{open_without_links, pin};
#[cfg(target_os = "linux")]
pub(super) use self::linux::{open_without_links, pin, pin_if};

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsStr;
    use std::fs::{File, OpenOptions};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;
    use std::sync::LazyLock;

    use nix::fcntl::OFlag;

    use super::{Access, FinalLink, Path, PathBuf, PinnedPath, by_path, check_granted, io};

    /// A sandbox may have no `/proc`.
    static HAS_PROC: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/self/fd").is_dir());

    /// Pins a checked path.
    pub(crate) fn pin(
        path: &Path,
        access: Access,
        final_link: FinalLink,
    ) -> io::Result<PinnedPath> {
        if !*HAS_PROC {
            return by_path::pin(path, access, final_link);
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return pin_target(path, path, access);
        };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let folder = open_path(parent, OFlag::O_DIRECTORY.bits())?;
        let real = resolved(&folder)?;
        if real != parent {
            check_granted(&real.join(name), access)?;
        }
        let below = child_path(&folder, name);
        match final_link {
            FinalLink::NoFollow => Ok(PinnedPath { path: below, _open: Some(folder) }),
            FinalLink::Follow => pin_target(&below, &real.join(name), access),
        }
    }

    /// Pins the path of a file if `check` allows its resolved path.
    pub(crate) fn pin_if(
        path: &Path,
        check: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<PinnedPath> {
        if !*HAS_PROC {
            return by_path::pin_if(path, check);
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let folder = open_path(parent, OFlag::O_DIRECTORY.bits())?;
        check(&resolved(&folder)?.join(name))?;
        Ok(PinnedPath { path: child_path(&folder, name), _open: Some(folder) })
    }

    /// Pins the target of a path. A target other than `expected` must be granted.
    fn pin_target(path: &Path, expected: &Path, access: Access) -> io::Result<PinnedPath> {
        let file = open_path(path, 0)?;
        let real = resolved(&file)?;
        if real != expected {
            check_granted(&real, access)?;
        }
        Ok(PinnedPath { path: fd_path(&file), _open: Some(file) })
    }

    /// Opens a file to read it, if its path has no link in it.
    pub(crate) fn open_without_links(path: &Path) -> io::Result<File> {
        if !*HAS_PROC {
            return by_path::open_without_links(path);
        }
        // A named pipe would block until its other end is opened.
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
        if resolved(&file)? != path {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the file was replaced while it was opened",
            ));
        }
        Ok(file)
    }

    /// Opens a path without access to the contents.
    fn open_path(path: &Path, more: i32) -> io::Result<File> {
        let flags = OFlag::O_PATH.bits() | more;
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    }

    fn fd_path(file: &File) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
    }

    fn child_path(folder: &File, name: &OsStr) -> PathBuf {
        fd_path(folder).join(name)
    }

    fn resolved(file: &File) -> io::Result<PathBuf> {
        std::fs::read_link(fd_path(file))
    }
}

/// Implementation for systems without paths of open files.
mod by_path {
    use std::fs::File;

    use super::{Access, FinalLink, Path, PinnedPath, check_granted, io};
    use crate::isolate::sandbox::permissions::{existing, resolved};

    /// Resolves a checked path again. A different result must be granted.
    pub(crate) fn pin(
        path: &Path,
        access: Access,
        final_link: FinalLink,
    ) -> io::Result<PinnedPath> {
        let real = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => existing(parent).join(name),
            _ => path.to_owned(),
        };
        if real != path {
            check_granted(&real, access)?;
        }
        let target = if final_link == FinalLink::Follow { resolved(&real) } else { real.clone() };
        if target != real {
            check_granted(&target, access)?;
        }
        Ok(PinnedPath::unpinned(target))
    }

    /// Resolves the path of a file if `check` allows it.
    #[cfg(unix)]
    pub(crate) fn pin_if(
        path: &Path,
        check: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<PinnedPath> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let real = resolved(parent).join(name);
        check(&real)?;
        Ok(PinnedPath::unpinned(real))
    }

    /// Opens a file to read it, if its path has no link in it.
    pub(crate) fn open_without_links(path: &Path) -> io::Result<File> {
        if resolved(path) != path {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the file was replaced while it was opened",
            ));
        }
        File::open(path)
    }
}
