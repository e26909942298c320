//! The line door: whole frames in and out, for code that knows about us.
//!
//! The stream door (`stdio`) carries the same bytes for code that does not. This one skips the stream
//! machinery, the encoder and the splitting: a frame is one string and one copy, and
//! those that have come at the same time are one op.

use std::cell::RefCell;
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpState, ToV8, op2, v8};
use deno_runtime::deno_io::fs::FsError;

use crate::io::line_splitter::Frame;
use crate::io::stdin_queue::{Line, LineTooLong, StdinQueue};
use crate::isolate::stdio::LineOut;

/// Installs the built-in module that `process.getBuiltinModule('js-runtime:lines')` returns. It grants nothing that
/// standard input and output do not.
pub(crate) const SCRIPT: &str = include_str!("frame_api.js");

/// Lines are told as one text if they are no longer than this in all: V8 is quicker at cutting a text than
/// at being told many. Of longer ones the copy would count.
const TEXT_BYTES: usize = 64 << 10;

/// Lines that become a text with a line feed between each two, or an array of strings; what is not UTF-8 in
/// them becomes U+FFFD.
pub(crate) struct Lines(Vec<Line>);

impl<'a> ToV8<'a> for Lines {
    type Error = JsErrorBox;

    fn to_v8<'i>(
        self,
        scope: &mut v8::PinScope<'a, 'i>,
    ) -> Result<v8::Local<'a, v8::Value>, JsErrorBox> {
        let Self(lines) = self;
        let bytes = lines.iter().map(|line| line.text.len() + 1).sum::<usize>();
        if lines.len() > 1 && bytes <= TEXT_BYTES {
            let is_ascii = lines.iter().all(|line| line.is_ascii);
            let texts: Vec<_> = lines.into_iter().map(|line| line.text).collect();
            return string(scope, &texts.join(&b'\n'), is_ascii);
        }
        let string = |line: &Line| string(scope, &line.text, line.is_ascii);
        let strings: Result<Vec<_>, _> = lines.iter().map(string).collect();
        Ok(v8::Array::new_with_elements(scope, &strings?).into())
    }
}

fn string<'a>(
    scope: &mut v8::PinScope<'a, '_>,
    line: &[u8],
    is_ascii: bool,
) -> Result<v8::Local<'a, v8::Value>, JsErrorBox> {
    let text = if is_ascii || line.is_ascii() {
        v8::String::new_from_one_byte(scope, line, v8::NewStringType::Normal)
    } else {
        v8::String::new(scope, &String::from_utf8_lossy(line))
    };
    let too_long = || JsErrorBox::range_error("a line on stdin is too long for a string");
    text.map(Into::into).ok_or_else(too_long)
}

/// Takes the place of `op_desktop_recv_event`, the one asynchronous op without arguments that the
/// snapshot leaves within reach of scripts and that only `deno desktop` has a use for. An op of our
/// own would need all ops bound anew at every start.
#[op2]
pub(crate) async fn op_host_read_lines(state: Rc<RefCell<OpState>>) -> Result<Lines, JsErrorBox> {
    let input = state.borrow().borrow::<StdinQueue>().clone();
    match input.read_lines().await {
        Ok(lines) => Ok(Lines(lines)),
        Err(LineTooLong(limit)) => Err(JsErrorBox::range_error(format!(
            "a line on stdin is longer than {limit} bytes (limits.lineMb); it was dropped"
        ))),
    }
}

/// Takes the place of `op_desktop_send_error_report` in the same way. The engine's own way of taking a
/// string copies it twice.
#[op2(fast)]
pub(crate) fn op_host_write_line(
    scope: &mut v8::PinScope<'_, '_>,
    state: &mut OpState,
    line: v8::Local<'_, v8::String>,
) -> Result<(), JsErrorBox> {
    let LineOut(stdout) = state.borrow::<LineOut>();
    // V8 must not collect garbage while it is viewed.
    let line = whole(&v8::ValueView::new(scope, line));
    match stdout.write_line(line) {
        // As for everything that is printed: nobody is to see it any more.
        Err(FsError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(JsErrorBox::from_err),
    }
}

fn whole(line: &v8::ValueView<'_>) -> Frame {
    if let v8::ValueViewData::OneByte(text) = line.data()
        && let Some(line) = Frame::of_ascii(text)
    {
        return line;
    }
    line.to_cow_lossy().into_owned().into_bytes().into()
}
