//! Writes the engine's files and `engine_files.rs`, which includes them:
//!
//! - V8's snapshot of Deno. Code is valid only for the snapshot that it was compiled with, so the crate contains this
//!   copy.
//! - Deno's modules with the patches of this crate, without comments and white space.
//! - V8's code of the modules that scripts use most.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::module_patches::{Sources, patch_modules, patch_scripts};
use crate::{code_cache, minify};

/// V8 copies code that is not aligned to a pointer.
const ALIGNMENT: usize = 16;

pub(crate) fn write() -> Result<(), String> {
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("started without cargo")?;
    let snapshot = deno_snapshots::CLI_SNAPSHOT.ok_or("the crate deno_snapshots is disabled")?;
    let originals = (deno_snapshots::RESIDUAL_LAZY_JS, deno_snapshots::RESIDUAL_LAZY_ESM);
    let scripts = minified(patch_scripts(originals.0)?);
    let modules = minified(patch_modules(originals.1)?);

    let mut list = String::new();
    put(&out, "snapshot.bin", snapshot)?;
    list += "/// V8's snapshot of Deno.\n\
             pub(crate) static SNAPSHOT: &[u8] = include_bytes!(concat!(env!(\"OUT_DIR\"), \"/snapshot.bin\"));\n";
    list += "/// Address and source of Deno's scripts, sorted by address.\n";
    list += &sources(&out, "SCRIPTS", scripts)?;
    list += "/// Address and source of Deno's ES modules, sorted by address.\n";
    list += &sources(&out, "MODULES", modules)?;
    list += "/// Deno's scripts without patches.\n#[cfg(test)]\n";
    list += &sources(&out, "ORIGINAL_SCRIPTS", originals.0)?;
    list += "/// Deno's ES modules without patches.\n#[cfg(test)]\n";
    list += &sources(&out, "ORIGINAL_MODULES", originals.1)?;
    list += &code(&out, code_cache::compile(snapshot, scripts, modules)?)?;
    put(&out, "engine_files.rs", list.as_bytes())
}

/// Sources that cannot be minified stay as they are.
fn minified(sources: Sources) -> Sources {
    let minified = sources.iter().map(|(address, source)| {
        let minified = minify::minify(address, source);
        (*address, minified.map_or(*source, |minified| &*minified.leak()))
    });
    minified.collect::<Vec<_>>().leak()
}

/// Writes one file for each source. Returns a table of them.
fn sources(out: &Path, name: &str, sources: Sources) -> Result<String, String> {
    let mut table = format!("pub(crate) static {name}: &[(&str, &str)] = &[\n");
    for (index, (address, source)) in sources.iter().enumerate() {
        let file = format!("{}-{index}.js", name.to_lowercase());
        put(out, &file, source.as_bytes())?;
        let _ = writeln!(
            table,
            "({address:?}, include_str!(concat!(env!(\"OUT_DIR\"), \"/{file}\"))),"
        );
    }
    Ok(table + "];\n")
}

/// Writes one file with all code. Returns a table of address, start and end.
fn code(out: &Path, compiled: code_cache::Code) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut table = "/// Address of a module, and start and end of its code, sorted by address.\n\
                     #[allow(clippy::unreadable_literal, reason = \"generated\")]\n\
                     static CODE: &[(&str, usize, usize)] = &[\n"
        .to_owned();
    for (address, code) in compiled {
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        let start = bytes.len();
        bytes.extend(code);
        let _ = writeln!(table, "({address:?}, {start}, {}),", bytes.len());
    }
    put(out, "code.bin", &bytes)?;
    table += "];\nstatic CODE_BYTES: &Aligned<[u8]> = \
              &Aligned(*include_bytes!(concat!(env!(\"OUT_DIR\"), \"/code.bin\")));\n";
    Ok(table)
}

fn put(out: &Path, name: &str, content: &[u8]) -> Result<(), String> {
    let path = out.join(name);
    fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))
}
