//! Paths: the files below granted paths, and the scripts and folders that a page names.
//!
//! The engine resolves symlinks of granted paths when it starts a process. Paths are therefore compared, and
//! passed on, in resolved form: a symlink in a granted folder must not turn a smaller request into a larger grant.

use std::io;
use std::path::{Component, Path, PathBuf};

use globset::GlobMatcher;

use super::quoted;

/// All files below a list of resolved paths.
#[derive(Debug, PartialEq)]
pub(super) struct PathScope(Vec<PathBuf>);

impl PathScope {
    /// The paths that an entry grants. A path that the system cannot resolve grants nothing.
    pub(super) fn new(paths: &[String], base: &Path) -> Self {
        let forms = paths.iter().filter_map(|path| forms(&absolute(path, base).ok()?).ok());
        let mut forms: Vec<_> = forms.flatten().collect();
        forms.sort_unstable();
        forms.dedup();
        Self(forms)
    }

    pub(super) fn contains(&self, path: &Path) -> bool {
        self.0.iter().any(|granted| path.starts_with(granted))
    }

    pub(super) fn into_paths(self) -> Vec<PathBuf> {
        self.0
    }
}

/// A folder of an entry. The scripts or working directories that a page names must be inside.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The resolved path of the script `name`.
    ///
    /// Both `name` and the resolved path must match the pattern: a symlink in the folder must not make another
    /// file of the folder eligible.
    pub(super) fn script(&self, name: &str, pattern: &GlobMatcher) -> Result<PathBuf, String> {
        let relative = normalized(name)?;
        if !pattern.is_match(&relative) {
            return Err(format!("the script '{}' is not one that the entry names", quoted(name)));
        }
        let not_named = || {
            let name = quoted(name);
            format!("the script '{name}' is a link to a file that the entry does not name")
        };
        let (root, path) = self.resolved(Path::new(&relative)).ok_or_else(not_named)?;
        let within = path.strip_prefix(&root).ok().and_then(|path| normalized(path.to_str()?).ok());
        if !within.is_some_and(|within| pattern.is_match(&within)) {
            return Err(not_named());
        }
        existing(&path, name)
    }

    /// The resolved path of the folder `path`, which may be absolute, inside this folder.
    pub(super) fn folder(&self, path: &Path) -> Result<PathBuf, String> {
        let name = path.display().to_string();
        let outside =
            || format!("the folder '{}' is outside of '{}'", quoted(&name), self.0.display());
        // Lexically first: a page must not learn whether a folder elsewhere exists.
        if is_ambiguous(path) || !self.0.join(path).starts_with(&self.0) {
            return Err(outside());
        }
        let (root, path) = self.resolved(path).ok_or_else(outside)?;
        if !path.starts_with(&root) {
            return Err(outside());
        }
        existing(&path, &name)
    }

    /// This folder and `path` in it, both resolved; `None` if the system cannot resolve them.
    fn resolved(&self, path: &Path) -> Option<(PathBuf, PathBuf)> {
        Some((resolved(&self.0).ok()?, resolved(&self.0.join(path)).ok()?))
    }
}

/// Fails if `path` does not exist. Only for paths whose existence the page may learn.
fn existing(path: &Path, name: &str) -> Result<PathBuf, String> {
    match std::fs::metadata(path) {
        Ok(_) => Ok(path.to_path_buf()),
        Err(error) => Err(format!("'{}': {error}", quoted(name))),
    }
}

/// A relative path without `.` and with `/` as separator. Refuses `..` and absolute paths.
fn normalized(path: &str) -> Result<String, String> {
    let mut parts = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::CurDir => {}
            Component::ParentDir => {
                return Err(format!("the path '{}' must not contain '..'", quoted(path)));
            }
            Component::RootDir | Component::Prefix(_) => {
                return Err(format!("the path '{}' must be relative, not absolute", quoted(path)));
            }
        }
    }
    if parts.is_empty() {
        return Err("the name of the script is empty".to_owned());
    }
    if is_ambiguous(Path::new(path)) {
        return Err(format!(
            "the path '{}' has a part that Windows treats as a device or as a part of a file",
            quoted(path)
        ));
    }
    Ok(parts.join("/"))
}

/// The absolute form of a path relative to `base`. Refuses `..`: its meaning depends on symlinks.
pub(super) fn absolute(path: &str, base: &Path) -> io::Result<PathBuf> {
    if is_ambiguous(Path::new(path)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    std::path::absolute(base.join(path))
}

/// Whether a part of the path does not lead to the file of that name: `..`, and names that Windows interprets.
pub(super) fn is_ambiguous(path: &Path) -> bool {
    path.components().any(|part| match part {
        Component::ParentDir => true,
        Component::Normal(name) => cfg!(windows) && is_special_on_windows(&name.to_string_lossy()),
        _ => false,
    })
}

/// The two forms in which the engine knows a granted path: the path in its resolved folder, and the resolved
/// path. They differ for a symlink.
pub(super) fn forms(path: &Path) -> io::Result<[PathBuf; 2]> {
    let unresolved = match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => resolved(folder)?.join(name),
        _ => resolved(path)?,
    };
    Ok([unresolved, resolved(path)?])
}

/// The path without symlinks. Missing parts at its end are appended unresolved.
pub(super) fn resolved(path: &Path) -> io::Result<PathBuf> {
    match dunce::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // The target of a dangling symlink may be created later.
            let is_symlink = std::fs::symlink_metadata(path).is_ok();
            match (path.parent(), path.file_name()) {
                (Some(folder), Some(name)) if !is_symlink => Ok(resolved(folder)?.join(name)),
                _ => Err(error),
            }
        }
        result => result,
    }
}

/// Whether Windows interprets the name of a file: a device (`CON.txt`), a stream of a file (`file:stream`), or a
/// dot or space at the end, which it drops.
fn is_special_on_windows(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let is_numbered = numbered.is_some_and(|rest| {
        let mut rest = rest.chars();
        matches!((rest.next(), rest.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    });
    let is_device =
        matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$");
    let is_special =
        |c: char| c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*');
    is_device || is_numbered || name.ends_with(['.', ' ']) || name.contains(is_special)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_interprets_are_recognized() {
        for name in [
            "file:stream",
            "file::$DATA",
            "a.mjs.",
            "a.mjs ",
            "CON",
            "con.txt",
            "nul .x",
            "COM1",
            "lpt9.log",
            "COM¹",
            "CONOUT$",
            "a?b",
            "a\u{1}",
        ] {
            assert!(is_special_on_windows(name), "{name}");
        }
        for name in
            ["a.mjs", "console", "COM", "COM10", "größe", "a b", ".config", "NULL", "PROGRA~1"]
        {
            assert!(!is_special_on_windows(name), "{name}");
        }
    }
}
