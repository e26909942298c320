//! Additional windows of the app. All windows show the same processes.

use std::sync::atomic::{AtomicU32, Ordering};

use tauri::{AppHandle, WebviewWindowBuilder, Wry};

/// The number in the label of the most recent window.
static LATEST: AtomicU32 = AtomicU32::new(1);

/// Opens a copy of the first window and returns its label. The capability `main` covers labels of this form.
// Not on the main thread: on Windows, building a window there deadlocks.
#[tauri::command(async)]
#[expect(clippy::needless_pass_by_value, reason = "Tauri passes arguments to a command by value")]
pub(crate) fn open_window(app: AppHandle<Wry>) -> Result<String, String> {
    let number = LATEST.fetch_add(1, Ordering::Relaxed) + 1;
    open(&app, format!("window-{number}")).map_err(|error| error.to_string())
}

/// Opens a copy of the first window with the given label.
pub(crate) fn open(app: &AppHandle<Wry>, label: String) -> tauri::Result<String> {
    let mut config = app.config().app.windows.first().cloned().unwrap_or_default();
    config.title = format!("{} ({label})", config.title);
    config.label = label;
    let window = WebviewWindowBuilder::from_config(app, &config)?.build()?;
    Ok(window.label().to_owned())
}
