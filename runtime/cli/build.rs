//! Sets options of the linker.

#[path = "../core/build/relocations.rs"]
mod relocations;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    relocations::pack("bins");
}
