//! Folders that are read bit by bit: each has a descriptor as long as a script reads it.

use std::sync::Arc;

use deno_runtime::deno_fs::{FileSystem, FsDirEntry, FsReadDir, FsReadDirRc, RealFs};
use deno_runtime::deno_io::fs::FsResult;
use deno_runtime::deno_permissions::CheckedPathBuf;

use crate::isolate::descriptors;
use crate::isolate::open_files::Counted;

/// A folder that is counted while it is open.
#[derive(Debug)]
struct OpenFolder {
    folder: FsReadDirRc,
    _counted: Option<Counted>,
}

#[async_trait::async_trait(?Send)]
impl FsReadDir for OpenFolder {
    async fn next(&self) -> FsResult<Option<FsDirEntry>> {
        self.folder.next().await
    }
}

/// Opens a folder if the script may open one more.
pub(super) async fn open(path: CheckedPathBuf) -> FsResult<FsReadDirRc> {
    let counted = descriptors::count_one()?;
    let folder = RealFs.read_dir_async(path).await?;
    Ok(Arc::new(OpenFolder { folder, _counted: counted }))
}
