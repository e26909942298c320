//! Opens and creates files and folders at pinned paths.

use std::fs::File as StdFile;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use deno_runtime::deno_fs::{
    FileSystem, FsDirEntry, FsReadDir, FsReadDirRc, OpenOptions, RealFs,
    open_options_for_checked_path,
};
use deno_runtime::deno_io::StdFileResourceInner;
use deno_runtime::deno_io::fs::{File, FsResult};
use deno_runtime::deno_permissions::CheckedPath;

use super::path_target::{PathTarget, pin_file};
use super::pinned_path::{Access, FinalLink, PinnedPath, open_without_links};
use crate::isolate::sandbox::files::fd_guard;
use crate::isolate::sandbox::files::open_files::FdReservation;
use crate::isolate::sandbox::permissions::{resolved, special_files};

/// A prepared open. Can be finished on any thread.
pub(super) struct PendingOpen {
    path: PathBuf,
    pinned: PinnedPath,
    access: Access,
    options: OpenOptions,
    /// Whether the script follows a link at the end of the path.
    follows: bool,
}

pub(super) enum OpenTarget {
    File(PendingOpen),
    Stream(usize),
}

pub(super) fn access_of(options: &OpenOptions) -> Access {
    let writes = options.write || options.append || may_create(options) || options.truncate;
    if writes { Access::Write } else { Access::Read }
}

/// Whether a missing file is created. A caller may set `create_new` without `create`.
fn may_create(options: &OpenOptions) -> bool {
    options.create || options.create_new
}

/// Pins the path of a file. Called on the isolate's thread.
pub(super) fn pin_for_open(path: &CheckedPath, options: OpenOptions) -> FsResult<OpenTarget> {
    fd_guard::ensure_room_for_file()?;
    let access = access_of(&options);
    // Where links are followed, Deno has resolved the path to the end for some operations only.
    let follows = !has_no_follow(&options);
    let mut options = options;
    let target = if path.canonicalized() || !follows {
        no_follow(&mut options);
        PathTarget::of(path, access, FinalLink::NoFollow)
    } else {
        match PathTarget::of(path, access, FinalLink::Follow) {
            Err(error) if error.kind() == ErrorKind::NotFound && may_create(&options) => {
                no_follow(&mut options);
                let target = CheckedPath::unsafe_new(resolved(path).into());
                PathTarget::of(&target, access, FinalLink::NoFollow)
            }
            target => target,
        }
    };
    Ok(match target? {
        PathTarget::File(pinned) => OpenTarget::File(PendingOpen {
            path: path.to_path_buf(),
            pinned,
            access,
            options,
            follows,
        }),
        PathTarget::Stream(number) => OpenTarget::Stream(number),
    })
}

impl PendingOpen {
    pub(super) fn open(self) -> io::Result<(StdFile, PathBuf)> {
        let Self { path, pinned, access, mut options, follows } = self;
        let std = std_options(&mut options, &pinned.checked());
        let opened = std.open(&*pinned.checked());
        let file = if follows { opened.map_err(missing_for_link)? } else { opened? };
        #[cfg(unix)]
        special_files::check_open_file(
            std::os::fd::AsFd::as_fd(&file),
            matches!(access, Access::Write),
        )?;
        #[cfg(not(unix))]
        let _ = access;
        Ok((file, path))
    }
}

/// Called on the isolate's thread.
pub(super) fn into_file((file, path): (StdFile, PathBuf)) -> Rc<dyn File> {
    #[cfg(unix)]
    fd_guard::track_opened_file(std::os::fd::AsRawFd::as_raw_fd(&file));
    Rc::new(StdFileResourceInner::file(file, Some(path)))
}

/// Opens a regular file that a module or settings are read from. `path` is checked and resolved.
pub(crate) fn open_regular_file(path: &Path) -> io::Result<StdFile> {
    let original = special_files::original(path);
    if let Some(original) = &original {
        special_files::check(original, special_files::classify(original), false)?;
    }
    let file = match original {
        Some(original) => open_without_links(&resolved(&original))?,
        None => open_without_links(path)?,
    };
    #[cfg(unix)]
    special_files::check_open_file(std::os::fd::AsFd::as_fd(&file), false)?;
    let kind = file.metadata()?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

/// An open folder, counted until it is dropped.
#[derive(Debug)]
struct OpenFolder {
    folder: FsReadDirRc,
    _pinned: PinnedPath,
    _reservation: Option<FdReservation>,
}

#[async_trait::async_trait(?Send)]
impl FsReadDir for OpenFolder {
    async fn next(&self) -> FsResult<Option<FsDirEntry>> {
        self.folder.next().await
    }
}

/// Opens a folder. Fails if the script has too many open files.
pub(super) async fn open_folder(pinned: PinnedPath) -> FsResult<FsReadDirRc> {
    let reservation = fd_guard::reserve_fd()?;
    let folder = RealFs.read_dir_async(pinned.owned()).await?;
    Ok(Arc::new(OpenFolder { folder, _pinned: pinned, _reservation: reservation }))
}

/// Creates a folder and its missing parents.
pub(super) fn create_folders(path: &CheckedPath, mode: Option<u32>) -> FsResult<()> {
    let mut missing = Vec::new();
    let mut at = path.to_path_buf();
    loop {
        let checked = CheckedPath::unsafe_new((&*at).into());
        match pin_file(&checked, Access::Write, FinalLink::NoFollow) {
            Ok(pinned) => match create_folder(&pinned, mode) {
                Ok(()) => break,
                Err(error) => return Err(error),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let (Some(above), Some(_)) = (at.parent(), at.file_name()) else {
                    return Err(error.into());
                };
                let above = above.to_owned();
                missing.push(std::mem::replace(&mut at, above));
            }
            Err(error) => return Err(error.into()),
        }
    }
    while let Some(next) = missing.pop() {
        let checked = CheckedPath::unsafe_new(next.into());
        create_folder(&pin_file(&checked, Access::Write, FinalLink::NoFollow)?, mode)?;
    }
    Ok(())
}

/// Creates one folder. An existing folder is no error.
fn create_folder(pinned: &PinnedPath, mode: Option<u32>) -> FsResult<()> {
    let path = pinned.checked();
    match RealFs.mkdir_sync(&path, false, mode) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        done => done,
    }
}

#[cfg(unix)]
fn has_no_follow(options: &OpenOptions) -> bool {
    options.custom_flags.is_some_and(|flags| flags & nix::fcntl::OFlag::O_NOFOLLOW.bits() != 0)
}

#[cfg(unix)]
fn no_follow(options: &mut OpenOptions) {
    let flags = options.custom_flags.get_or_insert(0);
    *flags |= nix::fcntl::OFlag::O_NOFOLLOW.bits();
}

/// Allows creation without write access, which the standard library refuses.
#[cfg(unix)]
fn std_options(options: &mut OpenOptions, path: &CheckedPath) -> std::fs::OpenOptions {
    use nix::fcntl::OFlag;

    if may_create(options) && !options.write && !options.append {
        let flags = options.custom_flags.get_or_insert(0);
        *flags |= OFlag::O_CREAT.bits();
        if options.create_new {
            *flags |= OFlag::O_EXCL.bits();
        }
        let read = true;
        let mode = options.mode;
        let custom_flags = options.custom_flags;
        *options = OpenOptions { read, mode, custom_flags, ..OpenOptions::read() };
    }
    open_options_for_checked_path(*options, path)
}

/// A link that appeared after the path was resolved is not followed: the file counts as missing.
#[cfg(unix)]
fn missing_for_link(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) {
        return nix::errno::Errno::ENOENT.into();
    }
    error
}

#[cfg(not(unix))]
fn has_no_follow(_: &OpenOptions) -> bool {
    false
}

#[cfg(not(unix))]
fn no_follow(_: &mut OpenOptions) {}

#[cfg(not(unix))]
fn std_options(options: &mut OpenOptions, path: &CheckedPath) -> std::fs::OpenOptions {
    if may_create(options) && !options.write && !options.append {
        // A file can only be created with write access.
        options.write = true;
        options.truncate = false;
    }
    open_options_for_checked_path(*options, path)
}

#[cfg(not(unix))]
fn missing_for_link(error: io::Error) -> io::Error {
    error
}
