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

use crate::isolate::sandbox::native::methods::{Call, private_symbol, prototype, replace};
use crate::isolate::sandbox::ops::buffers::{BufferKind, copy_buffers};

const CLASS: &str = "HTTPParser";

/// On a handle, the parser that consumes it. The handle stores the address of the parser.
const PARSER: &str = "js-runtime.parser";

/// The arguments of `execute`: an object with callbacks, and a chunk of data.
type Chunk = [v8::Global<v8::Value>; 2];

/// A parser with a running `execute`.
struct RunningParser {
    parser: v8::Global<v8::Object>,
    queued: VecDeque<Chunk>,
}

/// The running parsers of an isolate, innermost last.
#[derive(Default)]
struct RunningParsers(RefCell<Vec<RunningParser>>);

pub(crate) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
) -> Option<()> {
    JsRuntime::op_state_from(scope).borrow_mut().put(Rc::<RunningParsers>::default());
    let class = prototype(scope, ops, CLASS)?;
    let further = ["getCurrentBuffer"];
    replace(scope, class, "execute", &further, v8::Function::builder(execute))?;
    replace(scope, class, "initialize", &further, v8::Function::builder(initialize))?;
    replace(scope, class, "consume", &further, v8::Function::builder(consume))
}

impl RunningParsers {
    fn of(scope: &mut v8::PinScope<'_, '_>) -> Rc<Self> {
        JsRuntime::op_state_from(scope).borrow().borrow::<Rc<Self>>().clone()
    }

    fn push(&self, scope: &mut v8::PinScope<'_, '_>, parser: v8::Local<'_, v8::Object>) {
        let parser = v8::Global::new(scope, parser);
        self.0.borrow_mut().push(RunningParser { parser, queued: VecDeque::new() });
    }

    fn pop(&self) {
        self.0.borrow_mut().pop();
    }

    fn contains(&self, parser: v8::Local<'_, v8::Object>) -> bool {
        self.0.borrow().iter().any(|entry| entry.parser == parser)
    }

    fn queue(&self, parser: v8::Local<'_, v8::Object>, chunk: Chunk) {
        if let Some(entry) = self.0.borrow_mut().iter_mut().find(|entry| entry.parser == parser) {
            entry.queued.push_back(chunk);
        }
    }

    /// The next chunk for the innermost parser.
    fn next_chunk(&self) -> Option<Chunk> {
        self.0.borrow_mut().last_mut()?.queued.pop_front()
    }
}

fn execute<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::new(&arguments) else { return };
    let running = RunningParsers::of(scope);
    if running.contains(call.this) {
        if !copy_buffers(scope, &mut call.arguments, |_| true) {
            return;
        }
        let [callbacks, data, ..] = *call.arguments else { return };
        let length =
            v8::Local::<v8::ArrayBufferView>::try_from(data).map(|data| data.byte_length());
        let Ok(length) = length else { return refuse(scope) };
        let chunk = [callbacks, data].map(|value| v8::Global::new(scope, value));
        running.queue(call.this, chunk);
        return rv.set_int32(i32::try_from(length).unwrap_or(i32::MAX));
    }
    if is_called_by_its_socket(scope, &call) {
        return refuse(scope);
    }
    if !copy_buffers(scope, &mut call.arguments, BufferKind::may_change) {
        return;
    }
    running.push(scope, call.this);
    let result = execute_all(scope, &call, &running);
    running.pop();
    if let Some(result) = result {
        rv.set(result);
    }
}

/// Returns the result for the first chunk, or the first error of a queued one.
fn execute_all<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    call: &Call<'s>,
    running: &RunningParsers,
) -> Option<v8::Local<'s, v8::Value>> {
    let is_error = |code: v8::Local<'s, v8::Value>| {
        v8::Local::<v8::Int32>::try_from(code).is_ok_and(|code| code.value() < 0)
    };
    let first = call.call_method(scope, 0, &call.arguments)?;
    if is_error(first) {
        return Some(first);
    }
    while let Some(chunk) = running.next_chunk() {
        let chunk = chunk.map(|value| v8::Local::new(scope, value));
        let result = call.call_method(scope, 0, &chunk)?;
        if is_error(result) {
            return Some(result);
        }
    }
    Some(first)
}

/// Returns true if JavaScript runs inside a native call of the parser by its socket. The parser has a current buffer then.
fn is_called_by_its_socket<'s>(scope: &mut v8::PinScope<'s, '_>, call: &Call<'s>) -> bool {
    const CURRENT_BUFFER: u32 = 1;
    call.call_method(scope, CURRENT_BUFFER, &[])
        .and_then(|buffer| v8::Local::<v8::ArrayBufferView>::try_from(buffer).ok())
        .is_some_and(|buffer| buffer.byte_length() > 0)
}

/// Returns true if the parser is parsing. It must not be initialized or attached to another socket meanwhile.
fn is_busy<'s>(scope: &mut v8::PinScope<'s, '_>, call: &Call<'s>) -> bool {
    RunningParsers::of(scope).contains(call.this) || is_called_by_its_socket(scope, call)
}

fn initialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    if is_busy(scope, &call) {
        return refuse(scope);
    }
    call.forward(scope, rv);
}

fn consume<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    if is_busy(scope, &call) {
        return refuse(scope);
    }
    let handle = v8::Local::<v8::Object>::try_from(arguments.get(1)).ok();
    if let Some(handle) = handle {
        let Some(symbol) = private_symbol(scope, PARSER) else { return };
        if handle.set_private(scope, symbol, call.this.into()).is_none() {
            return;
        }
    }
    call.forward(scope, rv);
}

fn refuse(scope: &mut v8::PinScope<'_, '_>) {
    let message = "the parser of node:http is parsing, and cannot be used until it has finished";
    throw_js_error_class(scope, &JsErrorBox::type_error(message));
}
