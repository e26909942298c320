//! The application's file descriptors, out of a script's reach.
//!
//! Node's handles take any number for a descriptor: `new Pipe().open(1)` is the application's stdout.
//! What they are made of is native classes, whose methods no op can stand in for. So the modules that
//! hand those classes out begin with a piece of our own, which replaces the methods. What is left are
//! the pipes that the engine itself made, which is how `node:child_process` reaches its children.

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpState, op2};
use deno_runtime::deno_io::FdTable;

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
