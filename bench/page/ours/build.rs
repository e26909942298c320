//! Makes Tauri's context for the bench's page with this plugin.

fn main() {
    tauri_build::build();
}
