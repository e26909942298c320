//! Files and folders that a page names.

use std::path::{Component, Path, PathBuf};

use globset::GlobMatcher;

use super::shown;

/// A folder that what a page names must lie in.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
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
        let (root, path) = self.real(Path::new(&relative))?;
        let within = path.strip_prefix(&root).ok().and_then(|path| plain(path.to_str()?).ok());
        match within {
            Some(within) if pattern.is_match(&within) => Ok(path),
            _ => Err(format!(
                "the script '{}' is a link to a file that the entry does not name",
                shown(name)
            )),
        }
    }

    /// The folder `path`, which may be absolute, inside of this one.
    pub(super) fn folder(&self, path: &Path) -> Result<PathBuf, String> {
        let outside = || {
            let path = shown(&path.display().to_string());
            format!("the folder '{path}' lies outside of '{}'", self.0.display())
        };
        // First by its name: whether a folder elsewhere exists is nothing that a page may find out.
        let goes_up = path.components().any(|part| part == Component::ParentDir);
        if goes_up || !self.0.join(path).starts_with(&self.0) {
            return Err(outside());
        }
        let (root, real) = self.real(path)?;
        if real.starts_with(&root) { Ok(real) } else { Err(outside()) }
    }

    /// This folder and `path` in it, both without links.
    fn real(&self, path: &Path) -> Result<(PathBuf, PathBuf), String> {
        let find = |path: &Path| {
            let shown = || shown(&path.display().to_string());
            dunce::canonicalize(path).map_err(|error| format!("'{}': {error}", shown()))
        };
        Ok((find(&self.0)?, find(&self.0.join(path))?))
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
    Ok(parts.join("/"))
}
