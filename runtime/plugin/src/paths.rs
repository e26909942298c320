//! Folders that configurations and capabilities name, with Tauri's variables.

use std::path::{Component, Path, PathBuf};

use tauri::{AppHandle, Manager, Runtime};

use crate::error::Error;
use crate::js::JsExt;

/// `None` is the folder of scripts. A path that begins with a variable (`$APPDATA/x`), a root or a drive is
/// taken as it is; others lie in the folder of scripts.
pub(crate) fn resolve<R: Runtime>(
    app: &AppHandle<R>,
    path: Option<&str>,
) -> Result<PathBuf, Error> {
    let root = || match app.js().script_root() {
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

/// Whether the folder of scripts has no say in where `path` lies. `/data` and `C:data` are not absolute on
/// Windows, but joined to a folder they leave it.
fn is_anchored(path: &str) -> bool {
    let first = Path::new(path).components().next();
    path.starts_with('$') || matches!(first, Some(Component::Prefix(_) | Component::RootDir))
}

/// In a bundle scripts are resources. During development they lie in the project: where the app was started,
/// or above that when it was started in the folder of its configuration, as `tauri dev` does.
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
        return refuse("begins with a variable that Tauri does not know");
    }
    refuse("must begin with a drive and a root, as in 'C:\\data', to be absolute")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_root_a_drive_or_a_variable_does_not_lie_in_the_folder_of_scripts() {
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
