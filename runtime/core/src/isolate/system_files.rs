//! Deno's file system, but that paths of the system lead where the list of them says.
//!
//! A path below `/dev`, `/proc` and `/sys` comes here under the alias that `permissions::system` describes.
//! What reaches the application is refused, the standard streams are the isolate's own, and everything
//! else is the file itself.

#[macro_use]
mod delegation;
mod open_folders;

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;

#[cfg(unix)]
use deno_runtime::deno_core::unsync::spawn_blocking;
use deno_runtime::deno_fs::{FileSystem, FsDirEntry, FsFileType, FsReadDirRc, OpenOptions, RealFs};
use deno_runtime::deno_io::fs::{File, FsResult, FsStat, FsStatFs};
use deno_runtime::deno_permissions::{CheckedPath, CheckedPathBuf};

use super::permissions::system::{self, Target};
#[cfg(unix)]
use super::remove_tree;
use super::{descriptors, stdio};

/// What `async_trait` makes of an async method's result.
type Later<'a, T> = Pin<Box<dyn Future<Output = FsResult<T>> + 'a>>;

#[cfg(unix)]
type Mode = u32;
#[cfg(not(unix))]
type Mode = i32;

/// Whether what is done to a file changes it.
#[derive(Clone, Copy)]
enum Access {
    Reads,
    Writes,
}

/// Where a checked path leads.
enum Place {
    /// To a file, under this name if the path is an alias.
    File(Option<CheckedPath<'static>>),
    Stream(usize),
}

impl Place {
    fn of(path: &CheckedPath, access: Access) -> io::Result<Self> {
        let Some(original) = system::original(path) else { return Ok(Self::File(None)) };
        match system::judge(&original) {
            Target::Stream(number) => Ok(Self::Stream(number)),
            target => {
                system::check(&original, target, matches!(access, Access::Writes))?;
                // The system opens a direct path, and Deno has resolved that to the end.
                let is_alias = !system::is_direct(path);
                let original = is_alias.then(|| CheckedPath::unsafe_new(original.into()));
                Ok(Self::File(original))
            }
        }
    }
}

/// The name of a file that is no stream, if it is another one than `path`.
fn renamed(path: &CheckedPath, access: Access) -> io::Result<Option<CheckedPath<'static>>> {
    match Place::of(path, access)? {
        Place::File(original) => Ok(original),
        Place::Stream(number) => {
            let original = system::original(path).unwrap_or_default();
            system::check(&original, Target::Stream(number), true).map(|()| None)
        }
    }
}

/// What a file is opened for, if the script may open one more.
fn access_of(options: &OpenOptions) -> io::Result<Access> {
    descriptors::room_for_file()?;
    let writes = options.write || options.append || options.create || options.truncate;
    Ok(if writes { Access::Writes } else { Access::Reads })
}

/// Sees that a file is still the one that was checked.
#[cfg(unix)]
fn checked(file: Rc<dyn File>, access: Access) -> FsResult<Rc<dyn File>> {
    if let Some(descriptor) = file.clone().backing_fd() {
        descriptors::opened_file(descriptor);
        // SAFETY: the file owns the descriptor, and lives until the check is done.
        let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
        system::check_open_file(descriptor, matches!(access, Access::Writes))?;
    }
    Ok(file)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
fn checked(file: Rc<dyn File>, _: Access) -> FsResult<Rc<dyn File>> {
    Ok(file)
}

/// Opens the target of a copy. The copy itself empties the file and sets its mode.
#[cfg(target_os = "linux")]
fn to_copy() -> OpenOptions {
    let mode = Some(0o600);
    OpenOptions { read: false, write: true, create: true, mode, ..OpenOptions::read() }
}

/// A path of an open file, wherever the path leads that it was opened by.
#[cfg(target_os = "linux")]
fn reopened(file: &Rc<dyn File>) -> io::Result<CheckedPathBuf> {
    let descriptor = file.clone().backing_fd().ok_or(io::ErrorKind::Unsupported)?;
    Ok(CheckedPathBuf::unsafe_new(format!("/proc/self/fd/{descriptor}").into()))
}

/// The file system of every isolate.
#[derive(Debug)]
pub(super) struct SystemFiles;

impl FileSystem for SystemFiles {
    fn cwd(&self) -> FsResult<PathBuf> {
        RealFs.cwd()
    }

    fn tmp_dir(&self) -> FsResult<PathBuf> {
        RealFs.tmp_dir()
    }

    fn chdir(&self, path: &CheckedPath) -> FsResult<()> {
        let original = renamed(path, Access::Reads)?;
        RealFs.chdir(original.as_ref().unwrap_or(path))
    }

    fn umask(&self, mask: Option<u32>) -> FsResult<u32> {
        RealFs.umask(mask)
    }

    fn open_sync(&self, path: &CheckedPath, options: OpenOptions) -> FsResult<Rc<dyn File>> {
        let access = access_of(&options)?;
        match Place::of(path, access)? {
            Place::File(original) => {
                checked(RealFs.open_sync(original.as_ref().unwrap_or(path), options)?, access)
            }
            Place::Stream(number) => stdio::of_this_thread(number),
        }
    }

    fn open_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
        options: OpenOptions,
    ) -> Later<'async_trait, Rc<dyn File>>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let access = access_of(&options)?;
            match Place::of(&path.as_checked_path(), access)? {
                Place::File(original) => {
                    let path = original.map_or(path, CheckedPath::into_owned);
                    checked(RealFs.open_async(path, options).await?, access)
                }
                Place::Stream(number) => stdio::of_this_thread(number),
            }
        })
    }

    looked_at! {
        stat_sync, stat_async -> FsStat, stdio::stat;
        lstat_sync, lstat_async -> FsStat, stdio::stat;
        realpath_sync, realpath_async -> PathBuf, stdio::path;
    }

    fn exists_sync(&self, path: &CheckedPath) -> bool {
        match Place::of(path, Access::Reads) {
            Ok(Place::File(original)) => RealFs.exists_sync(original.as_ref().unwrap_or(path)),
            Ok(Place::Stream(_)) => true,
            Err(_) => false,
        }
    }

    fn exists_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
    ) -> Later<'async_trait, bool>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let place = Place::of(&path.as_checked_path(), Access::Reads);
            match place {
                Ok(Place::File(original)) => {
                    RealFs.exists_async(original.map_or(path, CheckedPath::into_owned)).await
                }
                Ok(Place::Stream(_)) => Ok(true),
                Err(_) => Ok(false),
            }
        })
    }

    fn read_dir_sync(&self, path: &CheckedPath) -> FsResult<Vec<FsDirEntry>> {
        let original = renamed(path, Access::Reads)?;
        RealFs.read_dir_sync(original.as_ref().unwrap_or(path))
    }

    fn read_dir_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
    ) -> Later<'async_trait, FsReadDirRc>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let original = renamed(&path.as_checked_path(), Access::Reads)?;
            open_folders::open(original.map_or(path, CheckedPath::into_owned)).await
        })
    }

    fn chmod_sync(&self, path: &CheckedPath, mode: Mode) -> FsResult<()> {
        match Place::of(path, Access::Writes)? {
            Place::File(original) => RealFs.chmod_sync(original.as_ref().unwrap_or(path), mode),
            // `node:fs` sets a mode whenever it writes a whole file.
            Place::Stream(_) => Ok(()),
        }
    }

    fn chmod_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
        mode: Mode,
    ) -> Later<'async_trait, ()>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            match Place::of(&path.as_checked_path(), Access::Writes)? {
                Place::File(original) => {
                    RealFs.chmod_async(original.map_or(path, CheckedPath::into_owned), mode).await
                }
                Place::Stream(_) => Ok(()),
            }
        })
    }

    // What a link is to lead to is no path that was checked.
    fn symlink_sync(
        &self,
        target: &CheckedPath,
        link: &CheckedPath,
        kind: Option<FsFileType>,
    ) -> FsResult<()> {
        RealFs.symlink_sync(target, link, kind)
    }

    fn symlink_async<'this, 'async_trait>(
        &'this self,
        target: CheckedPathBuf,
        link: CheckedPathBuf,
        kind: Option<FsFileType>,
    ) -> Later<'async_trait, ()>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { RealFs.symlink_async(target, link, kind).await })
    }

    // A link may change after its check, so a copy is made of files that are open.
    #[cfg(target_os = "linux")]
    fn copy_file_sync(&self, from: &CheckedPath, to: &CheckedPath) -> FsResult<()> {
        let original = renamed(from, Access::Reads)?;
        let (from, read) = (original.as_ref().unwrap_or(from), OpenOptions::read());
        let source = checked(RealFs.open_sync(from, read)?, Access::Reads)?;
        let original = renamed(to, Access::Writes)?;
        let to = original.as_ref().unwrap_or(to);
        if !source.clone().stat_sync()?.is_file {
            return RealFs.copy_file_sync(&reopened(&source)?.as_checked_path(), to);
        }
        let target = checked(RealFs.open_sync(to, to_copy())?, Access::Writes)?;
        let (from, to) = (reopened(&source)?, reopened(&target)?);
        RealFs.copy_file_sync(&from.as_checked_path(), &to.as_checked_path())
    }

    #[cfg(target_os = "linux")]
    fn copy_file_async<'this, 'async_trait>(
        &'this self,
        from: CheckedPathBuf,
        to: CheckedPathBuf,
    ) -> Later<'async_trait, ()>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let original = renamed(&from.as_checked_path(), Access::Reads)?;
            let from = original.map_or(from, CheckedPath::into_owned);
            let read = OpenOptions::read();
            let source = checked(RealFs.open_async(from, read).await?, Access::Reads)?;
            let original = renamed(&to.as_checked_path(), Access::Writes)?;
            let to = original.map_or(to, CheckedPath::into_owned);
            if !source.clone().stat_async().await?.is_file {
                return RealFs.copy_file_async(reopened(&source)?, to).await;
            }
            let target = checked(RealFs.open_async(to, to_copy()).await?, Access::Writes)?;
            // Both files stay open until the copy is made.
            RealFs.copy_file_async(reopened(&source)?, reopened(&target)?).await
        })
    }

    #[cfg(not(target_os = "linux"))]
    passed_on! { copy_file_sync, copy_file_async(from: Reads, to: Writes;) -> (); }

    fn remove_sync(&self, path: &CheckedPath, recursive: bool) -> FsResult<()> {
        let original = renamed(path, Access::Writes)?;
        let path = original.as_ref().unwrap_or(path);
        #[cfg(unix)]
        if recursive {
            return Ok(remove_tree::remove(path)?);
        }
        RealFs.remove_sync(path, recursive)
    }

    fn remove_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
        recursive: bool,
    ) -> Later<'async_trait, ()>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let original = renamed(&path.as_checked_path(), Access::Writes)?;
            let path = original.map_or(path, CheckedPath::into_owned);
            #[cfg(unix)]
            if recursive {
                return Ok(spawn_blocking(move || remove_tree::remove(&path)).await??);
            }
            RealFs.remove_async(path, recursive).await
        })
    }

    passed_on! {
        mkdir_sync, mkdir_async(path: Writes; recursive: bool, mode: Option<u32>) -> ();
        chown_sync, chown_async(path: Writes; uid: Option<u32>, gid: Option<u32>) -> ();
        lchmod_sync, lchmod_async(path: Writes; mode: u32) -> ();
        lchown_sync, lchown_async(path: Writes; uid: Option<u32>, gid: Option<u32>) -> ();
        cp_sync, cp_async(from: Reads, to: Writes;) -> ();
        statfs_sync, statfs_async(path: Reads; bigint: bool) -> FsStatFs;
        rename_sync, rename_async(from: Writes, to: Writes;) -> ();
        rmdir_sync, rmdir_async(path: Writes;) -> ();
        link_sync, link_async(from: Writes, to: Writes;) -> ();
        read_link_sync, read_link_async(path: Reads;) -> PathBuf;
        truncate_sync, truncate_async(path: Writes; length: u64) -> ();
        utime_sync, utime_async(
            path: Writes;
            accessed: i64, accessed_nanos: u32, modified: i64, modified_nanos: u32
        ) -> ();
        lutime_sync, lutime_async(
            path: Writes;
            accessed: i64, accessed_nanos: u32, modified: i64, modified_nanos: u32
        ) -> ();
    }
}
