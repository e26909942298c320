//! Opens and creates files at pinned paths.

use std::fs::File as StdFile;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use deno_runtime::deno_fs::{FileSystem, OpenOptions, RealFs, open_options_for_checked_path};
use deno_runtime::deno_io::StdFileResourceInner;
use deno_runtime::deno_io::fs::{File, FsResult};
use deno_runtime::deno_permissions::CheckedPath;

use super::held::{self, Access, End, Held};
use super::place::{self, Place};
use crate::isolate::sandbox::files::fd_guard;
use crate::isolate::sandbox::permissions::{resolved, system};

/// A prepared open. Can be finished on any thread.
pub(super) struct Opening {
    path: PathBuf,
    held: Held,
    access: Access,
    options: OpenOptions,
    /// Whether the script follows a link at the end of the path.
    follows: bool,
}

pub(super) enum Opened {
    Later(Opening),
    Stream(usize),
}

pub(super) fn access_of(options: &OpenOptions) -> Access {
    let writes = options.write || options.append || may_make(options) || options.truncate;
    if writes { Access::Writes } else { Access::Reads }
}

/// Whether a missing file is created. A caller may set `create_new` without `create`.
fn may_make(options: &OpenOptions) -> bool {
    options.create || options.create_new
}

/// Pins the path of a file. Called on the isolate's thread.
pub(super) fn prepare(path: &CheckedPath, options: OpenOptions) -> FsResult<Opened> {
    fd_guard::room_for_file()?;
    let access = access_of(&options);
    // Where links are followed, Deno has resolved the path to the end for some operations only.
    let follows = !has_no_follow(&options);
    let mut options = options;
    let place = if path.canonicalized() || !follows {
        no_follow(&mut options);
        Place::of(path, access, End::Itself)
    } else {
        match Place::of(path, access, End::Followed) {
            Err(error) if error.kind() == ErrorKind::NotFound && may_make(&options) => {
                no_follow(&mut options);
                let target = CheckedPath::unsafe_new(resolved(path).into());
                Place::of(&target, access, End::Itself)
            }
            place => place,
        }
    };
    Ok(match place? {
        Place::File(held) => {
            Opened::Later(Opening { path: path.to_path_buf(), held, access, options, follows })
        }
        Place::Stream(number) => Opened::Stream(number),
    })
}

impl Opening {
    pub(super) fn open(self) -> io::Result<(StdFile, PathBuf)> {
        let Self { path, held, access, mut options, follows } = self;
        let std = creating(&mut options, &held.checked());
        let opened = std.open(&*held.checked());
        let file = if follows { opened.map_err(not_a_link)? } else { opened? };
        #[cfg(unix)]
        system::check_open_file(std::os::fd::AsFd::as_fd(&file), matches!(access, Access::Writes))?;
        #[cfg(not(unix))]
        let _ = access;
        Ok((file, path))
    }
}

/// Called on the isolate's thread.
pub(super) fn into_file((file, path): (StdFile, PathBuf)) -> Rc<dyn File> {
    #[cfg(unix)]
    fd_guard::opened_file(std::os::fd::AsRawFd::as_raw_fd(&file));
    Rc::new(StdFileResourceInner::file(file, Some(path)))
}

/// Opens a regular file that a module or settings are read from. `path` is checked and resolved.
pub(crate) fn to_load(path: &Path) -> io::Result<StdFile> {
    let original = system::original(path);
    if let Some(original) = &original {
        system::check(original, system::judge(original), false)?;
    }
    let file = match original {
        Some(original) => held::open_exactly(&resolved(&original))?,
        None => held::open_exactly(path)?,
    };
    #[cfg(unix)]
    system::check_open_file(std::os::fd::AsFd::as_fd(&file), false)?;
    let kind = file.metadata()?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

/// Creates a folder and its missing parents.
pub(super) fn make_folders(path: &CheckedPath, mode: Option<u32>) -> FsResult<()> {
    let mut missing = Vec::new();
    let mut at = path.to_path_buf();
    loop {
        let place = CheckedPath::unsafe_new((&*at).into());
        match place::of_file(&place, Access::Writes, End::Itself) {
            Ok(held) => match make(&held, mode) {
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
        let place = CheckedPath::unsafe_new(next.into());
        make(&place::of_file(&place, Access::Writes, End::Itself)?, mode)?;
    }
    Ok(())
}

/// Creates one folder. An existing folder is no error.
fn make(held: &Held, mode: Option<u32>) -> FsResult<()> {
    let path = held.checked();
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
fn creating(options: &mut OpenOptions, path: &CheckedPath) -> std::fs::OpenOptions {
    use nix::fcntl::OFlag;

    if may_make(options) && !options.write && !options.append {
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
fn not_a_link(error: io::Error) -> io::Error {
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
fn creating(options: &mut OpenOptions, path: &CheckedPath) -> std::fs::OpenOptions {
    if may_make(options) && !options.write && !options.append {
        // A file can only be created with write access.
        options.write = true;
        options.truncate = false;
    }
    open_options_for_checked_path(*options, path)
}

#[cfg(not(unix))]
fn not_a_link(error: io::Error) -> io::Error {
    error
}
