//! The native handles of `node:zlib`, which assume that Deno's module calls them in the right order.
//!
//! A script reaches them as `stream._handle`. Deno panics if a handle is written to before `init`, is used after
//! `close`, or has no error listener. Replaced methods check this first. They also retain the memory of the last write.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use deno_error::JsErrorBox;
use deno_runtime::deno_core::cppgc::{make_cppgc_object, try_unwrap_cppgc_object};
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::v8;

use crate::isolate::sandbox::native::methods::{
    Call, has_mark, private_symbol, prototype, remove_mark, replace, set_mark,
};
use crate::isolate::sandbox::native::retained_memory::RetainedMemory;
use crate::isolate::sandbox::ops::buffers::{BufferKind, copy_buffers, kind_of};

const CLASSES: [&str; 5] =
    ["Zlib", "BrotliEncoder", "BrotliDecoder", "ZstdCompress", "ZstdDecompress"];

/// On a handle, the memory of its last write. `params` continues to use it.
const WRITTEN: &str = "js-runtime.written";

/// Positions of the buffers among the arguments of a write. `write` and `writeSync` differ in the second output.
const INPUT: usize = 1;
const OUTPUTS: [usize; 2] = [4, 7];

/// Marks an initialized handle that is not closed.
const READY: &str = "js-runtime.ready";

/// The property that holds the error listener of a handle.
const ON_ERROR: &str = "onerror";

pub(crate) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
) -> Option<()> {
    for class in CLASSES {
        let class = prototype(scope, ops, class)?;
        replace(scope, class, "init", &[], v8::Function::builder(init))?;
        replace(scope, class, "close", &[], v8::Function::builder(close))?;
        for name in ["write", "writeSync"] {
            replace(scope, class, name, &[], v8::Function::builder(write))?;
        }
        for name in ["reset", "params"] {
            replace(scope, class, name, &[], v8::Function::builder(call_if_usable))?;
        }
    }
    Some(())
}

fn init<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    let Some(result) = call.call_method(scope, 0, &call.arguments) else { return };
    // `init` of some classes returns whether it succeeded, of others a number or nothing.
    if !result.is_false() && set_mark(scope, call.this, READY).is_none() {
        return;
    }
    rv.set(result);
}

fn call_if_usable<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    if is_usable(scope, call.this) {
        call.forward(scope, rv);
    }
}

/// Throws and returns false if a handle cannot be used.
fn is_usable<'s>(scope: &mut v8::PinScope<'s, '_>, handle: v8::Local<'s, v8::Object>) -> bool {
    let is_usable = has_mark(scope, handle, READY) && has_error_listener(scope, handle);
    if !is_usable {
        let message =
            "the handle of node:zlib is not initialized, is closed, or has no error listener";
        throw_js_error_class(scope, &JsErrorBox::type_error(message));
    }
    is_usable
}

fn write<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::new(&arguments) else { return };
    if !is_usable(scope, call.this) {
        return;
    }
    if OUTPUTS.iter().filter_map(|at| call.arguments.get(*at)).any(|it| kind_of(*it).may_change()) {
        let message = "the output of a compressor cannot be resizable or shared memory";
        return throw_js_error_class(scope, &JsErrorBox::type_error(message));
    }
    if let Some(input) = call.arguments.get_mut(INPUT)
        && !copy_buffers(scope, std::slice::from_mut(input), BufferKind::may_change)
    {
        return;
    }
    if retain_buffers(scope, &call).is_some() {
        call.forward(scope, rv);
    }
}

/// Retains the memory of a write, and releases that of the previous write.
fn retain_buffers<'s>(scope: &mut v8::PinScope<'s, '_>, call: &Call<'s>) -> Option<()> {
    let mut stores = Vec::new();
    for at in [INPUT, OUTPUTS[0]] {
        let view = call.arguments.get(at).copied();
        if let Some(view) =
            view.and_then(|view| v8::Local::<v8::ArrayBufferView>::try_from(view).ok())
            && view.byte_length() > 0
        {
            stores.push(view.buffer(scope)?.get_backing_store());
        }
    }
    let symbol = private_symbol(scope, WRITTEN)?;
    let before = call.this.get_private(scope, symbol)?;
    if let Some(last) = try_unwrap_cppgc_object::<RetainedMemory>(scope, before) {
        // SAFETY: the local handle `before` keeps the object alive during the call.
        unsafe { last.as_ref() }.replace(stores);
        return Some(());
    }
    let last = make_cppgc_object(scope, RetainedMemory::new(stores));
    call.this.set_private(scope, symbol, last.into()).map(drop)
}

fn close<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    if !has_mark(scope, call.this, READY) {
        return;
    }
    remove_mark(scope, call.this, READY);
    call.forward(scope, rv);
}

/// Requires an own data property, so that Deno reads the same value.
fn has_error_listener<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    handle: v8::Local<'s, v8::Object>,
) -> bool {
    listener(scope, handle).is_some_and(|listener| listener.is_function())
}

fn listener<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    handle: v8::Local<'s, v8::Object>,
) -> Option<v8::Local<'s, v8::Value>> {
    let name = v8::String::new(scope, ON_ERROR)?;
    let property = handle.get_own_property_descriptor(scope, name.into())?;
    let property = v8::Local::<v8::Object>::try_from(property).ok()?;
    let value = v8::String::new(scope, "value")?;
    // The descriptor of an accessor has no `value`.
    property.has_own_property(scope, value.into()).filter(|has| *has)?;
    property.get(scope, value.into())
}
