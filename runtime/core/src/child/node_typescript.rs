//! Compiles TypeScript and JSX for Node children.
//!
//! Node loads TypeScript since 22.18, without JSX and enums. So the modules of a script are compiled before the start,
//! by the same rules as in the embedded engine, into a temporary file that a hook inside Node (20.6 or later) reads.
//!
//! The modules are found without running the script: everything that it imports, directly or indirectly, by a literal
//! name, and for a computed name the files of the folder that the name begins with. Nothing is compiled for a script
//! that is JavaScript. A `.ts` file is an ES module, a `.cts` file is `CommonJS`.

mod graph;
mod imports;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use deno_ast::MediaType;
use deno_runtime::deno_core::url::Url;
use serde_json::{Map, Value};
use tempfile::TempPath;

use crate::child::command_line::data_url;

const HOOK: &str = include_str!("node_typescript/hook.mjs");

/// The compiled modules of a script.
pub(crate) struct CompiledSources {
    /// Node removes the file after reading it; dropping this removes it otherwise.
    pub(crate) file: TempPath,
    /// The first flags of Node's command line.
    pub(crate) flags: [OsString; 3],
}

/// Compiles the modules of `script` for Node; `None` if the script is JavaScript.
pub(crate) async fn compile(script: &Path) -> io::Result<Option<CompiledSources>> {
    if !MediaType::from_path(script).is_emittable() {
        return Ok(None);
    }
    let script = script.to_path_buf();
    let found = tokio::task::spawn_blocking(move || graph::sources(&script)).await;
    // Written here and not in the blocking task, which would leave the file behind if this future is dropped.
    write(&found.map_err(io::Error::other)?).map(Some)
}

fn write(sources: &Map<String, Value>) -> io::Result<CompiledSources> {
    let mut file = tempfile::Builder::new()
        .prefix(&format!("js-runtime-{}-", std::process::id()))
        .suffix(".json")
        .tempfile()?;
    file.write_all(&serde_json::to_vec(sources)?)?;
    let file = file.into_temp_path();
    let address = Url::from_file_path(&file)
        .map_err(|()| io::Error::other(format!("'{}' is not absolute", file.display())))?;
    let flags = [
        "--enable-source-maps".into(),
        "--import".into(),
        format!("{}#{address}", data_url(HOOK)).into(),
    ];
    Ok(CompiledSources { file, flags })
}

/// The path as Node writes it: without symbolic links and without the prefix `\\?\` on Windows.
fn canonical(path: &Path) -> Option<PathBuf> {
    Url::from_file_path(path.canonicalize().ok()?).ok()?.to_file_path().ok()
}

#[cfg(test)]
mod tests;
