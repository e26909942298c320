//! The frame API: reads and writes whole frames, for code that is written for this engine.
//!
//! The standard streams (`stdio`) carry the same bytes for all other code. The frame API needs no streams, no encoding
//! and no splitting: a frame is one string and one copy, and one op returns all frames that are available.

use std::cell::RefCell;
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpState, ToV8, op2, v8};
use deno_runtime::deno_io::fs::FsError;

use crate::io::line_splitter::Frame;
use crate::io::stdin_queue::{Line, LineTooLong, StdinQueue};
use crate::isolate::stdio::FrameOutput;

/// Installs the built-in module that `process.getBuiltinModule('js-runtime:lines')` returns. It needs no permission,
/// like stdin and stdout.
pub(crate) const SCRIPT: &str = include_str!("frame_api.js");

/// Lines of up to so many bytes in total are returned as one string: V8 splits one string faster than it creates many.
/// For longer lines the extra copy would cost more.
const JOINED_BYTES: usize = 64 << 10;

/// Converts to one string with line feeds between the lines, or to an array of strings. Invalid UTF-8 becomes U+FFFD.
pub(crate) struct Lines(Vec<Line>);

impl<'a> ToV8<'a> for Lines {
    type Error = JsErrorBox;

    fn to_v8<'i>(
        self,
        scope: &mut v8::PinScope<'a, 'i>,
    ) -> Result<v8::Local<'a, v8::Value>, JsErrorBox> {
        let Self(lines) = self;
        let bytes = lines.iter().map(|line| line.text.len() + 1).sum::<usize>();
        if lines.len() > 1 && bytes <= JOINED_BYTES {
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

/// Replaces `op_desktop_recv_event`, an asynchronous op without arguments that is in the snapshot and that only
/// `deno desktop` uses. A new op would require binding all ops again at every start.
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

/// Replaces `op_desktop_send_error_report`, for the same reason. A `#[string]` argument would be copied twice.
#[op2(fast)]
pub(crate) fn op_host_write_line(
    scope: &mut v8::PinScope<'_, '_>,
    state: &mut OpState,
    line: v8::Local<'_, v8::String>,
) -> Result<(), JsErrorBox> {
    let FrameOutput(stdout) = state.borrow::<FrameOutput>();
    // Copied before writing, because V8 must not collect garbage while the view exists.
    let line = whole(&v8::ValueView::new(scope, line));
    match stdout.write_line(line) {
        // Like `console.log`, a write after a kill is ignored.
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
