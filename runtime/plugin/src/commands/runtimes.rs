//! Commands about the runtimes of this machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use js_runtime::RuntimeInfo;
use tauri::{AppHandle, Runtime};

use crate::error::Error;
use crate::js::JsExt;

#[tauri::command]
pub(crate) async fn detect_runtimes<R: Runtime>(
    app: AppHandle<R>,
) -> Result<Vec<RuntimeInfo>, Error> {
    app.js().detect_runtimes().await
}

/// An empty path restores detection.
#[tauri::command]
pub(crate) async fn set_runtime_path<R: Runtime>(
    app: AppHandle<R>,
    runtime: String,
    path: PathBuf,
) -> Result<(), Error> {
    app.js().set_runtime_path(runtime.parse()?, path)
}

#[tauri::command]
pub(crate) async fn get_runtime_paths<R: Runtime>(app: AppHandle<R>) -> BTreeMap<String, PathBuf> {
    app.js().get_runtime_paths()
}
