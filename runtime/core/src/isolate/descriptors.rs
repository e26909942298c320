//! The application's file descriptors, out of a script's reach.
//!
//! Node's handles take any number for a descriptor: `new Pipe().open(1)` is the application's stdout.
//! What they are made of is native classes, whose methods no op can stand in for. So the modules that
//! hand those classes out begin with a piece of our own, which replaces the methods. What is left are
//! the pipes that the engine itself made, which is how `node:child_process` reaches its children.

use std::path::PathBuf;

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

/// Descriptors that the engine leaves open when an isolate ends in the middle of something: those of
/// Node's pipes, which it closes by their handles only.
pub(super) struct LeftOpen(Vec<(i32, PathBuf)>);

impl LeftOpen {
    /// Those of an isolate that runs no more, and is still there.
    pub(super) fn by(state: &OpState) -> Self {
        let table = state.borrow::<FdTable>();
        let is_a_handles = |number| table.contains(number) && table.get(number).is_none();
        let open = std::fs::read_dir(OPEN).into_iter().flatten().flatten();
        let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let handles = numbers.filter(|number| is_a_handles(*number));
        Self(handles.filter_map(|number| Some((number, target(number)?))).collect())
    }

    /// When the isolate is gone.
    pub(super) fn close(self) {
        for (number, was) in self.0 {
            // Else it was closed after all, and the number is somebody else's.
            if target(number).as_ref() == Some(&was) {
                close(number);
            }
        }
    }
}

/// Where the system lists what this program has open; nothing is found where there is no such place.
const OPEN: &str = "/proc/self/fd";

/// What a descriptor stands for: no two pipes have the same name.
fn target(number: i32) -> Option<PathBuf> {
    std::fs::read_link(format!("{OPEN}/{number}")).ok()
}

#[cfg(unix)]
fn close(number: i32) {
    // Fails for one that is closed, which is as good.
    let _ = nix::unistd::close(number);
}

#[cfg(not(unix))]
fn close(_: i32) {}
