//! The page bench with this plugin and an embedded backend.

#[path = "../../app.rs"]
mod app;

const APP: &str = "ours";

fn main() -> tauri::Result<()> {
    let backend = include_str!("../../backend.mjs");
    let plugin = tauri_plugin_js::Builder::new().bundle("backend", backend).build();
    app::run(tauri::Builder::default().plugin(plugin), tauri::generate_context!())
}
