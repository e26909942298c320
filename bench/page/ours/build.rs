//! Generates the Tauri context of the page bench with this plugin.

fn main() {
    tauri_build::build();
}
