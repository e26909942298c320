//! Deno's file system with special files and pinned paths.
//!
//! A path below `/dev`, `/proc` or `/sys` arrives under the alias that `permissions::special_files` describes.
//! Files that expose the application are refused, the paths of standard streams lead to the isolate's streams, and
//! other paths lead to the file itself. A path is pinned while it is used, so that it leads where it was checked.

#[cfg(unix)]
mod databases;
#[macro_use]
mod delegation;
mod opening;
mod path_target;
mod pinned_path;
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
pub(crate) use self::databases::{open_database_file, remove_database_file};
pub(crate) use self::opening::open_regular_file;
use self::opening::{OpenTarget, create_folders, into_file, open_folder};
use self::path_target::{PathTarget, pin_file};
#[cfg(unix)]
pub(crate) use self::path_target::{pin_socket_to_bind, pin_socket_to_connect};
pub(crate) use self::pinned_path::PinnedPath;
#[cfg(unix)]
pub(crate) use self::pinned_path::has_permissions;
pub(crate) use self::pinned_path::set_permissions;
use self::pinned_path::{Access, FinalLink};
#[cfg(unix)]
use super::remove_tree;
use crate::isolate::stdio;

/// The return type of an async method under `async_trait`.
type FsFuture<'a, T> = Pin<Box<dyn Future<Output = FsResult<T>> + 'a>>;

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
pub(crate) struct SandboxFs;

impl FileSystem for SandboxFs {
    fn cwd(&self) -> FsResult<PathBuf> {
        RealFs.cwd()
    }

    fn tmp_dir(&self) -> FsResult<PathBuf> {
        RealFs.tmp_dir()
    }

    fn chdir(&self, path: &CheckedPath) -> FsResult<()> {
        RealFs.chdir(&pin_file(path, Access::Read, FinalLink::Follow)?.checked())
    }

    fn umask(&self, mask: Option<u32>) -> FsResult<u32> {
        RealFs.umask(mask)
    }

    fn open_sync(&self, path: &CheckedPath, options: OpenOptions) -> FsResult<Rc<dyn File>> {
        match opening::pin_for_open(path, options)? {
            OpenTarget::File(opening) => Ok(into_file(opening.open()?)),
            OpenTarget::Stream(number) => stdio::open(number),
        }
    }

    fn open_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
        options: OpenOptions,
    ) -> FsFuture<'async_trait, Rc<dyn File>>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            match opening::pin_for_open(&path.as_checked_path(), options)? {
                // Opening a named pipe waits for its other end.
                OpenTarget::File(opening) => {
                    Ok(into_file(spawn_blocking(|| opening.open()).await??))
                }
                OpenTarget::Stream(number) => stdio::open(number),
            }
        })
    }

    delegate_or_stream! {
        stat_sync, stat_async Follow -> FsStat, stdio::stat;
        lstat_sync, lstat_async NoFollow -> FsStat, stdio::stat;
        realpath_sync, realpath_async Follow -> PathBuf, stdio::path;
    }

    fn exists_sync(&self, path: &CheckedPath) -> bool {
        match PathTarget::of(path, Access::Read, FinalLink::Follow) {
            Ok(PathTarget::File(pinned)) => RealFs.exists_sync(&pinned.checked()),
            Ok(PathTarget::Stream(_)) => true,
            Err(_) => false,
        }
    }

    fn exists_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
    ) -> FsFuture<'async_trait, bool>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            match PathTarget::of(&path.as_checked_path(), Access::Read, FinalLink::Follow) {
                Ok(PathTarget::File(pinned)) => RealFs.exists_async(pinned.owned()).await,
                Ok(PathTarget::Stream(_)) => Ok(true),
                Err(_) => Ok(false),
            }
        })
    }

    fn read_dir_sync(&self, path: &CheckedPath) -> FsResult<Vec<FsDirEntry>> {
        RealFs.read_dir_sync(&pin_file(path, Access::Read, FinalLink::Follow)?.checked())
    }

    fn read_dir_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
    ) -> FsFuture<'async_trait, FsReadDirRc>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let pinned = pin_file(&path.as_checked_path(), Access::Read, FinalLink::Follow)?;
            open_folder(pinned).await
        })
    }

    fn mkdir_sync(&self, path: &CheckedPath, recursive: bool, mode: Option<u32>) -> FsResult<()> {
        if recursive {
            return create_folders(path, mode);
        }
        let pinned = pin_file(path, Access::Write, FinalLink::NoFollow)?;
        RealFs.mkdir_sync(&pinned.checked(), false, mode)
    }

    fn mkdir_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
        recursive: bool,
        mode: Option<u32>,
    ) -> FsFuture<'async_trait, ()>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            if recursive {
                return create_folders(&path.as_checked_path(), mode);
            }
            let pinned = pin_file(&path.as_checked_path(), Access::Write, FinalLink::NoFollow)?;
            RealFs.mkdir_async(pinned.owned(), false, mode).await
        })
    }

    fn chmod_sync(&self, path: &CheckedPath, mode: Mode) -> FsResult<()> {
        match PathTarget::of(path, Access::Write, FinalLink::Follow)? {
            PathTarget::File(pinned) => RealFs.chmod_sync(&pinned.checked(), mode),
            // `node:fs` sets the mode whenever it writes a whole file.
            PathTarget::Stream(_) => Ok(()),
        }
    }

    fn chmod_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
        mode: Mode,
    ) -> FsFuture<'async_trait, ()>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            match PathTarget::of(&path.as_checked_path(), Access::Write, FinalLink::Follow)? {
                PathTarget::File(pinned) => RealFs.chmod_async(pinned.owned(), mode).await,
                PathTarget::Stream(_) => Ok(()),
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
    ) -> FsFuture<'async_trait, ()>
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
    ) -> FsFuture<'async_trait, ()>
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
            let to = pin_file(to, Access::Write, FinalLink::Follow)?;
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
    ) -> FsFuture<'async_trait, ()>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let source = self.open_async(from, OpenOptions::read()).await?;
            if !source.clone().stat_async().await?.is_file {
                let to = pin_file(&to.as_checked_path(), Access::Write, FinalLink::Follow)?;
                return RealFs.copy_file_async(reopened(&source)?, to.owned()).await;
            }
            let target = self.open_async(to, to_copy()).await?;
            // Both files stay open until the copy is made.
            RealFs.copy_file_async(reopened(&source)?, reopened(&target)?).await
        })
    }

    #[cfg(not(target_os = "linux"))]
    delegate! {
        copy_file_sync, copy_file_async(from: Read Follow, to: Write Follow;) -> ();
    }

    fn remove_sync(&self, path: &CheckedPath, recursive: bool) -> FsResult<()> {
        let pinned = pin_file(path, Access::Write, FinalLink::NoFollow)?;
        #[cfg(unix)]
        if recursive {
            return Ok(remove_tree::remove(&pinned.checked())?);
        }
        RealFs.remove_sync(&pinned.checked(), recursive)
    }

    fn remove_async<'this, 'async_trait>(
        &'this self,
        path: CheckedPathBuf,
        recursive: bool,
    ) -> FsFuture<'async_trait, ()>
    where
        'this: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let pinned = pin_file(&path.as_checked_path(), Access::Write, FinalLink::NoFollow)?;
            #[cfg(unix)]
            if recursive {
                return Ok(spawn_blocking(move || remove_tree::remove(&pinned.checked())).await??);
            }
            RealFs.remove_async(pinned.owned(), recursive).await
        })
    }

    delegate! {
        chown_sync, chown_async(
            path: Write Follow; uid: Option<u32>, gid: Option<u32>
        ) -> ();
        lchmod_sync, lchmod_async(path: Write NoFollow; mode: u32) -> ();
        lchown_sync, lchown_async(path: Write NoFollow; uid: Option<u32>, gid: Option<u32>) -> ();
        cp_sync, cp_async(from: Read NoFollow, to: Write NoFollow;) -> ();
        statfs_sync, statfs_async(path: Read Follow; bigint: bool) -> FsStatFs;
        rename_sync, rename_async(from: Write NoFollow, to: Write NoFollow;) -> ();
        rmdir_sync, rmdir_async(path: Write NoFollow;) -> ();
        link_sync, link_async(from: Write NoFollow, to: Write NoFollow;) -> ();
        read_link_sync, read_link_async(path: Read NoFollow;) -> PathBuf;
        utime_sync, utime_async(
            path: Write Follow;
            accessed: i64, accessed_nanos: u32, modified: i64, modified_nanos: u32
        ) -> ();
        lutime_sync, lutime_async(
            path: Write NoFollow;
            accessed: i64, accessed_nanos: u32, modified: i64, modified_nanos: u32
        ) -> ();
    }
}
