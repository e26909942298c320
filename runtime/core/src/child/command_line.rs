//! The command lines of child runtimes.
//!
//! Starts nothing and reads only file names: flags decide what a script may do, so they are tested without running
//! them. A configuration that a command line cannot express exactly is an error.

mod deno;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::error::Error;
use crate::wire::{Runtime, SpawnConfig};

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandLine {
    pub program: PathBuf,
    pub args: Vec<OsString>,
}

/// The script of a child runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    /// Absolute: so it cannot be taken for a flag, nor by Bun for a script in `package.json`.
    pub path: PathBuf,
    /// Whether it needs no other file in its folder, as bundled modules do.
    pub is_self_contained: bool,
}

/// Runs before every script on Deno (2.4 or later), Bun and the embedded engine.
pub(crate) const KKRPC_EOF_WORKAROUND: &str = include_str!("kkrpc_eof_workaround.js");

/// `script` as a `data:` URL, for flags that take a file.
pub(crate) fn data_url(script: &str) -> String {
    format!("data:text/javascript;base64,{}", BASE64_STANDARD.encode(script))
}

/// The command line that runs `script` with the runtime at `program`; `cwd` is absolute.
pub(crate) fn for_runtime(
    runtime: Runtime,
    program: &Path,
    config: &SpawnConfig,
    script: &Script,
    cwd: &Path,
) -> Result<CommandLine, Error> {
    let mut args: Vec<OsString> = vec![];
    match runtime {
        Runtime::Deno => args.extend(deno::flags(config, script, cwd)?),
        Runtime::Bun => args.push("run".into()),
        Runtime::Node => {}
        Runtime::Auto | Runtime::Embedded => {
            return Err(Error::invalid(format!("runtime {runtime} has no command line")));
        }
    }
    if matches!(runtime, Runtime::Deno | Runtime::Bun) {
        args.extend(["--preload".into(), data_url(KKRPC_EOF_WORKAROUND).into()]);
    }
    args.extend(config.runtime_args.iter().map(OsString::from));
    args.push(script.path.clone().into());
    args.extend(config.args.iter().map(OsString::from));
    Ok(CommandLine { program: program.to_path_buf(), args })
}

#[cfg(test)]
mod tests;
