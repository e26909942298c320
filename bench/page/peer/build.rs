//! Makes Tauri's context for the bench's page with tauri-plugin-js.

fn main() {
    tauri_build::build();
}
