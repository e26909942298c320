//! TypeScript and JSX for Node, so that a script runs there as it runs on the other runtimes.
//!
//! Node loads TypeScript by itself since 22.18 only, and even then neither JSX nor enums. So the host
//! turns the modules of the script into JavaScript ahead, by the same rules as in the embedded engine,
//! and leaves the result in a temporary file for a hook inside Node (20.6 or later).
//!
//! Only what can be found without running the script is prepared: what it imports, directly or not,
//! by a literal name or, for a computed one, from the folder that the name begins with. A script that
//! is JavaScript itself is not looked into, so that it costs nothing; what that imports is Node's own
//! business. A `.ts` file is an ES module, a `.cts` file is `CommonJS`.

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

/// The sources of a script in a file that Node removes when it has read it. Dropping this removes it
/// where Node did not come that far.
pub(crate) struct Prepared {
    pub(crate) file: TempPath,
    /// What comes first on Node's command line.
    pub(crate) flags: [OsString; 3],
}

/// Prepares what Node needs for `script`; `None` if it is JavaScript.
pub(crate) async fn prepare(script: &Path) -> io::Result<Option<Prepared>> {
    if !MediaType::from_path(script).is_emittable() {
        return Ok(None);
    }
    let script = script.to_path_buf();
    let found = tokio::task::spawn_blocking(move || graph::sources(&script)).await;
    // Written on this side: a task that nobody waits for any more could leave its file behind.
    write(&found.map_err(io::Error::other)?).map(Some)
}

fn write(sources: &Map<String, Value>) -> io::Result<Prepared> {
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
    Ok(Prepared { file, flags })
}

/// The path as Node writes it: real, and without Windows' `\\?\`.
fn real(path: &Path) -> Option<PathBuf> {
    Url::from_file_path(path.canonicalize().ok()?).ok()?.to_file_path().ok()
}

#[cfg(test)]
mod tests;
