//! Folders that are read bit by bit: each has a descriptor as long as a script reads it.

use std::sync::Arc;

use deno_runtime::deno_fs::{FileSystem, FsDirEntry, FsReadDir, FsReadDirRc, RealFs};
use deno_runtime::deno_io::fs::FsResult;

use super::held::Held;
use crate::isolate::sandbox::files::fd_guard;
use crate::isolate::sandbox::files::open_files::Counted;

/// A folder that is counted while it is open.
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

/// Opens a folder if the script may open one more.
pub(super) async fn open(held: Held) -> FsResult<FsReadDirRc> {
    let counted = fd_guard::count_one()?;
    let folder = RealFs.read_dir_async(held.owned()).await?;
    Ok(Arc::new(OpenFolder { folder, _held: held, _counted: counted }))
}
