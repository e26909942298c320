//! Refuses native addons and libraries, with the remedy.
//!
//! Native code in the application's process can do anything to the application, so no permission allows it.

use std::path::Path;

use deno_runtime::deno_core::op2;

use super::installed::package_name;

const REMEDY: &str = "Run this backend on a child runtime: runtime \"node\", \"deno\" or \"bun\"";

#[derive(Debug, thiserror::Error, deno_error::JsError)]
pub(crate) enum Error {
    #[class(generic)]
    #[property("code" = "ERR_DLOPEN_FAILED")]
    #[error("Cannot load {addon}: native addons cannot run inside the app's process. {REMEDY}")]
    Addon { addon: String },

    #[class("NotCapable")]
    #[error(
        "Requires ffi access, which no embedded process has: \
         native code cannot run inside the app's process. {REMEDY}"
    )]
    Library,
}

/// Replaces the op of `process.dlopen()`, which `require()` uses for `.node` files.
#[op2(nofast)]
pub(crate) fn op_host_no_addon(#[string] path: &str) -> Result<(), Error> {
    let addon = match package_name(Path::new(path)) {
        Some(package) => format!("the package \"{package}\" ('{path}')"),
        None => format!("'{path}'"),
    };
    Err(Error::Addon { addon })
}

/// Replaces each op of `Deno.dlopen()` and of the pointer classes.
#[op2(nofast)]
pub(crate) fn op_host_no_library() -> Result<(), Error> {
    Err(Error::Library)
}
