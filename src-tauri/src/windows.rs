//! Further windows, to see that all of them watch the same processes.

use std::sync::atomic::{AtomicU32, Ordering};

use tauri::{AppHandle, WebviewWindowBuilder, Wry};

/// The number in the label of the latest window.
static LATEST: AtomicU32 = AtomicU32::new(1);

/// Opens a window like the first one; answers its label. The capability covers it by its name.
// Not on the main thread: there, making a window waits for itself on Windows.
#[tauri::command(async)]
#[expect(clippy::needless_pass_by_value, reason = "what commands take is theirs")]
pub(crate) fn open_window(app: AppHandle<Wry>) -> Result<String, String> {
    let number = LATEST.fetch_add(1, Ordering::Relaxed) + 1;
    open(&app, format!("window-{number}")).map_err(|error| error.to_string())
}

/// Opens a window like the first one, with that label.
pub(crate) fn open(app: &AppHandle<Wry>, label: String) -> tauri::Result<String> {
    let mut config = app.config().app.windows.first().cloned().unwrap_or_default();
    config.title = format!("{} ({label})", config.title);
    config.label = label;
    let window = WebviewWindowBuilder::from_config(app, &config)?.build()?;
    Ok(window.label().to_owned())
}
