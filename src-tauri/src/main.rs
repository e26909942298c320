//! The demonstration app: a page, and JavaScript backends that need nothing installed.

// Without it a release opens a console window next to the app.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]
#![expect(clippy::print_stderr, reason = "says on the terminal why the app does not start")]
#![expect(clippy::exit, reason = "in what `generate_context!` makes")]

mod windows;

use std::process::ExitCode;

use tauri::{Listener, Wry};

/// Every backend of `backends/`, by name, as the build script bundled it.
const BACKENDS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/backends.rs"));

fn main() -> ExitCode {
    if !has_display() {
        eprintln!(
            "error: there is no display to open a window on: neither DISPLAY nor WAYLAND_DISPLAY is set. \
             Start the app in a desktop session, or with `xvfb-run`."
        );
        return ExitCode::FAILURE;
    }
    match app().run(tauri::generate_context!()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn app() -> tauri::Builder<Wry> {
    let backends =
        BACKENDS.iter().fold(tauri_plugin_js::Builder::new(), |builder, (name, source)| {
            builder.bundle(*name, *source)
        });
    let builder = tauri::Builder::default()
        .plugin(backends.build())
        .invoke_handler(tauri::generate_handler![windows::open_window]);
    if std::env::var_os("JS_DEMO_E2E").is_some() { builder.plugin(test_flag()) } else { builder }
}

/// Tells the page that a test drives it; the page then offers the guest API on `window`, and may ask
/// for a window without permissions.
fn test_flag() -> tauri::plugin::TauriPlugin<Wry> {
    tauri::plugin::Builder::new("e2e")
        .js_init_script("Object.defineProperty(window, '__JS_DEMO_E2E__', { value: true })")
        .setup(|app, _| {
            let handle = app.clone();
            app.listen_any("e2e-open-stranger", move |_| {
                let app = handle.clone();
                // The listener runs on the main thread, where making a window waits for itself.
                tauri::async_runtime::spawn(async move {
                    if let Err(error) = windows::open(&app, "stranger".to_owned()) {
                        eprintln!("error: {error}");
                    }
                });
            });
            Ok(())
        })
        .build()
}

/// GTK panics without one.
fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}
