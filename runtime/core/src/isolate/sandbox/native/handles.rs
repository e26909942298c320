//! Node's native handles for sockets and pipes.
//!
//! Deno's methods accept any descriptor: `new Pipe().open(1)` would open the application's stdout. Replaced methods
//! check descriptors, addresses and the limit of open files. No JavaScript runs between a check and its use.

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

/// `-EMFILE`, which a method returns at the limit of open files.
const TOO_MANY_FILES: i32 = -24;

/// Marks a handle that is bound to an address.
const BOUND: &str = "js-runtime.bound";

/// Marks a handle that has an open socket.
const OPEN: &str = "js-runtime.open";

/// A socket that listens without `bind` is bound to this address, so that its permission is checked.
const ANY_ADDRESS: &str = "0.0.0.0";

/// The handles of an isolate with open sockets.
#[derive(Default)]
struct Handles {
    list: RefCell<Vec<v8::Weak<v8::Object>>>,
    /// Open handles in the list, including some that the garbage collector may have freed.
    open: Cell<usize>,
}

/// Replaces methods of the classes in `ops`, and refuses some classes.
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
    let with_address: &[_] = if cfg!(unix) { &[tcp] } else { &[pipe, tcp] };
    for class in with_address {
        replace(scope, *class, "connect", &[], v8::Function::builder(connect))?;
        replace(scope, *class, "bind", &[], v8::Function::builder(bind))?;
    }
    // `bind` is the replaced method here, which checks the permission.
    replace(scope, tcp, "listen", &["bind"], v8::Function::builder(listen))?;
    replace(scope, tcp, "openFromRid", &[], v8::Function::builder(connect))?;
    replace(scope, tcp, "connect6", &[], v8::Function::builder(connect))?;
    replace(scope, tcp, "bind6", &[], v8::Function::builder(bind))?;
    replace(scope, tcp, "bindWithFlags", &[], v8::Function::builder(bind))?;
    for name in ["TTY", "WasiContext"] {
        refuse_class(scope, ops, name)?;
    }
    Some(())
}

/// Replaces a class with one whose constructor throws. A `TTY` would be the application's terminal, and WASI would use
/// the application's standard streams.
fn refuse_class<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
    name: &str,
) -> Option<()> {
    let prototype = prototype(scope, ops, name)?;
    let class = v8::FunctionTemplate::new(scope, throw_refusal).get_function(scope)?;
    let no = v8::FunctionTemplate::new(scope, return_false).get_function(scope)?;
    define(scope, class.into(), "isTTY", no.into())?;
    define(scope, prototype, "constructor", class.into())?;
    let name = v8::String::new(scope, name)?;
    ops.set(scope, name.into(), class.into()).map(drop)
}

fn throw_refusal<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    throw_js_error_class(scope, &fd_guard::not_owned_error());
}

fn return_false<'s>(
    _: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    rv.set_bool(false);
}

/// Calls a method that opens a socket and returns its status: 0, or the negative of an `errno`. `address` is the
/// position of the address in its arguments.
fn open_checked<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    call: &mut Call<'s>,
    address: usize,
) -> Option<i32> {
    unix_sockets::is_address_allowed(scope, &mut call.arguments, address).then_some(())?;
    if !has_room(scope) {
        return Some(TOO_MANY_FILES);
    }
    let status = call.call_method(scope, 0, &call.arguments)?.int32_value(scope)?;
    if status == 0 {
        mark_open(scope, call.this)?;
    }
    Some(status)
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

/// Counts a handle as open until it is closed or freed.
fn mark_open<'s>(
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
    set_open_count(&state, handles.open.get() + 1);
    // Amortized: a scan costs no more than the additions since the last one.
    if handles.list.borrow().len() > 2 * handles.open.get() + MAX_STALE {
        recount(&state, scope);
    }
    Some(())
}

/// Closed handles that may stay in the list.
const MAX_STALE: usize = 64;

fn mark_closed<'s>(scope: &mut v8::PinScope<'s, '_>, handle: v8::Local<'s, v8::Object>) {
    if !has_mark(scope, handle, OPEN) {
        return;
    }
    remove_mark(scope, handle, OPEN);
    let state = JsRuntime::op_state_from(scope);
    let state = state.borrow();
    let open = state.borrow::<Handles>().open.get();
    set_open_count(&state, open.saturating_sub(1));
}

fn set_open_count(state: &OpState, open: usize) {
    state.borrow::<Handles>().open.set(open);
    FdGuard::of(state).set_handle_count(open);
}

/// Drops closed and freed handles from the list.
fn recount(state: &OpState, scope: &mut v8::PinScope<'_, '_>) {
    let mut list = state.borrow::<Handles>().list.borrow_mut();
    list.retain(|handle| {
        handle.to_local(scope).is_some_and(|handle| has_mark(scope, handle, OPEN))
    });
    set_open_count(state, list.len());
}

fn open<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    // Converts once, before the check: an object may convert to a different number each time.
    let Some(fd) = arguments.get(0).int32_value(scope) else { return };
    let Some(call) = Call::new(&arguments) else { return };
    let state = JsRuntime::op_state_from(scope);
    let guard = FdGuard::of(&state.borrow()).clone();
    if !guard.take_offered(fd) {
        return throw_js_error_class(scope, &fd_guard::not_owned_error());
    }
    let argument = v8::Integer::new(scope, fd).into();
    if let Some(code) = call.call_method(scope, 0, &[argument]) {
        rv.set(code);
    }
}

/// Duplicates the descriptor of a handle, to be sent to a child. The isolate closes the duplicate at its end.
fn duplicate<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    if !has_room(scope) {
        return rv.set_int32(-1);
    }
    let Some(fd) = call.call_method(scope, 0, &[]) else { return };
    if let Some(fd) = fd.int32_value(scope)
        && fd >= 0
    {
        let state = JsRuntime::op_state_from(scope);
        FdGuard::of(&state.borrow()).track(fd);
    }
    rv.set(fd);
}

fn connect<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::new(&arguments) else { return };
    if let Some(code) = open_checked(scope, &mut call, 1) {
        rv.set_int32(code);
    }
}

fn bind<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::new(&arguments) else { return };
    if let Some(code) = open_checked(scope, &mut call, 0) {
        if code == 0 && set_mark(scope, call.this, BOUND).is_none() {
            return;
        }
        rv.set_int32(code);
    }
}

fn listen<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    const BIND: u32 = 1;
    let Some(mut call) = Call::new(&arguments) else { return };
    if !has_mark(scope, call.this, BOUND) {
        let Some(address) = v8::String::new(scope, ANY_ADDRESS) else { return };
        let port = v8::Integer::new(scope, 0).into();
        let Some(code) = call.call_method(scope, BIND, &[address.into(), port]) else { return };
        if code.int32_value(scope) != Some(0) {
            return rv.set(code);
        }
    }
    if let Some(code) = open_checked(scope, &mut call, 1) {
        rv.set_int32(code);
    }
}

/// Accepts a connection into the handle given as the argument.
fn accept<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    let accepted = call.call_method(scope, 0, &call.arguments);
    let Some(code) = accepted.and_then(|code| code.int32_value(scope)) else { return };
    let Some(handle) = call.arguments.first().and_then(|it| (*it).try_into().ok()) else { return };
    if code == 0 {
        if !has_room(scope) {
            // Closing the handle closes the accepted socket.
            close_handle(scope, handle);
            return rv.set_int32(TOO_MANY_FILES);
        }
        if mark_open(scope, handle).is_none() {
            return;
        }
    }
    rv.set_int32(code);
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
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    mark_closed(scope, call.this);
    call.forward(scope, rv);
    #[cfg(unix)]
    pipes::on_closed(scope, call.this);
}
