//! The application's file descriptors, out of a script's reach.
//!
//! Node's handles take any number for a descriptor: `new Pipe().open(1)` is the application's stdout.
//! What they are made of is native classes, whose methods no op can stand in for. So the modules that
//! hand those classes out begin with a piece of our own, which replaces the methods. What is left are
//! the pipes that the engine itself made, which is how `node:child_process` reaches its children.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

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

/// Descriptors that Node's pipes and sockets of one isolate have taken over. The engine closes them with
/// their handles only, and so leaves them open when an isolate ends in the middle of something.
#[derive(Clone, Default)]
pub(super) struct Adopted(Rc<RefCell<List>>);

#[derive(Default)]
struct List {
    adopted: Vec<(i32, PathBuf)>,
    /// With how many the list is to be gone through the next time.
    full: usize,
}

impl List {
    fn add(&mut self, number: i32) {
        const FEW: usize = 64;
        if self.adopted.len() >= self.full {
            self.adopted.retain(is_open);
            self.full = (self.adopted.len() * 2).max(FEW);
        }
        if let Some(target) = target(number) {
            self.adopted.push((number, target));
        }
    }
}

impl Drop for List {
    /// When the isolate is gone.
    fn drop(&mut self) {
        for (number, _) in self.adopted.iter().filter(|adopted| is_open(adopted)) {
            close(*number);
        }
    }
}

/// Else it was closed after all, and the number may be somebody else's.
fn is_open((number, was): &(i32, PathBuf)) -> bool {
    target(*number).as_ref() == Some(was)
}

/// Takes the place of `op_require_break_on_next_statement`, which only an inspector has a use for. The
/// guard calls it when a handle has taken over a descriptor.
#[op2(nofast)]
pub(super) fn op_host_adopted(state: &mut OpState, #[smi] descriptor: i32) {
    state.borrow::<Adopted>().0.borrow_mut().add(descriptor);
}

/// What a descriptor stands for: no two pipes have the same name. Linux only tells.
fn target(number: i32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{number}")).ok()
}

#[cfg(unix)]
fn close(number: i32) {
    // Fails for one that is closed, which is as good.
    let _ = nix::unistd::close(number);
}

#[cfg(not(unix))]
fn close(_: i32) {}
