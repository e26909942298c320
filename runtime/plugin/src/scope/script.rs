//! Files and folders that a page names.

use std::path::{Component, Path, PathBuf};

use globset::GlobMatcher;

use super::reach::{is_slippery, real};
use super::shown;

/// A folder that what a page names must lie in.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The script called `name`, as a path without links.
    ///
    /// The pattern is held against the name and against what the name leads to: a link inside the
    /// folder must not make another file of it eligible.
    pub(super) fn script(&self, name: &str, pattern: &GlobMatcher) -> Result<PathBuf, String> {
        let relative = plain(name)?;
        if !pattern.is_match(&relative) {
            return Err(format!("the script '{}' is not one that the entry names", shown(name)));
        }
        let not_named = || {
            let name = shown(name);
            format!("the script '{name}' is a link to a file that the entry does not name")
        };
        let (root, path) = self.real(Path::new(&relative)).ok_or_else(not_named)?;
        let within = path.strip_prefix(&root).ok().and_then(|path| plain(path.to_str()?).ok());
        if !within.is_some_and(|within| pattern.is_match(&within)) {
            return Err(not_named());
        }
        exists(&path, name)
    }

    /// The folder `path`, which may be absolute, inside of this one.
    pub(super) fn folder(&self, path: &Path) -> Result<PathBuf, String> {
        let name = path.display().to_string();
        let outside =
            || format!("the folder '{}' lies outside of '{}'", shown(&name), self.0.display());
        // First by its name, then by where it leads: whether a folder elsewhere exists is nothing that a page
        // may find out.
        if is_slippery(path) || !self.0.join(path).starts_with(&self.0) {
            return Err(outside());
        }
        let (root, real) = self.real(path).ok_or_else(outside)?;
        if !real.starts_with(&root) {
            return Err(outside());
        }
        exists(&real, &name)
    }

    /// This folder and `path` in it, both without links; `None` where the system does not say.
    fn real(&self, path: &Path) -> Option<(PathBuf, PathBuf)> {
        Some((real(&self.0).ok()?, real(&self.0.join(path)).ok()?))
    }
}

/// Said only of what lies where the page may look.
fn exists(path: &Path, name: &str) -> Result<PathBuf, String> {
    match std::fs::metadata(path) {
        Ok(_) => Ok(path.to_path_buf()),
        Err(error) => Err(format!("'{}': {error}", shown(name))),
    }
}

/// A relative path that goes down only, with `/` between its parts.
fn plain(path: &str) -> Result<String, String> {
    let mut parts = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::CurDir => {}
            Component::ParentDir => {
                return Err(format!("the path '{}' must not contain '..'", shown(path)));
            }
            Component::RootDir | Component::Prefix(_) => {
                return Err(format!("the path '{}' must be relative, not absolute", shown(path)));
            }
        }
    }
    if parts.is_empty() {
        return Err("the name of the script is empty".to_owned());
    }
    if is_slippery(Path::new(path)) {
        return Err(format!(
            "the path '{}' has a part that Windows takes for a device or for a part of a file",
            shown(path)
        ));
    }
    Ok(parts.join("/"))
}
