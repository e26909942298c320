//! Which files a list of granted paths reaches, and where the paths that a page names lead.
//!
//! The engine grants what a path leads to when it starts a process. So paths are compared, and passed on, by
//! their real names: a link in a granted folder must not turn a wish for less into a grant of more.

use std::io;
use std::path::{Component, Path, PathBuf};

/// The files below these paths, which are real names.
#[derive(Debug, PartialEq)]
pub(super) struct Reach(Vec<PathBuf>);

impl Reach {
    /// What an entry grants. A path that the system does not resolve grants nothing.
    pub(super) fn new(paths: &[String], base: &Path) -> Self {
        let names = paths.iter().filter_map(|path| names(&absolute(path, base).ok()?).ok());
        let mut names: Vec<_> = names.flatten().collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    pub(super) fn holds(&self, path: &Path) -> bool {
        self.0.iter().any(|granted| path.starts_with(granted))
    }

    pub(super) fn into_paths(self) -> Vec<PathBuf> {
        self.0
    }
}

/// A path as seen from `base`. `..` is refused: what it means depends on links.
pub(super) fn absolute(path: &str, base: &Path) -> io::Result<PathBuf> {
    if is_slippery(Path::new(path)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    std::path::absolute(base.join(path))
}

/// Whether a path has a part that leads elsewhere than it says.
pub(super) fn is_slippery(path: &Path) -> bool {
    path.components().any(|part| match part {
        Component::ParentDir => true,
        Component::Normal(name) => cfg!(windows) && is_odd_on_windows(&name.to_string_lossy()),
        _ => false,
    })
}

/// The names by which the engine knows a path that is granted: a link is itself and what it leads to.
pub(super) fn names(path: &Path) -> io::Result<[PathBuf; 2]> {
    let itself = match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => real(folder)?.join(name),
        _ => real(path)?,
    };
    Ok([itself, real(path)?])
}

/// The real name of a path, or of as much of it as there is.
pub(super) fn real(path: &Path) -> io::Result<PathBuf> {
    match dunce::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A link that leads nowhere may lead somewhere later.
            let is_link = std::fs::symlink_metadata(path).is_ok();
            match (path.parent(), path.file_name()) {
                (Some(folder), Some(name)) if !is_link => Ok(real(folder)?.join(name)),
                _ => Err(error),
            }
        }
        result => result,
    }
}

/// Whether Windows takes a part of a path for another one, for a device or for a stream inside of a file:
/// `file:stream`, `CON.txt`, a point or space at the end.
pub(super) fn is_odd_on_windows(name: &str) -> bool {
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
    fn parts_of_a_path_that_windows_takes_for_something_else_are_known() {
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
            assert!(is_odd_on_windows(name), "{name}");
        }
        for name in
            ["a.mjs", "console", "COM", "COM10", "größe", "a b", ".config", "NULL", "PROGRA~1"]
        {
            assert!(!is_odd_on_windows(name), "{name}");
        }
    }
}
