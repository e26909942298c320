//! Generates the Tauri context of the page bench with tauri-plugin-js.

fn main() {
    tauri_build::build();
}
