//! From a configuration to what is executed, and whether it can be at all.
//!
//! Nothing here starts anything, and nothing is read but names of files: what stands on a command
//! line decides what a script may do, so it has to be testable without running it. Whatever cannot
//! be expressed exactly is an error here, because a runtime would read it as something else.

mod deno;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::error::Error;
use crate::wire::{Runtime, SpawnConfig};

/// What to execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandLine {
    pub program: PathBuf,
    pub args: Vec<OsString>,
}

/// What a runtime is to run: an absolute path, as resolved by this module, cannot be taken for a flag,
/// nor by Bun for a script of the same name in `package.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub path: PathBuf,
    /// Whether it needs nothing of what lies around it. Bundled modules lie among others that are
    /// none of their business.
    pub is_self_contained: bool,
}

/// Runs before every script of Deno (2.4 or later) and Bun; the embedded engine runs it too.
pub(crate) const PARK: &str = include_str!("kkrpc_eof_workaround.js");

/// A script as an address, for flags that want a file.
pub(crate) fn data_url(script: &str) -> String {
    format!("data:text/javascript;base64,{}", BASE64_STANDARD.encode(script))
}

/// The command line that runs `script` with the runtime at `program`; `cwd` is as resolved by this
/// module.
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
        args.extend(["--preload".into(), data_url(PARK).into()]);
    }
    args.extend(config.runtime_args.iter().map(OsString::from));
    args.push(script.path.clone().into());
    args.extend(config.args.iter().map(OsString::from));
    Ok(CommandLine { program: program.to_path_buf(), args })
}

#[cfg(test)]
mod tests;
