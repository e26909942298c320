//! Node's native handles, which take any number for a descriptor: `new Pipe().open(1)` is the application's stdout.
//!
//! So functions of Rust take the place of their methods before a script runs (`native_methods`). Between what such a
//! function checks and what it then does no JavaScript runs.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

#[cfg(unix)]
mod pipes;

use std::cell::{Cell, RefCell};

use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{JsRuntime, OpState, v8};

use crate::isolate::sandbox::files::fd_guard::{self, FdGuard};
use crate::isolate::sandbox::native::methods::{
    Call, define, get, has_mark, prototype, remove_mark, replace, set_mark,
};
use crate::isolate::sandbox::network::unix_sockets;

/// What a method answers when there are too many open files: the negative of the system's number.
const TOO_MANY: i32 = -24;

/// Marks a handle that has an address of its own.
const BOUND: &str = "js-runtime.bound";

/// Marks a handle that has a socket.
const OPEN: &str = "js-runtime.open";

/// Sockets that listen without an address would get one that no permission was asked for.
const ANY_ADDRESS: &str = "0.0.0.0";

/// The handles of an isolate that have sockets.
#[derive(Default)]
struct Handles {
    list: RefCell<Vec<v8::Weak<v8::Object>>>,
    /// At least so many of the list are open: some may be gone with what held them.
    open: Cell<usize>,
}

/// Replaces methods of the classes in `ops`, and classes that no script may have.
pub(crate) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
) -> Option<()> {
    JsRuntime::op_state_from(scope).borrow_mut().put(Handles::default());
    let pipe = prototype(scope, ops, "PipeWrap")?;
    let tcp = prototype(scope, ops, "TCPWrap")?;
    for class in [pipe, tcp] {
        replace(scope, class, "open", &[], v8::Function::builder(open))?;
        replace(scope, class, "fdForIpc", &[], v8::Function::builder(duplicate))?;
        replace(scope, class, "accept", &[], v8::Function::builder(accept))?;
        replace(scope, class, "close", &[], v8::Function::builder(close))?;
    }
    #[cfg(unix)]
    pipes::install(scope, pipe)?;
    let by_name: &[_] = if cfg!(unix) { &[tcp] } else { &[pipe, tcp] };
    for class in by_name {
        replace(scope, *class, "connect", &[], v8::Function::builder(connect))?;
        replace(scope, *class, "bind", &[], v8::Function::builder(bind))?;
    }
    // Before `bind` is asked for it has been replaced, which makes no difference here.
    replace(scope, tcp, "listen", &["bind"], v8::Function::builder(listen))?;
    replace(scope, tcp, "openFromRid", &[], v8::Function::builder(connect))?;
    replace(scope, tcp, "connect6", &[], v8::Function::builder(connect))?;
    replace(scope, tcp, "bind6", &[], v8::Function::builder(bind))?;
    replace(scope, tcp, "bindWithFlags", &[], v8::Function::builder(bind))?;
    for name in ["TTY", "WasiContext"] {
        refuse(scope, ops, name)?;
    }
    Some(())
}

/// The terminal is the application's, and the standard streams of WASI are, whatever it is told.
fn refuse<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
    name: &str,
) -> Option<()> {
    let prototype = prototype(scope, ops, name)?;
    let class = v8::FunctionTemplate::new(scope, refused).get_function(scope)?;
    let no = v8::FunctionTemplate::new(scope, answer_no).get_function(scope)?;
    define(scope, class.into(), "isTTY", no.into())?;
    define(scope, prototype, "constructor", class.into())?;
    let name = v8::String::new(scope, name)?;
    ops.set(scope, name.into(), class.into()).map(drop)
}

fn refused<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    throw_js_error_class(scope, &fd_guard::not_owned_error());
}

fn answer_no<'s>(
    _: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    answer.set_bool(false);
}

/// Calls a method that opens something: it answers with a number, and a negative one is an error. Where its address is
/// among the arguments is `address`.
fn call_to_open<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    call: &mut Call<'s>,
    address: usize,
) -> Option<i32> {
    unix_sockets::is_address_allowed(scope, &mut call.arguments, address).then_some(())?;
    if !has_room(scope) {
        return Some(TOO_MANY);
    }
    let answer = call.pass(scope, 0, &call.arguments)?.int32_value(scope)?;
    if answer == 0 {
        has_socket(scope, call.this)?;
    }
    Some(answer)
}

fn has_room(scope: &mut v8::PinScope<'_, '_>) -> bool {
    let state = JsRuntime::op_state_from(scope);
    let state = state.borrow();
    if FdGuard::ensure_room(&state, 1).is_ok() {
        return true;
    }
    recount(&state, scope);
    FdGuard::ensure_room(&state, 1).is_ok()
}

/// Counts a handle as long as it lives and is not closed.
fn has_socket<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    handle: v8::Local<'s, v8::Object>,
) -> Option<()> {
    if has_mark(scope, handle, OPEN) {
        return Some(());
    }
    set_mark(scope, handle, OPEN)?;
    let state = JsRuntime::op_state_from(scope);
    let state = state.borrow();
    let weak = v8::Weak::new(scope, handle);
    let handles = state.borrow::<Handles>();
    handles.list.borrow_mut().push(weak);
    count(&state, handles.open.get() + 1);
    // Looking through the list costs no more than adding to it did.
    if handles.list.borrow().len() > 2 * handles.open.get() + FEW {
        recount(&state, scope);
    }
    Some(())
}

/// So many that are closed may be on the list.
const FEW: usize = 64;

fn has_no_socket<'s>(scope: &mut v8::PinScope<'s, '_>, handle: v8::Local<'s, v8::Object>) {
    if !has_mark(scope, handle, OPEN) {
        return;
    }
    remove_mark(scope, handle, OPEN);
    let state = JsRuntime::op_state_from(scope);
    let state = state.borrow();
    let open = state.borrow::<Handles>().open.get();
    count(&state, open.saturating_sub(1));
}

fn count(state: &OpState, open: usize) {
    state.borrow::<Handles>().open.set(open);
    FdGuard::of(state).set_handle_count(open);
}

/// Finds out which handles are still there.
fn recount(state: &OpState, scope: &mut v8::PinScope<'_, '_>) {
    let mut list = state.borrow::<Handles>().list.borrow_mut();
    list.retain(|handle| {
        handle.to_local(scope).is_some_and(|handle| has_mark(scope, handle, OPEN))
    });
    count(state, list.len());
}

fn open<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    // Once, and before anything is checked: an object may be another number each time.
    let Some(number) = arguments.get(0).int32_value(scope) else { return };
    let Some(call) = Call::of(&arguments) else { return };
    let state = JsRuntime::op_state_from(scope);
    let own = FdGuard::of(&state.borrow()).clone();
    if !own.take_offered(number) {
        return throw_js_error_class(scope, &fd_guard::not_owned_error());
    }
    let argument = v8::Integer::new(scope, number).into();
    if let Some(code) = call.pass(scope, 0, &[argument]) {
        answer.set(code);
    }
}

/// A duplicate is the script's to be sent to a child, and closed with the isolate.
fn duplicate<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::of(&arguments) else { return };
    if !has_room(scope) {
        return answer.set_int32(-1);
    }
    let Some(number) = call.pass(scope, 0, &[]) else { return };
    if let Some(number) = number.int32_value(scope)
        && number >= 0
    {
        let state = JsRuntime::op_state_from(scope);
        FdGuard::of(&state.borrow()).track(number);
    }
    answer.set(number);
}

fn connect<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::of(&arguments) else { return };
    if let Some(code) = call_to_open(scope, &mut call, 1) {
        answer.set_int32(code);
    }
}

fn bind<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::of(&arguments) else { return };
    if let Some(code) = call_to_open(scope, &mut call, 0) {
        if code == 0 && set_mark(scope, call.this, BOUND).is_none() {
            return;
        }
        answer.set_int32(code);
    }
}

fn listen<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    const BIND: u32 = 1;
    let Some(mut call) = Call::of(&arguments) else { return };
    if !has_mark(scope, call.this, BOUND) {
        let Some(address) = v8::String::new(scope, ANY_ADDRESS) else { return };
        let port = v8::Integer::new(scope, 0).into();
        let Some(code) = call.pass(scope, BIND, &[address.into(), port]) else { return };
        if code.int32_value(scope) != Some(0) {
            return answer.set(code);
        }
    }
    if let Some(code) = call_to_open(scope, &mut call, 1) {
        answer.set_int32(code);
    }
}

/// The socket belongs to the handle that is the argument.
fn accept<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::of(&arguments) else { return };
    let accepted = call.pass(scope, 0, &call.arguments);
    let Some(code) = accepted.and_then(|code| code.int32_value(scope)) else { return };
    let Some(handle) = call.arguments.first().and_then(|it| (*it).try_into().ok()) else { return };
    if code == 0 {
        if !has_room(scope) {
            // It has been accepted, and is closed with its handle.
            close_handle(scope, handle);
            return answer.set_int32(TOO_MANY);
        }
        if has_socket(scope, handle).is_none() {
            return;
        }
    }
    answer.set_int32(code);
}

fn close_handle<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    handle: v8::Local<'s, v8::Object>,
) -> Option<()> {
    let close: v8::Local<v8::Function> = get(scope, handle, "close")?.try_into().ok()?;
    close.call(scope, handle.into(), &[]).map(drop)
}

fn close<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::of(&arguments) else { return };
    has_no_socket(scope, call.this);
    call.pass_on(scope, answer);
    #[cfg(unix)]
    pipes::closed(scope, call.this);
}
