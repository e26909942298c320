//! Deno's `File` trait for a standard stream, which supports only reading or writing.
//!
//! Written without `async_trait`, which cannot be combined with a macro; so each of the thirty unsupported methods takes
//! one line.

use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;

use deno_runtime::deno_core::{BufMutView, BufView, ResourceHandleFd, WriteOutcome};
use deno_runtime::deno_io::fs::{File, FsError, FsResult, FsStat};

#[cfg(windows)]
use deno_subprocess_windows::Stdio as ChildStdio;
#[cfg(unix)]
use std::process::Stdio as ChildStdio;

use super::Stdio;

/// The result of an async method, as `async_trait` expands it.
type Later<'a, T> = Pin<Box<dyn Future<Output = FsResult<T>> + 'a>>;

/// Buffer size of `readAll` in bytes.
const READ_ALL_STEP: usize = 64 * 1024;

macro_rules! not_supported {
    (sync $($name:ident($($kind:ty),*) -> $result:ty;)*) => {
        $(fn $name(self: Rc<Self>, $(_: $kind),*) -> FsResult<$result> {
            Err(FsError::NotSupported)
        })*
    };
    (later $($name:ident($($kind:ty),*) -> $result:ty;)*) => {
        $(fn $name<'a>(self: Rc<Self>, $(_: $kind),*) -> Later<'a, $result>
        where
            Self: 'a,
        {
            Box::pin(async { Err(FsError::NotSupported) })
        })*
    };
}

impl File for Stdio {
    fn maybe_path(&self) -> Option<&Path> {
        None
    }

    fn read_sync(self: Rc<Self>, buffer: &mut [u8]) -> FsResult<usize> {
        self.read_now(buffer)
    }

    fn read_byob<'a>(self: Rc<Self>, mut buffer: BufMutView) -> Later<'a, (usize, BufMutView)>
    where
        Self: 'a,
    {
        Box::pin(async move {
            let count = self.input_end()?.read(&mut buffer).await;
            Ok((count, buffer))
        })
    }

    fn write_sync(self: Rc<Self>, data: &[u8]) -> FsResult<usize> {
        self.write_now(data).map(|()| data.len())
    }

    fn write_all_sync(self: Rc<Self>, data: &[u8]) -> FsResult<()> {
        self.write_now(data)
    }

    fn write<'a>(self: Rc<Self>, data: BufView) -> Later<'a, WriteOutcome>
    where
        Self: 'a,
    {
        Box::pin(async move {
            self.write_async(&data).await?;
            Ok(WriteOutcome::Full { nwritten: data.len() })
        })
    }

    fn write_all<'a>(self: Rc<Self>, data: BufView) -> Later<'a, ()>
    where
        Self: 'a,
    {
        Box::pin(async move { self.write_async(&data).await })
    }

    fn read_all_sync(self: Rc<Self>) -> FsResult<Cow<'static, [u8]>> {
        let mut all = Vec::new();
        let mut step = vec![0; READ_ALL_STEP];
        loop {
            match self.read_now(&mut step)? {
                0 => return Ok(Cow::Owned(all)),
                count => all.extend_from_slice(&step[..count]),
            }
        }
    }

    fn read_all_async<'a>(self: Rc<Self>) -> Later<'a, Cow<'static, [u8]>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            let input = self.input_end()?;
            let mut all = Vec::new();
            let mut step = vec![0; READ_ALL_STEP];
            loop {
                match input.read(&mut step).await {
                    0 => return Ok(Cow::Owned(all)),
                    count => all.extend_from_slice(&step[..count]),
                }
            }
        })
    }

    fn stat_sync(self: Rc<Self>) -> FsResult<FsStat> {
        Ok(pipe_stat())
    }

    fn stat_async<'a>(self: Rc<Self>) -> Later<'a, FsStat>
    where
        Self: 'a,
    {
        Box::pin(async { Ok(pipe_stat()) })
    }

    // Writes are not buffered, so there is nothing to sync.
    fn datasync_sync(self: Rc<Self>) -> FsResult<()> {
        Ok(())
    }

    fn sync_sync(self: Rc<Self>) -> FsResult<()> {
        Ok(())
    }

    fn datasync_async<'a>(self: Rc<Self>) -> Later<'a, ()>
    where
        Self: 'a,
    {
        Box::pin(async { Ok(()) })
    }

    fn sync_async<'a>(self: Rc<Self>) -> Later<'a, ()>
    where
        Self: 'a,
    {
        Box::pin(async { Ok(()) })
    }

    not_supported! { sync
        chmod_sync(u32) -> ();
        chown_sync(Option<u32>, Option<u32>) -> ();
        seek_sync(io::SeekFrom) -> u64;
        lock_sync(bool) -> ();
        try_lock_sync(bool) -> bool;
        unlock_sync() -> ();
        truncate_sync(u64) -> ();
        utime_sync(i64, u32, i64, u32) -> ();
        read_at_sync(&mut [u8], u64) -> usize;
        write_at_sync(&[u8], u64) -> usize;
        as_stdio() -> ChildStdio;
    }

    not_supported! { later
        chmod_async(u32) -> ();
        chown_async(Option<u32>, Option<u32>) -> ();
        seek_async(io::SeekFrom) -> u64;
        lock_async(bool) -> ();
        try_lock_async(bool) -> bool;
        unlock_async() -> ();
        truncate_async(u64) -> ();
        utime_async(i64, u32, i64, u32) -> ();
        read_at_async(BufMutView, u64) -> (usize, BufMutView);
    }

    fn backing_fd(self: Rc<Self>) -> Option<ResourceHandleFd> {
        None
    }

    fn try_clone_inner(self: Rc<Self>) -> FsResult<Rc<dyn File>> {
        Ok(self)
    }
}

/// The metadata of a pipe.
fn pipe_stat() -> FsStat {
    FsStat {
        is_file: false,
        is_directory: false,
        is_symlink: false,
        size: 0,
        mtime: None,
        atime: None,
        birthtime: None,
        ctime: None,
        dev: 0,
        ino: None,
        mode: 0o010_600,
        nlink: Some(1),
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        blocks: Some(0),
        is_block_device: false,
        is_char_device: false,
        is_fifo: true,
        is_socket: false,
    }
}
