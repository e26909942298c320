//! Makes the files of the engine that the crate contains: see `build/engine_files.rs`.

#[cfg(feature = "embedded")]
#[path = "build/code_cache.rs"]
mod code_cache;
#[cfg(feature = "embedded")]
#[path = "build/engine_files.rs"]
mod engine_files;
#[cfg(feature = "embedded")]
#[path = "build/minify.rs"]
mod minify;
#[cfg(feature = "embedded")]
#[path = "src/isolate/sandbox/module_patches.rs"]
mod module_patches;
#[path = "build/relocations.rs"]
mod relocations;
#[cfg(feature = "embedded")]
#[path = "src/isolate/lifecycle/v8_flags.rs"]
mod v8_flags;

#[cfg_attr(
    not(feature = "embedded"),
    expect(clippy::unnecessary_wraps, reason = "only the files of the engine can fail")
)]
fn main() -> Result<(), String> {
    let inputs = ["build.rs", "build", "src/isolate/lifecycle/v8_flags.rs"];
    let patches = ["src/isolate/sandbox/module_patches.rs", "src/isolate/sandbox/module_patches"];
    for path in inputs.into_iter().chain(patches) {
        println!("cargo::rerun-if-changed={path}");
    }
    relocations::pack("benches");
    #[cfg(feature = "embedded")]
    engine_files::write()?;
    Ok(())
}
