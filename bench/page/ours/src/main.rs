//! The page bench with this plugin and embedded backends.

#[path = "../../app.rs"]
mod app;

const APP: &str = "ours";

fn main() -> tauri::Result<()> {
    let plugin = tauri_plugin_js::Builder::new()
        .bundle("lines", include_str!("../../lines.mjs"))
        // Written by `npm run bench` from `runtime/core/benches/scripts/serve.mjs`.
        .bundle("serve", include_str!("../../dist/serve.mjs"))
        .build();
    app::run(tauri::Builder::default().plugin(plugin), tauri::generate_context!())
}
