//! Paths in configurations and capabilities, with Tauri's variables (`$RESOURCE`, `$APPDATA`, …).

use std::path::{Component, Path, PathBuf};

use tauri::{AppHandle, Manager, Runtime};

use crate::error::Error;

/// `scriptRoot` of the configuration. Managed by the app, for scope entries: Tauri deserializes them with
/// nothing but the app's handle.
pub(crate) struct ScriptRoot(pub(crate) Option<String>);

impl ScriptRoot {
    /// The absolute form of `path`; `None` stands for the script root itself.
    ///
    /// A path with a variable, a root or a drive at its start does not depend on the script root. Other
    /// paths are relative to it.
    pub(crate) fn resolve<R: Runtime>(
        &self,
        app: &AppHandle<R>,
        path: Option<&str>,
    ) -> Result<PathBuf, Error> {
        let root = || match self.0.as_deref() {
            Some(root) if is_anchored(root) => parse(app, root),
            Some(root) => Ok(default_root(app)?.join(root)),
            None => default_root(app),
        };
        match path {
            None => root(),
            Some(path) if is_anchored(path) => parse(app, path),
            Some(path) => Ok(root()?.join(path)),
        }
    }
}

/// Whether `path` is independent of the script root. On Windows `/data` and `C:data` are not absolute, but
/// joining them to a folder leaves that folder.
fn is_anchored(path: &str) -> bool {
    let first = Path::new(path).components().next();
    path.starts_with('$') || matches!(first, Some(Component::Prefix(_) | Component::RootDir))
}

/// The resource folder in a bundled app. During development the working directory, or its parent if
/// `tauri.conf.json` is in it, as under `tauri dev`.
fn default_root<R: Runtime>(app: &AppHandle<R>) -> Result<PathBuf, Error> {
    if !tauri::is_dev() {
        return parse(app, "$RESOURCE");
    }
    let mut folder = std::env::current_dir()
        .map_err(|source| Error::Folder { path: ".".to_owned(), source: source.into() })?;
    if folder.join("tauri.conf.json").is_file() {
        folder.pop();
    }
    Ok(folder)
}

fn parse<R: Runtime>(app: &AppHandle<R>, path: &str) -> Result<PathBuf, Error> {
    let refuse = |why: &str| Err(Error::invalid(format!("the path '{path}' {why}")));
    if Path::new(path).components().any(|part| part == Component::ParentDir) {
        return refuse("must not contain '..'");
    }
    let parsed = app.path().parse(path);
    let parsed = parsed.map_err(|source| Error::Folder { path: path.to_owned(), source })?;
    if parsed.is_absolute() {
        return Ok(parsed);
    }
    if path.starts_with('$') {
        return refuse("starts with a variable that Tauri does not know");
    }
    refuse("must start with a drive and a root, as in 'C:\\data', to be absolute")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_root_a_drive_or_a_variable_is_independent_of_the_script_root() {
        for path in ["/data", "/data/../etc", "$APPDATA/x", "$RESOURCE"] {
            assert!(is_anchored(path), "{path}");
        }
        for path in ["data", "./data", "../data", "data/$x"] {
            assert!(!is_anchored(path), "{path}");
        }
        for path in [r"C:\data", r"C:data", r"\data", r"\\server\share"] {
            assert_eq!(is_anchored(path), cfg!(windows), "{path}");
        }
    }
}
