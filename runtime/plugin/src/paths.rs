//! Folders that configurations and capabilities name, with Tauri's variables.

use std::path::{Component, Path, PathBuf};

use tauri::{AppHandle, Manager, Runtime};

use crate::error::Error;
use crate::js::JsExt;

/// `None` is the folder of scripts. A path that begins with a variable (`$APPDATA/x`) or is absolute is
/// taken as it is; others lie in the folder of scripts.
pub(crate) fn resolve<R: Runtime>(
    app: &AppHandle<R>,
    path: Option<&str>,
) -> Result<PathBuf, Error> {
    let root = || match app.js().script_root() {
        Some(root) if root.starts_with('$') || Path::new(root).is_absolute() => parse(app, root),
        Some(root) => Ok(default_root(app)?.join(root)),
        None => default_root(app),
    };
    match path {
        None => root(),
        Some(path) if path.starts_with('$') || PathBuf::from(path).is_absolute() => {
            parse(app, path)
        }
        Some(path) => Ok(root()?.join(path)),
    }
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
    refuse("begins with a variable that Tauri does not know")
}
