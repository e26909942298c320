//! The line door: whole frames in and out, for code that knows about us.
//!
//! The stream door (`stdio`) carries the same bytes for code that does not. This one skips the stream
//! machinery, the encoder and the splitting: a frame is one string, one op, one copy.

use std::cell::RefCell;
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpState, op2};

use crate::input::{Input, LineTooLong};

/// Installs `globalThis[Symbol.for('js-runtime.lines')]`.
pub(super) const SCRIPT: &str = include_str!("line_door.js");

/// Takes the place of `op_desktop_recv_event`, the one asynchronous op without arguments that the
/// snapshot leaves within reach of scripts and that only `deno desktop` has a use for. An op of our
/// own would need all ops bound anew at every start.
#[op2]
#[string]
pub(super) async fn op_host_read_line(
    state: Rc<RefCell<OpState>>,
) -> Result<Option<String>, JsErrorBox> {
    let input = state.borrow().borrow::<Input>().clone();
    match input.read_line().await {
        Ok(line) => Ok(line.map(|line| match String::from_utf8(line) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })),
        Err(LineTooLong(limit)) => Err(JsErrorBox::range_error(format!(
            "a line on stdin is longer than {limit} bytes (limits.lineMb); it was dropped"
        ))),
    }
}
