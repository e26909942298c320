//! Generates the Tauri context of the page bench with tauri-plugin-js.

#[path = "../../../runtime/core/build/relocations.rs"]
mod relocations;

fn main() {
    relocations::pack("bins");
    tauri_build::build();
}
