//! The page bench with tauri-plugin-js 0.2.0 and child processes.

#[path = "../../app.rs"]
mod app;

const APP: &str = "peer";

fn main() -> tauri::Result<()> {
    let builder = tauri::Builder::default().plugin(tauri_plugin_js::init());
    app::run(builder, tauri::generate_context!())
}
