//! The native sessions of `node:http2`, which read and write for one caller at a time.
//!
//! nghttp2 must not be given data while it calls JavaScript: it frees streams that it is at. So data that comes while a
//! method of such a class runs waits until that has returned.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{JsRuntime, v8};

use super::native_methods::{Call, get, prototype, replace};
use super::op_buffers::{Memory, copied};

const SESSION: &str = "Http2Session";
const RECEIVE: &str = "receive";

/// Methods that nghttp2 may call JavaScript in.
const METHODS: [(&str, &[&str]); 2] = [
    (
        SESSION,
        &[
            "altsvc",
            "destroy",
            "getOutgoingChunk",
            "goaway",
            "origin",
            "ping",
            "request",
            "setGracefulClose",
            "settings",
            "submitShutdownNotice",
        ],
    ),
    (
        "Http2Stream",
        &[
            "destroy",
            "info",
            "priority",
            "pushPromise",
            "readStart",
            "respond",
            "rstStream",
            "shutdown",
            "trailers",
        ],
    ),
];

/// What an isolate's sessions are at.
struct Sessions {
    receive: v8::Global<v8::Function>,
    is_busy: Cell<bool>,
    waits: RefCell<VecDeque<(v8::Global<v8::Object>, v8::Global<v8::Value>)>>,
}

pub(super) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
) -> Option<()> {
    let session = prototype(scope, ops, SESSION)?;
    let receive = get(scope, session, RECEIVE)?;
    let receive = v8::Local::<v8::Function>::try_from(receive).ok()?;
    let sessions = Sessions {
        receive: v8::Global::new(scope, receive),
        is_busy: Cell::new(false),
        waits: RefCell::default(),
    };
    JsRuntime::op_state_from(scope).borrow_mut().put(Rc::new(sessions));
    for (class, names) in METHODS {
        let class = prototype(scope, ops, class)?;
        for name in names {
            replace(scope, class, name, &[], v8::Function::builder(work))?;
        }
    }
    replace(scope, session, RECEIVE, &[], v8::Function::builder(receive_data))?;
    replace(scope, session, "consumeStream", &[], v8::Function::builder(refuse))
}

impl Sessions {
    fn of(scope: &mut v8::PinScope<'_, '_>) -> Rc<Self> {
        JsRuntime::op_state_from(scope).borrow().borrow::<Rc<Self>>().clone()
    }

    /// Calls a method, and then gives the sessions what has come meanwhile.
    fn run<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        call: &Call<'s>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        if self.is_busy.replace(true) {
            return call.pass(scope, 0, &call.arguments);
        }
        let mut done = call.pass(scope, 0, &call.arguments);
        while done.is_some()
            && let Some((session, data)) = self.waits.borrow_mut().pop_front()
        {
            let session = v8::Local::new(scope, session).into();
            let data = v8::Local::new(scope, data);
            let received = v8::Local::new(scope, &self.receive).call(scope, session, &[data]);
            done = received.and(done);
        }
        self.is_busy.set(false);
        done
    }
}

fn work<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::of(&arguments) else { return };
    if let Some(done) = Sessions::of(scope).run(scope, &call) {
        answer.set(done);
    }
}

fn receive_data<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::of(&arguments) else { return };
    let sessions = Sessions::of(scope);
    if !sessions.is_busy.get() {
        if copied(scope, &mut call.arguments, Memory::may_change)
            && let Some(done) = sessions.run(scope, &call)
        {
            answer.set(done);
        }
        return;
    }
    if copied(scope, &mut call.arguments, |_| true)
        && let Some(data) = call.arguments.first()
    {
        let session = v8::Global::new(scope, call.this);
        let data = v8::Global::new(scope, *data);
        sessions.waits.borrow_mut().push_back((session, data));
    }
}

/// The session would own the socket of the handle, which others have the address of. Node's module does not use it.
fn refuse<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    let message = "a session of node:http2 reads from its socket by events";
    throw_js_error_class(scope, &JsErrorBox::type_error(message));
}
