//! Folders that a script reads entry by entry. Each has a descriptor while it is read.

use std::sync::Arc;

use deno_runtime::deno_fs::{FileSystem, FsDirEntry, FsReadDir, FsReadDirRc, RealFs};
use deno_runtime::deno_io::fs::FsResult;

use super::held::Held;
use crate::isolate::sandbox::files::fd_guard;
use crate::isolate::sandbox::files::open_files::Counted;

/// An open folder, counted until it is dropped.
#[derive(Debug)]
struct OpenFolder {
    folder: FsReadDirRc,
    _held: Held,
    _counted: Option<Counted>,
}

#[async_trait::async_trait(?Send)]
impl FsReadDir for OpenFolder {
    async fn next(&self) -> FsResult<Option<FsDirEntry>> {
        self.folder.next().await
    }
}

/// Opens a folder. Fails if the script has too many open files.
pub(super) async fn open(held: Held) -> FsResult<FsReadDirRc> {
    let counted = fd_guard::count_one()?;
    let folder = RealFs.read_dir_async(held.owned()).await?;
    Ok(Arc::new(OpenFolder { folder, _held: held, _counted: counted }))
}
