//! Generates the Tauri context of the page bench with this plugin.

#[path = "../../../runtime/core/build/relocations.rs"]
mod relocations;

fn main() {
    relocations::pack("bins");
    tauri_build::build();
}
