//! Pinned paths: they lead where they led when they were checked.
//!
//! A script that may write a folder can replace it with a link after a path through it was checked. So the folder
//! of a path is opened first. It must be the checked one, or another one that is granted. The operation then uses
//! a path below the open folder, or the open file. Linux has paths of open files. On other systems the path is
//! resolved again immediately before its use.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};

use deno_runtime::deno_permissions::{
    CheckedPath, CheckedPathBuf, OpenAccessKind, PermissionsContainer,
};

use crate::isolate::sandbox::permissions::system;

/// Whether an operation changes the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access {
    Reads,
    Writes,
}

/// Whether an operation follows a link at the end of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The operation is on the link itself.
    Itself,
    /// The operation is on the target of the link.
    Followed,
}

thread_local! {
    /// Permissions of this thread's isolate.
    static GRANTED: RefCell<Option<PermissionsContainer>> = const { RefCell::new(None) };
}

/// Sets the permissions of this thread's isolate. Called before its script runs.
pub(crate) fn enter(permissions: PermissionsContainer) {
    GRANTED.set(Some(permissions));
}

/// Whether this thread has an isolate with known permissions.
#[cfg(unix)]
pub(crate) fn has_grants() -> bool {
    // The variable is destroyed when the thread ends.
    GRANTED.try_with(|granted| granted.borrow().is_some()).unwrap_or(false)
}

/// A path for one operation, valid until this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    path: PathBuf,
    #[cfg(target_os = "linux")]
    _open: Option<std::fs::File>,
}

impl Held {
    /// A path without an open file.
    pub(super) fn plain(path: PathBuf) -> Self {
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
pub(super) fn also_granted(path: &Path, access: Access) -> io::Result<()> {
    let kind = match access {
        Access::Reads => OpenAccessKind::ReadNoFollow,
        Access::Writes => OpenAccessKind::WriteNoFollow,
    };
    let is_granted = path.is_absolute()
        && GRANTED.with_borrow(|granted| {
            let checked = granted.as_ref()?.check_open(path.into(), kind, None).ok()?;
            Some(system::original(&checked).map_or(&*checked == path, |original| original == path))
        }) == Some(true);
    if is_granted {
        return system::check(path, system::judge(path), matches!(access, Access::Writes));
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "a folder in the path was replaced while the path was used",
    ))
}

#[cfg(all(unix, not(target_os = "linux")))]
pub(super) use self::by_name::hold_below;
#[cfg(not(target_os = "linux"))]
pub(super) use self::by_name::{hold, open_exactly};
#[cfg(target_os = "linux")]
pub(super) use self::linux::{hold, hold_below, open_exactly};

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsStr;
    use std::fs::{File, OpenOptions};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;
    use std::sync::LazyLock;

    use nix::fcntl::OFlag;

    use super::{Access, End, Held, Path, PathBuf, also_granted, by_name, io};

    /// A sandbox may have no `/proc`.
    static HAS_PROC: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/self/fd").is_dir());

    /// Pins a checked path.
    pub(crate) fn hold(path: &Path, access: Access, end: End) -> io::Result<Held> {
        if !*HAS_PROC {
            return by_name::hold(path, access, end);
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return hold_end(path, path, access);
        };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let folder = locate(parent, OFlag::O_DIRECTORY.bits())?;
        let real = real(&folder)?;
        if real != parent {
            also_granted(&real.join(name), access)?;
        }
        let below = below(&folder, name);
        match end {
            End::Itself => Ok(Held { path: below, _open: Some(folder) }),
            End::Followed => hold_end(&below, &real.join(name), access),
        }
    }

    /// Pins the path of a file if `check` allows its resolved path.
    pub(crate) fn hold_below(
        path: &Path,
        check: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<Held> {
        if !*HAS_PROC {
            return by_name::hold_below(path, check);
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let folder = locate(parent, OFlag::O_DIRECTORY.bits())?;
        check(&real(&folder)?.join(name))?;
        Ok(Held { path: below(&folder, name), _open: Some(folder) })
    }

    /// Pins the target of a path. A target other than `expected` must be granted.
    fn hold_end(path: &Path, expected: &Path, access: Access) -> io::Result<Held> {
        let file = locate(path, 0)?;
        let real = real(&file)?;
        if real != expected {
            also_granted(&real, access)?;
        }
        Ok(Held { path: itself(&file), _open: Some(file) })
    }

    /// Opens a file to read it, if its path has no link in it.
    pub(crate) fn open_exactly(path: &Path) -> io::Result<File> {
        if !*HAS_PROC {
            return by_name::open_exactly(path);
        }
        // A named pipe would block until its other end is opened.
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
        if real(&file)? != path {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the file was replaced while it was opened",
            ));
        }
        Ok(file)
    }

    /// Opens a path without access to the contents.
    fn locate(path: &Path, more: i32) -> io::Result<File> {
        let flags = OFlag::O_PATH.bits() | more;
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    }

    fn itself(file: &File) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
    }

    fn below(folder: &File, name: &OsStr) -> PathBuf {
        itself(folder).join(name)
    }

    fn real(file: &File) -> io::Result<PathBuf> {
        std::fs::read_link(itself(file))
    }
}

/// Implementation for systems without paths of open files.
mod by_name {
    use std::fs::File;

    use super::{Access, End, Held, Path, also_granted, io};
    use crate::isolate::sandbox::permissions::{existing, resolved};

    /// Resolves a checked path again. A different result must be granted.
    pub(crate) fn hold(path: &Path, access: Access, end: End) -> io::Result<Held> {
        let real = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => existing(parent).join(name),
            _ => path.to_owned(),
        };
        if real != path {
            also_granted(&real, access)?;
        }
        let target = if end == End::Followed { resolved(&real) } else { real.clone() };
        if target != real {
            also_granted(&target, access)?;
        }
        Ok(Held::plain(target))
    }

    /// Resolves the path of a file if `check` allows it.
    #[cfg(unix)]
    pub(crate) fn hold_below(
        path: &Path,
        check: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<Held> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let real = resolved(parent).join(name);
        check(&real)?;
        Ok(Held::plain(real))
    }

    /// Opens a file to read it, if its path has no link in it.
    pub(crate) fn open_exactly(path: &Path) -> io::Result<File> {
        if resolved(path) != path {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the file was replaced while it was opened",
            ));
        }
        File::open(path)
    }
}
