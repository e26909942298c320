//! Modules that are compiled into the application, by name.
//!
//! The embedded engine loads them from memory. Child runtimes need files: a module is written to a folder when it
//! is first used, and verified at every start.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempDir};

use crate::error::Error;

/// Longest part of a module's name that its file name contains, in characters.
const LONGEST_NAME: usize = 48;

/// The bundled modules and the folder that their files are written to.
pub(crate) struct Bundled {
    modules: HashMap<String, Arc<str>>,
    folder: Mutex<Folder>,
}

enum Folder {
    /// Set by the application. The files stay for the next run.
    Given(PathBuf),
    /// A temporary folder that is not created yet.
    Temporary,
    /// A temporary folder; removed when dropped.
    Made(TempDir),
    /// The supervisor has shut down.
    Removed,
}

impl Bundled {
    pub(crate) fn new(modules: HashMap<String, Arc<str>>, folder: Option<PathBuf>) -> Self {
        let folder = folder.map_or(Folder::Temporary, Folder::Given);
        Self { modules, folder: Mutex::new(folder) }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<str>> {
        self.modules.get(name).cloned()
    }

    /// The path of a file with `source`, the module `name`. Blocks the thread.
    pub(crate) fn file(&self, name: &str, source: &str) -> Result<PathBuf, Error> {
        // Locked until the file is written, so that `remove` cannot run in between.
        let mut folder = self.folder();
        let folder_path = folder.open()?;
        let path = folder_path.join(file_name(name, source));
        write_if_changed(&folder_path, &path, source)
            .map_err(|source| failed(path.clone(), source))?;
        Ok(path)
    }

    /// Removes the temporary folder.
    pub(crate) fn remove(&self) {
        *self.folder() = Folder::Removed;
    }

    fn folder(&self) -> MutexGuard<'_, Folder> {
        self.folder.lock()
    }
}

impl Folder {
    /// The path of the folder, which is created if it does not exist.
    fn open(&mut self) -> Result<PathBuf, Error> {
        match self {
            Self::Given(path) => {
                create_private(path).map_err(|source| failed(path.clone(), source))?;
                Ok(path.clone())
            }
            Self::Temporary => {
                // `tempdir` makes it private to the user.
                let made = tempfile::Builder::new()
                    .prefix(&format!("js-runtime-{}-", std::process::id()))
                    .tempdir()
                    .map_err(|source| failed(std::env::temp_dir(), source))?;
                let path = made.path().to_path_buf();
                *self = Self::Made(made);
                Ok(path)
            }
            Self::Made(made) => Ok(made.path().to_path_buf()),
            Self::Removed => Err(Error::ShutDown),
        }
    }
}

fn failed(path: PathBuf, source: io::Error) -> Error {
    Error::Path { what: "file of a bundled module", path, source }
}

fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A readable name and a hash of the content. An older version of the module may still be running.
fn file_name(name: &str, source: &str) -> String {
    let stem = name.strip_suffix(".mjs").or(name.strip_suffix(".js")).unwrap_or(name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let plain = |c| if is_plain(c) { c } else { '_' };
    let stem: String = stem.chars().map(plain).take(LONGEST_NAME).collect();
    let hash = Sha256::digest(source);
    let hash = u64::from_be_bytes(std::array::from_fn(|index| hash[index]));
    // A leading dot would hide the file or name another folder.
    format!("{}-{hash:016x}.mjs", stem.trim_start_matches('.'))
}

/// Makes `path` a regular file with exactly this content.
fn write_if_changed(folder: &Path, path: &Path, source: &str) -> io::Result<()> {
    // A symbolic link is replaced: its target may change.
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    if is_file && fs::read(path).is_ok_and(|found| found == source.as_bytes()) {
        return Ok(());
    }
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(source.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundled(folder: Option<PathBuf>) -> Bundled {
        Bundled::new(HashMap::new(), folder)
    }

    #[test]
    fn a_file_is_named_after_its_module_and_content_and_stays_in_the_folder() {
        assert_eq!(file_name("worker", "a"), "worker-ca978112ca1bbdca.mjs");
        assert_ne!(file_name("worker", "a"), file_name("worker", "b"));
        assert!(file_name("../../etc/a b.js", "").starts_with("_.._etc_a_b-"));
        assert!(file_name(&"ü".repeat(500), "").len() < 80);
    }

    #[test]
    fn a_file_in_a_given_folder_is_reused_only_if_its_content_matches() {
        let above = tempfile::tempdir().expect("a folder");
        let folder = above.path().join("made/for/it");
        let path = bundled(Some(folder.clone())).file("a", "right").expect("a file");
        let read = || fs::read_to_string(&path).expect("the module");
        assert_eq!((read().as_str(), path.parent()), ("right", Some(&*folder)));
        let written = fs::metadata(&path).and_then(|file| file.modified()).expect("a time");

        let later = bundled(Some(folder.clone()));
        assert_eq!(later.file("a", "right").expect("the same file"), path);
        let found = fs::metadata(&path).and_then(|file| file.modified()).expect("a time");
        assert_eq!(found, written, "written again");
        fs::write(&path, "wrong").expect("writable");
        later.file("a", "right").expect("the same file");
        assert_eq!(read(), "right");
        later.remove();
        assert_eq!(fs::read_dir(&folder).expect("the folder stays").count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_folder_is_private_and_a_link_in_it_is_not_followed() {
        use std::os::unix::fs::PermissionsExt;

        let above = tempfile::tempdir().expect("a folder");
        let (folder, target) = (above.path().join("own"), above.path().join("target"));
        fs::write(&target, "right").expect("writable");
        fs::create_dir(&folder).expect("writable");
        let path = folder.join(file_name("a", "right"));
        std::os::unix::fs::symlink(&target, &path).expect("a link");
        bundled(Some(folder)).file("a", "right").expect("a file");
        assert!(fs::symlink_metadata(&path).expect("there").is_file());

        let missing = above.path().join("new");
        bundled(Some(missing.clone())).file("a", "right").expect("a file");
        let mode = fs::metadata(missing).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_removed_temporary_folder_is_not_created_again() {
        let bundled = bundled(None);
        let path = bundled.file("a", "right").expect("a file");
        assert!(path.is_file());
        bundled.remove();
        assert!(!path.parent().is_some_and(Path::exists));
        assert!(matches!(bundled.file("a", "right"), Err(Error::ShutDown)));
    }
}
