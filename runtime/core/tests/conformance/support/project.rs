//! A temporary folder with the files of one program, for cases about module resolution.

use std::fs;
use std::path::PathBuf;

use js_runtime::{Permissions, SpawnConfig};
use libtest_mimic::Failed;

use super::{Bench, Ended};

/// A temporary project folder, removed on drop.
pub(crate) struct Project(tempfile::TempDir);

impl Project {
    /// Creates the folder with these files, given by path and text.
    pub(crate) fn new(files: &[(&str, &str)]) -> Result<Self, Failed> {
        let project = Self(tempfile::tempdir()?);
        for (path, text) in files {
            project.write(path, text)?;
        }
        Ok(project)
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> Result<(), Failed> {
        let path = self.path(path);
        fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        Ok(fs::write(path, text)?)
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Runs a file of the project without permissions.
    pub(crate) async fn run(&self, bench: &Bench, script: &str) -> Result<Ended, Failed> {
        bench.run(bench.script(&self.path(script), &[]), b"").await
    }

    /// Runs a file of the project with all permissions.
    pub(crate) async fn run_with_all(&self, bench: &Bench, script: &str) -> Result<Ended, Failed> {
        let permissions = Some(Permissions::all());
        let script = bench.script(&self.path(script), &[]);
        bench.run(SpawnConfig { permissions, ..script }, b"").await
    }
}
