//! The native parser of `node:http`, which is not reentrant.
//!
//! The parser calls JavaScript while it parses, and a script reaches it as `socket.parser._native`. A nested call would
//! combine the start of a string in one chunk with its end in another, and expose the application's memory between them.
//! Replaced methods queue chunks until the running call has parsed its own.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{JsRuntime, v8};

use crate::isolate::sandbox::native::methods::{Call, mark, prototype, replace};
use crate::isolate::sandbox::ops::buffers::{Memory, copied};

const CLASS: &str = "HTTPParser";

/// On a handle, the parser that consumes it. The handle stores the address of the parser.
const PARSER: &str = "js-runtime.parser";

/// The arguments of `execute`: an object with callbacks, and a chunk of data.
type Piece = [v8::Global<v8::Value>; 2];

/// A parser with a running `execute`.
struct Work {
    parser: v8::Global<v8::Object>,
    waits: VecDeque<Piece>,
}

/// The running parsers of an isolate, innermost last.
#[derive(Default)]
struct AtWork(RefCell<Vec<Work>>);

pub(crate) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
) -> Option<()> {
    JsRuntime::op_state_from(scope).borrow_mut().put(Rc::<AtWork>::default());
    let class = prototype(scope, ops, CLASS)?;
    let others = ["getCurrentBuffer"];
    replace(scope, class, "execute", &others, v8::Function::builder(execute))?;
    replace(scope, class, "initialize", &others, v8::Function::builder(initialize))?;
    replace(scope, class, "consume", &others, v8::Function::builder(consume))
}

impl AtWork {
    fn of(scope: &mut v8::PinScope<'_, '_>) -> Rc<Self> {
        JsRuntime::op_state_from(scope).borrow().borrow::<Rc<Self>>().clone()
    }

    fn begin(&self, scope: &mut v8::PinScope<'_, '_>, parser: v8::Local<'_, v8::Object>) {
        let parser = v8::Global::new(scope, parser);
        self.0.borrow_mut().push(Work { parser, waits: VecDeque::new() });
    }

    fn end(&self) {
        self.0.borrow_mut().pop();
    }

    fn has(&self, parser: v8::Local<'_, v8::Object>) -> bool {
        self.0.borrow().iter().any(|work| work.parser == parser)
    }

    fn add(&self, parser: v8::Local<'_, v8::Object>, piece: Piece) {
        if let Some(work) = self.0.borrow_mut().iter_mut().find(|work| work.parser == parser) {
            work.waits.push_back(piece);
        }
    }

    /// The next chunk for the innermost parser.
    fn next(&self) -> Option<Piece> {
        self.0.borrow_mut().last_mut()?.waits.pop_front()
    }
}

fn execute<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::of(&arguments) else { return };
    let at_work = AtWork::of(scope);
    if at_work.has(call.this) {
        if !copied(scope, &mut call.arguments, |_| true) {
            return;
        }
        let [callbacks, data, ..] = *call.arguments else { return };
        let length =
            v8::Local::<v8::ArrayBufferView>::try_from(data).map(|data| data.byte_length());
        let Ok(length) = length else { return refuse(scope) };
        let piece = [callbacks, data].map(|value| v8::Global::new(scope, value));
        at_work.add(call.this, piece);
        return answer.set_int32(i32::try_from(length).unwrap_or(i32::MAX));
    }
    if is_called_by_its_socket(scope, &call) {
        return refuse(scope);
    }
    if !copied(scope, &mut call.arguments, Memory::may_change) {
        return;
    }
    at_work.begin(scope, call.this);
    let done = execute_all(scope, &call, &at_work);
    at_work.end();
    if let Some(done) = done {
        answer.set(done);
    }
}

/// Returns the result for the first chunk, or the first error of a queued one.
fn execute_all<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    call: &Call<'s>,
    at_work: &AtWork,
) -> Option<v8::Local<'s, v8::Value>> {
    let is_error = |code: v8::Local<'s, v8::Value>| {
        v8::Local::<v8::Int32>::try_from(code).is_ok_and(|code| code.value() < 0)
    };
    let first = call.pass(scope, 0, &call.arguments)?;
    if is_error(first) {
        return Some(first);
    }
    while let Some(piece) = at_work.next() {
        let piece = piece.map(|value| v8::Local::new(scope, value));
        let done = call.pass(scope, 0, &piece)?;
        if is_error(done) {
            return Some(done);
        }
    }
    Some(first)
}

/// Whether JavaScript runs inside a native call of the parser by its socket. The parser has a current buffer then.
fn is_called_by_its_socket<'s>(scope: &mut v8::PinScope<'s, '_>, call: &Call<'s>) -> bool {
    const CURRENT_BUFFER: u32 = 1;
    call.pass(scope, CURRENT_BUFFER, &[])
        .and_then(|buffer| v8::Local::<v8::ArrayBufferView>::try_from(buffer).ok())
        .is_some_and(|buffer| buffer.byte_length() > 0)
}

/// Whether the parser is parsing. It must not be initialized or attached to another socket meanwhile.
fn is_busy<'s>(scope: &mut v8::PinScope<'s, '_>, call: &Call<'s>) -> bool {
    AtWork::of(scope).has(call.this) || is_called_by_its_socket(scope, call)
}

fn initialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::of(&arguments) else { return };
    if is_busy(scope, &call) {
        return refuse(scope);
    }
    call.pass_on(scope, answer);
}

fn consume<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::of(&arguments) else { return };
    if is_busy(scope, &call) {
        return refuse(scope);
    }
    let handle = v8::Local::<v8::Object>::try_from(arguments.get(1)).ok();
    if let Some(handle) = handle {
        let Some(mark) = mark(scope, PARSER) else { return };
        if handle.set_private(scope, mark, call.this.into()).is_none() {
            return;
        }
    }
    call.pass_on(scope, answer);
}

fn refuse(scope: &mut v8::PinScope<'_, '_>) {
    let message = "the parser of node:http is parsing, and cannot be used until it has finished";
    throw_js_error_class(scope, &JsErrorBox::type_error(message));
}
