//! The application's file descriptors, out of a script's reach.
//!
//! Node's handles take any number for a descriptor: `new Pipe().open(1)` is the application's stdout.
//! What they are made of is native classes, whose methods no op can stand in for. So the modules that
//! hand those classes out begin with a piece of our own, which replaces the methods. What is left are
//! the pipes that the engine itself made, which is how `node:child_process` reaches its children.

use std::sync::LazyLock;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpState, op2};
use deno_runtime::deno_io::FdTable;

/// Address and source of built-in modules, sorted by address.
pub(super) type Sources = &'static [(&'static str, &'static str)];

const GUARD: &str = include_str!("descriptors.js");

/// The modules that hand out something that takes a descriptor.
const GUARDED: [&str; 7] = [
    "ext:deno_node/internal_binding/pipe_wrap.ts",
    "ext:deno_node/internal_binding/tcp_wrap.ts",
    "ext:deno_node/internal_binding/tls_wrap.ts",
    "ext:deno_node/internal_binding/tty_wrap.ts",
    "ext:deno_node/tty.js",
    "ext:deno_node/wasi.ts",
    "ext:deno_process/40_process.js",
];

/// How such a module begins. The engine knows it by its first words.
const HEAD: &str = "\"use strict\"; return ((function";

/// The built-in modules that are loaded when a script asks for them. An error means that the engine
/// is another one than this was written for.
pub(super) fn sources() -> Result<Sources, String> {
    static SOURCES: LazyLock<Result<Sources, String>> =
        LazyLock::new(|| guard(deno_snapshots::RESIDUAL_LAZY_JS));
    SOURCES.clone()
}

/// Leaks what it makes: the engine wants it for the life of the application.
fn guard(sources: Sources) -> Result<Sources, String> {
    let mut guarded = sources.to_vec();
    for module in GUARDED {
        let at = guarded.binary_search_by_key(&module, |(address, _)| address);
        let source = at.ok().and_then(|at| guarded.get_mut(at)).map(|(_, source)| source);
        let amended = source.as_ref().and_then(|source| amend(source));
        let (Some(source), Some(amended)) = (source, amended) else {
            return Err(format!("the engine's '{module}' is not what it should be"));
        };
        *source = Box::leak(amended.into_boxed_str());
    }
    Ok(Box::leak(guarded.into_boxed_slice()))
}

/// Puts the guard at the beginning of the module's function.
fn amend(source: &str) -> Option<String> {
    let parameters = source.strip_prefix(HEAD)?;
    let body = parameters.trim_start().strip_prefix("()")?.trim_start().strip_prefix('{')?;
    Some(format!("{HEAD}() {{\n{GUARD}{body}"))
}

/// Takes the place of `op_tty_check_fd_permission`, which `node:tty` asks; the guard asks it too. A
/// script's own descriptors are the files that it opened and the pipes that it uses.
#[op2(fast)]
pub(super) fn op_host_check_descriptor(
    state: &mut OpState,
    #[smi] descriptor: i32,
) -> Result<(), JsErrorBox> {
    if descriptor > 2 && state.borrow::<FdTable>().contains(descriptor) {
        return Ok(());
    }
    Err(JsErrorBox::new(
        "NotSupported",
        "An embedded script has no terminal, no node:wasi, and no file descriptors but those it \
         opened itself; a child process has: runtime \"deno\"",
    ))
}

/// What is sent to a descriptor's flags goes nowhere: they are shared with the application.
#[op2(fast)]
#[smi]
pub(super) fn op_host_set_blocking(_descriptor: i32, _is_blocking: bool) -> i32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_engines_modules_are_guarded() {
        let sources = sources().unwrap();
        assert!(sources.is_sorted_by_key(|(address, _)| *address));
        assert_eq!(sources.len(), deno_snapshots::RESIDUAL_LAZY_JS.len());
        let guarded = sources.iter().filter(|(_, source)| source.contains(GUARD));
        assert!(guarded.map(|(address, _)| *address).eq(GUARDED));
    }

    /// A module that uses one of the classes without the guard would be a way around it.
    #[test]
    fn no_other_module_uses_them() {
        let dangerous = ["PipeWrap", "TCPWrap", "TTY", "WasiContext", "op_run", "op_spawn_child"];
        let has_one = |source: &str| {
            let ends = source.match_indices("} = core.ops");
            let imports = ends.filter_map(|(end, _)| source[..end].rsplit_once('{'));
            let mut names = imports.flat_map(|(_, list)| list.split([',', ' ', '\n']));
            names.any(|name| dangerous.contains(&name))
        };
        let users = deno_snapshots::RESIDUAL_LAZY_JS.iter().filter(|(_, source)| has_one(source));
        assert!(users.map(|(address, _)| *address).eq(GUARDED));
    }

    /// The engine takes the text for Latin-1 without looking.
    #[test]
    fn the_guard_is_ascii() {
        assert!(GUARD.is_ascii());
    }

    #[test]
    fn a_module_that_is_not_as_expected_is_an_error() {
        assert!(guard(&[]).unwrap_err().contains("pipe_wrap"));
        assert_eq!(amend("return 1"), None);
        assert_eq!(amend(&format!("{HEAD} (a) {{}})())")), None);
        let amended = amend(&format!("{HEAD} () {{ rest }})())")).unwrap();
        assert_eq!(amended, format!("{HEAD}() {{\n{GUARD} rest }})())"));
    }
}
