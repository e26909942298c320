//! Build script of the app in src-tauri: bundles the backends into the executable, then does what
//! Tauri needs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

#[path = "runtime/core/build/relocations.rs"]
mod relocations;

/// The app's own commands; each gets a permission, `allow-…`.
const COMMANDS: &[&str] = &["count_primes", "open_window"];

fn main() -> ExitCode {
    relocations::pack("bins");
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            for line in message.lines().filter(|line| !line.trim().is_empty()) {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("started by cargo")?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("started by cargo")?);
    let root = manifest.parent().ok_or("src-tauri lies in the project's folder")?;
    bundle_backends(root, &out)?;

    let commands = tauri_build::AppManifest::new().commands(COMMANDS);
    let attributes = tauri_build::Attributes::new().app_manifest(commands);
    tauri_build::try_build(attributes).map_err(|error| format!("{error:#}"))
}

/// Writes every backend as one module, and `backends.rs`: the list of them with their sources.
fn bundle_backends(root: &Path, out: &Path) -> Result<(), String> {
    for watched in ["backends", "scripts/bundle-backends.mjs", "package-lock.json"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let folder = out.join("backends");
    // A backend that was renamed would stay under its old name, too.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    run_bundler(root, &folder)?;
    let list = list_of_modules(&folder)?;
    let file = out.join("backends.rs");
    fs::write(&file, list).map_err(|error| format!("{}: {error}", file.display()))
}

fn run_bundler(root: &Path, folder: &Path) -> Result<(), String> {
    let run = Command::new("node")
        .arg(root.join("scripts/bundle-backends.mjs"))
        .arg(folder)
        .current_dir(root)
        .output()
        .map_err(|error| {
            format!("`node` cannot be started ({error}): install Node 20 or newer, then run `npm run setup`")
        })?;
    if run.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&run.stderr);
    let said = said.trim().trim_start_matches("error: ");
    if root.join("node_modules/rolldown").exists() {
        Err(format!("the backends cannot be bundled: {said}"))
    } else {
        Err("the backends cannot be bundled without the npm packages: run `npm run setup`".into())
    }
}

/// Rust source: the name and the text of each module.
fn list_of_modules(folder: &Path) -> Result<String, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let name = file.file_stem().and_then(|name| name.to_str()).ok_or("names are UTF-8")?;
        let path = file.to_str().ok_or("the build folder's path is not UTF-8")?;
        writeln!(list, "    ({name:?}, include_str!({path:?})),")
            .map_err(|error| error.to_string())?;
    }
    list.push_str("]\n");
    Ok(list)
}
