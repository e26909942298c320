//! Deno's file system with special files and pinned paths.
//!
//! A path below `/dev`, `/proc` or `/sys` arrives under the alias that `permissions::system` describes.
//! Files that expose the application are refused, the paths of standard streams lead to the isolate's streams, and
//! other paths lead to the file itself. A path is pinned while it is used, so that it leads where it was checked.

#[cfg(unix)]
mod databases;
#[macro_use]
mod delegation;
mod held;
mod open_folders;
mod opening;
mod place;
#[cfg(unix)]
mod sockets;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::future::Future;
#[cfg(target_os = "linux")]
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;

use deno_runtime::deno_core::unsync::spawn_blocking;
use deno_runtime::deno_fs::{FileSystem, FsDirEntry, FsFileType, FsReadDirRc, OpenOptions, RealFs};
use deno_runtime::deno_io::fs::{File, FsResult, FsStat, FsStatFs};
use deno_runtime::deno_permissions::{CheckedPath, CheckedPathBuf};

#[cfg(unix)]
pub(crate) use self::databases::{open_of_database, remove_of_database};
pub(crate) use self::held::Held;
pub(crate) use self::held::enter;
#[cfg(unix)]
pub(crate) use self::held::has_grants;
use self::held::{Access, End};
pub(crate) use self::opening::to_load;
use self::opening::{Opened, into_file, make_folders};
use self::place::{Place, of_file};
#[cfg(unix)]
pub(crate) use self::sockets::{socket_to_bind, socket_to_connect};
#[cfg(unix)]
use super::remove_tree;
use crate::isolate::stdio;

/// The return type of an async method under `async_trait`.
type Later<'a, T> = Pin<Box<dyn Future<Output = FsResult<T>> + 'a>>;

#[cfg(unix)]
type Mode = u32;
#[cfg(not(unix))]
type Mode = i32;

fn to_write() -> OpenOptions {
    OpenOptions { read: false, write: true, ..OpenOptions::read() }
}

/// Options for the target of a copy. The copy itself truncates the file and sets its mode.
#[cfg(target_os = "linux")]
fn to_copy() -> OpenOptions {
    let mode = Some(0o600);
    OpenOptions { read: false, write: true, create: true, mode, ..OpenOptions::read() }
}

/// The path of an open file, which is independent of the path that it was opened by.
#[cfg(target_os = "linux")]
fn reopened(file: &Rc<dyn File>) -> io::Result<CheckedPathBuf> {
    let descriptor = file.clone().backing_fd().ok_or(io::ErrorKind::Unsupported)?;
    Ok(CheckedPathBuf::unsafe_new(format!("/proc/self/fd/{descriptor}").into()))
}

/// The file system of every isolate.
#[derive(Debug)]
pub(crate) struct SystemFiles;

impl FileSystem for SystemFiles {
    fn cwd(&self) -> FsResult<PathBuf> {
        RealFs.cwd()
    }

    fn tmp_dir(&self) -> FsResult<PathBuf> {
        RealFs.tmp_dir()
    }

    fn chdir(&self, path: &CheckedPath) -> FsResult<()> {
        RealFs.chdir(&of_file(path, Access::Reads, End::Followed)?.checked())
    }

    fn umask(&self, mask: Option<u32>) -> FsResult<u32> {
        RealFs.umask(mask)
    }

    fn open_sync(&self, path: &CheckedPath, options: OpenOptions) -> FsResult<Rc<dyn File>> {
        match opening::prepare(path, options)? {
            Opened::Later(opening) => Ok(into_file(opening.open()?)),
            Opened::Stream(number) => stdio::of_this_thread(number),
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
            match opening::prepare(&path.as_checked_path(), options)? {
                // Opening a named pipe waits for its other end.
                Opened::Later(opening) => Ok(into_file(spawn_blocking(|| opening.open()).await??)),
                Opened::Stream(number) => stdio::of_this_thread(number),
            }
        })
    }

    looked_at! {
        stat_sync, stat_async Followed -> FsStat, stdio::stat;
        lstat_sync, lstat_async Itself -> FsStat, stdio::stat;
        realpath_sync, realpath_async Followed -> PathBuf, stdio::path;
    }

    fn exists_sync(&self, path: &CheckedPath) -> bool {
        match Place::of(path, Access::Reads, End::Followed) {
            Ok(Place::File(held)) => RealFs.exists_sync(&held.checked()),
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
            match Place::of(&path.as_checked_path(), Access::Reads, End::Followed) {
                Ok(Place::File(held)) => RealFs.exists_async(held.owned()).await,
                Ok(Place::Stream(_)) => Ok(true),
                Err(_) => Ok(false),
            }
        })
    }

    fn read_dir_sync(&self, path: &CheckedPath) -> FsResult<Vec<FsDirEntry>> {
        RealFs.read_dir_sync(&of_file(path, Access::Reads, End::Followed)?.checked())
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
            let held = of_file(&path.as_checked_path(), Access::Reads, End::Followed)?;
            open_folders::open(held).await
        })
    }

    fn mkdir_sync(&self, path: &CheckedPath, recursive: bool, mode: Option<u32>) -> FsResult<()> {
        if recursive {
            return make_folders(path, mode);
        }
        let held = of_file(path, Access::Writes, End::Itself)?;
        RealFs.mkdir_sync(&held.checked(), false, mode)
    }

    fn mkdir_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
        recursive: bool,
        mode: Option<u32>,
    ) -> Later<'async_trait, ()>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            if recursive {
                return make_folders(&path.as_checked_path(), mode);
            }
            let held = of_file(&path.as_checked_path(), Access::Writes, End::Itself)?;
            RealFs.mkdir_async(held.owned(), false, mode).await
        })
    }

    fn chmod_sync(&self, path: &CheckedPath, mode: Mode) -> FsResult<()> {
        match Place::of(path, Access::Writes, End::Followed)? {
            Place::File(held) => RealFs.chmod_sync(&held.checked(), mode),
            // `node:fs` sets the mode whenever it writes a whole file.
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
            match Place::of(&path.as_checked_path(), Access::Writes, End::Followed)? {
                Place::File(held) => RealFs.chmod_async(held.owned(), mode).await,
                Place::Stream(_) => Ok(()),
            }
        })
    }

    // The target of a new link is not a checked path.
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

    fn truncate_sync(&self, path: &CheckedPath, length: u64) -> FsResult<()> {
        self.open_sync(path, to_write())?.truncate_sync(length)
    }

    fn truncate_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
        length: u64,
    ) -> Later<'async_trait, ()>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(
            async move { self.open_async(path, to_write()).await?.truncate_async(length).await },
        )
    }

    // A link may change after its check, so the copy uses open files.
    #[cfg(target_os = "linux")]
    fn copy_file_sync(&self, from: &CheckedPath, to: &CheckedPath) -> FsResult<()> {
        let source = self.open_sync(from, OpenOptions::read())?;
        if !source.clone().stat_sync()?.is_file {
            let to = of_file(to, Access::Writes, End::Followed)?;
            return RealFs.copy_file_sync(&reopened(&source)?.as_checked_path(), &to.checked());
        }
        let target = self.open_sync(to, to_copy())?;
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
            let source = self.open_async(from, OpenOptions::read()).await?;
            if !source.clone().stat_async().await?.is_file {
                let to = of_file(&to.as_checked_path(), Access::Writes, End::Followed)?;
                return RealFs.copy_file_async(reopened(&source)?, to.owned()).await;
            }
            let target = self.open_async(to, to_copy()).await?;
            // Both files stay open until the copy is made.
            RealFs.copy_file_async(reopened(&source)?, reopened(&target)?).await
        })
    }

    #[cfg(not(target_os = "linux"))]
    passed_on! {
        copy_file_sync, copy_file_async(from: Reads Followed, to: Writes Followed;) -> ();
    }

    fn remove_sync(&self, path: &CheckedPath, recursive: bool) -> FsResult<()> {
        let held = of_file(path, Access::Writes, End::Itself)?;
        #[cfg(unix)]
        if recursive {
            return Ok(remove_tree::remove(&held.checked())?);
        }
        RealFs.remove_sync(&held.checked(), recursive)
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
            let held = of_file(&path.as_checked_path(), Access::Writes, End::Itself)?;
            #[cfg(unix)]
            if recursive {
                return Ok(spawn_blocking(move || remove_tree::remove(&held.checked())).await??);
            }
            RealFs.remove_async(held.owned(), recursive).await
        })
    }

    passed_on! {
        chown_sync, chown_async(
            path: Writes Followed; uid: Option<u32>, gid: Option<u32>
        ) -> ();
        lchmod_sync, lchmod_async(path: Writes Itself; mode: u32) -> ();
        lchown_sync, lchown_async(path: Writes Itself; uid: Option<u32>, gid: Option<u32>) -> ();
        cp_sync, cp_async(from: Reads Itself, to: Writes Itself;) -> ();
        statfs_sync, statfs_async(path: Reads Followed; bigint: bool) -> FsStatFs;
        rename_sync, rename_async(from: Writes Itself, to: Writes Itself;) -> ();
        rmdir_sync, rmdir_async(path: Writes Itself;) -> ();
        link_sync, link_async(from: Writes Itself, to: Writes Itself;) -> ();
        read_link_sync, read_link_async(path: Reads Itself;) -> PathBuf;
        utime_sync, utime_async(
            path: Writes Followed;
            accessed: i64, accessed_nanos: u32, modified: i64, modified_nanos: u32
        ) -> ();
        lutime_sync, lutime_async(
            path: Writes Itself;
            accessed: i64, accessed_nanos: u32, modified: i64, modified_nanos: u32
        ) -> ();
    }
}
