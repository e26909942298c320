//! The native sessions of `node:http2`, which are not reentrant.
//!
//! nghttp2 frees streams that it still uses if it receives data while it calls JavaScript. Data that arrives while a
//! method runs is queued until the method returns.
//!
//! A native stream stores the address of its session. It therefore keeps the session alive, and its methods do nothing
//! after the session is destroyed.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{JsRuntime, v8};

use crate::isolate::sandbox::native::methods::{
    Call, get, has_mark, private_symbol, prototype, replace, set_mark,
};
use crate::isolate::sandbox::ops::buffers::{BufferKind, copy_buffers};

const SESSION: &str = "Http2Session";
const RECEIVE: &str = "receive";

/// Methods of a session during which nghttp2 may call JavaScript.
const SESSION_METHODS: [&str; 8] = [
    "altsvc",
    "getOutgoingChunk",
    "goaway",
    "origin",
    "ping",
    "setGracefulClose",
    "settings",
    "submitShutdownNotice",
];

/// Methods of a stream that use its session.
const STREAM_METHODS: [&str; 11] = [
    "getState",
    "info",
    "priority",
    "pushPromise",
    "readStart",
    "respond",
    "rstStream",
    "shutdown",
    "trailers",
    "writeBuffer",
    "writeUtf8String",
];

/// On a stream, its session.
const OWNER: &str = "js-runtime.session";

/// Marks a destroyed session.
const DESTROYED: &str = "js-runtime.destroyed";

/// The result of a stream's method after its session is destroyed: an error code, or "completed synchronously".
const DONE: i32 = 1;

/// The op that registers the callbacks of Node's module, and the position of the callback for new streams.
const CALLBACKS: &str = "op_http2_callbacks";
const HEADERS_CALLBACK: usize = 4;

/// The state that all sessions of an isolate share.
struct Sessions {
    receive: v8::Global<v8::Function>,
    is_busy: Cell<bool>,
    queued: RefCell<VecDeque<(v8::Global<v8::Object>, v8::Global<v8::Value>)>>,
}

pub(crate) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
) -> Option<()> {
    let session = prototype(scope, ops, SESSION)?;
    let receive = get(scope, session, RECEIVE)?;
    let receive = v8::Local::<v8::Function>::try_from(receive).ok()?;
    let sessions = Sessions {
        receive: v8::Global::new(scope, receive),
        is_busy: Cell::new(false),
        queued: RefCell::default(),
    };
    JsRuntime::op_state_from(scope).borrow_mut().put(Rc::new(sessions));
    let stream = prototype(scope, ops, "Http2Stream")?;
    for name in SESSION_METHODS {
        replace(scope, session, name, &[], v8::Function::builder(run_method))?;
    }
    for name in STREAM_METHODS {
        replace(scope, stream, name, &[], v8::Function::builder(run_stream_method))?;
    }
    replace(scope, session, "request", &[], v8::Function::builder(request))?;
    replace(scope, session, "destroy", &[], v8::Function::builder(destroy))?;
    replace(scope, stream, "destroy", &[], v8::Function::builder(run_method))?;
    let original = get(scope, ops, CALLBACKS)?;
    let register_callbacks = function(scope, register_callbacks, original)?;
    let name = v8::String::new(scope, CALLBACKS)?;
    ops.set(scope, name.into(), register_callbacks.into())?;
    replace(scope, session, RECEIVE, &[], v8::Function::builder(receive_data))?;
    replace(scope, session, "consumeStream", &[], v8::Function::builder(refuse_consume))
}

/// Builds a function that can call `original`.
fn function<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    callback: impl v8::MapFnTo<v8::FunctionCallback>,
    original: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Function>> {
    let originals = v8::Array::new_with_elements(scope, &[original]);
    v8::Function::builder(callback).data(originals.into()).build(scope)
}

impl Sessions {
    fn of(scope: &mut v8::PinScope<'_, '_>) -> Rc<Self> {
        JsRuntime::op_state_from(scope).borrow().borrow::<Rc<Self>>().clone()
    }

    /// Calls a method, then delivers the data that was queued meanwhile.
    fn run<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'s>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        if self.is_busy.replace(true) {
            return call.call_method(scope, 0, &call.arguments);
        }
        let mut result = call.call_method(scope, 0, &call.arguments);
        while result.is_some()
            && let Some((session, data)) = self.queued.borrow_mut().pop_front()
        {
            let session = v8::Local::new(scope, session).into();
            let data = v8::Local::new(scope, data);
            let received = v8::Local::new(scope, &self.receive).call(scope, session, &[data]);
            result = received.and(result);
        }
        self.is_busy.set(false);
        result
    }
}

fn run_method<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    if let Some(result) = Sessions::of(scope).run(scope, &call) {
        rv.set(result);
    }
}

/// Registers the callbacks of Node's module. The callback for new streams links each to its session first.
fn register_callbacks<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::new(&arguments) else { return };
    if let Some(headers) = call.arguments.get_mut(HEADERS_CALLBACK) {
        let Some(linking) = function(scope, link_new_stream, *headers) else { return };
        *headers = linking.into();
    }
    call.forward(scope, rv);
}

fn link_new_stream<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    if link(scope, arguments.get(0), call.this).is_some() {
        call.forward(scope, rv);
    }
}

/// Keeps the session of a stream alive. Ignores a number, which is an error code instead of a stream.
fn link<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    stream: v8::Local<'s, v8::Value>,
    session: v8::Local<'s, v8::Object>,
) -> Option<()> {
    let Ok(stream) = v8::Local::<v8::Object>::try_from(stream) else { return Some(()) };
    let symbol = private_symbol(scope, OWNER)?;
    stream.set_private(scope, symbol, session.into()).map(drop)
}

fn owner<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    stream: v8::Local<'s, v8::Object>,
) -> Option<v8::Local<'s, v8::Object>> {
    let symbol = private_symbol(scope, OWNER)?;
    stream.get_private(scope, symbol)?.try_into().ok()
}

fn run_stream_method<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    let owner = owner(scope, call.this);
    if owner.is_some_and(|session| has_mark(scope, session, DESTROYED)) {
        return rv.set_int32(DONE);
    }
    let Some(result) = Sessions::of(scope).run(scope, &call) else { return };
    // `pushPromise` returns a stream.
    if let Some(session) = owner
        && link(scope, result, session).is_none()
    {
        return;
    }
    rv.set(result);
}

fn request<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    if let Some(stream) = Sessions::of(scope).run(scope, &call)
        && link(scope, stream, call.this).is_some()
    {
        rv.set(stream);
    }
}

fn destroy<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    if set_mark(scope, arguments.this(), DESTROYED).is_some() {
        run_method(scope, arguments, rv);
    }
}

fn receive_data<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::new(&arguments) else { return };
    let sessions = Sessions::of(scope);
    if !sessions.is_busy.get() {
        if copy_buffers(scope, &mut call.arguments, BufferKind::may_change)
            && let Some(result) = sessions.run(scope, &call)
        {
            rv.set(result);
        }
        return;
    }
    if copy_buffers(scope, &mut call.arguments, |_| true)
        && let Some(data) = call.arguments.first()
    {
        let session = v8::Global::new(scope, call.this);
        let data = v8::Global::new(scope, *data);
        sessions.queued.borrow_mut().push_back((session, data));
    }
}

/// Refuses `consumeStream`, which would move the socket out of a handle whose address others store. Node's module does
/// not use it.
fn refuse_consume<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let message = "a session of node:http2 cannot consume a native stream";
    throw_js_error_class(scope, &JsErrorBox::type_error(message));
}
