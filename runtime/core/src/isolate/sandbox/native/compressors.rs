//! The native handles of `node:zlib`, which trust that the engine's own module calls them in the right order.
//!
//! A script has them as `stream._handle`. One that is written to before it is set up, or used after it was closed, or
//! that has no listener for errors, ends in a panic. So functions of Rust take the place of the methods
//! (`native_methods`).

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use deno_error::JsErrorBox;
use deno_runtime::deno_core::cppgc::{make_cppgc_object, try_unwrap_cppgc_object};
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::v8;

use crate::isolate::sandbox::native::held_memory::HeldMemory;
use crate::isolate::sandbox::native::methods::{
    Call, has_mark, mark, prototype, remove_mark, replace, set_mark,
};
use crate::isolate::sandbox::ops::buffers::{Memory, copied, memory_of};

const CLASSES: [&str; 5] =
    ["Zlib", "BrotliEncoder", "BrotliDecoder", "ZstdCompress", "ZstdDecompress"];

/// Where a handle has the memory of its last write: `params` goes on with that.
const WRITTEN: &str = "js-runtime.written";

/// The places of buffers among the arguments of a write: what is read, and what is written to.
const INPUT: usize = 1;
const OUTPUTS: [usize; 2] = [4, 7];

/// Marks a handle that is set up and not closed.
const READY: &str = "js-runtime.ready";

/// Where a handle has the function that is told of errors.
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
            replace(scope, class, name, &[], v8::Function::builder(work))?;
        }
    }
    Some(())
}

fn init<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::of(&arguments) else { return };
    let Some(done) = call.pass(scope, 0, &call.arguments) else { return };
    // Some answer whether they are set up, and the others with a number or nothing.
    if !done.is_false() && set_mark(scope, call.this, READY).is_none() {
        return;
    }
    answer.set(done);
}

fn work<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::of(&arguments) else { return };
    if is_usable(scope, call.this) {
        call.pass_on(scope, answer);
    }
}

/// Whether a handle may be used; if not, that has been thrown.
fn is_usable<'s>(scope: &mut v8::PinScope<'s, '_>, handle: v8::Local<'s, v8::Object>) -> bool {
    let is_usable = has_mark(scope, handle, READY) && hears_of_errors(scope, handle);
    if !is_usable {
        let message = "the handle of node:zlib is not set up, or closed";
        throw_js_error_class(scope, &JsErrorBox::type_error(message));
    }
    is_usable
}

fn write<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut call) = Call::of(&arguments) else { return };
    if !is_usable(scope, call.this) {
        return;
    }
    if OUTPUTS.iter().filter_map(|at| call.arguments.get(*at)).any(|it| memory_of(*it).may_change())
    {
        let message = "what a compressor writes to cannot be resizable or shared memory";
        return throw_js_error_class(scope, &JsErrorBox::type_error(message));
    }
    if let Some(input) = call.arguments.get_mut(INPUT)
        && !copied(scope, std::slice::from_mut(input), Memory::may_change)
    {
        return;
    }
    if keep(scope, &call).is_some() {
        call.pass_on(scope, answer);
    }
}

/// Keeps the memory of a write instead of that of the one before.
fn keep<'s>(scope: &mut v8::PinScope<'s, '_>, call: &Call<'s>) -> Option<()> {
    let mut kept = Vec::new();
    for at in [INPUT, OUTPUTS[0]] {
        let view = call.arguments.get(at).copied();
        if let Some(view) =
            view.and_then(|view| v8::Local::<v8::ArrayBufferView>::try_from(view).ok())
            && view.byte_length() > 0
        {
            kept.push(view.buffer(scope)?.get_backing_store());
        }
    }
    let mark = mark(scope, WRITTEN)?;
    let before = call.this.get_private(scope, mark)?;
    if let Some(last) = try_unwrap_cppgc_object::<HeldMemory>(scope, before) {
        // SAFETY: `before` is on the stack and keeps the object.
        unsafe { last.as_ref() }.replace(kept);
        return Some(());
    }
    let last = make_cppgc_object(scope, HeldMemory::new(kept));
    call.this.set_private(scope, mark, last.into()).map(drop)
}

fn close<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    answer: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::of(&arguments) else { return };
    if !has_mark(scope, call.this, READY) {
        return;
    }
    remove_mark(scope, call.this, READY);
    call.pass_on(scope, answer);
}

/// A value of the handle itself, so that the engine finds what is found here.
fn hears_of_errors<'s>(
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
    // The descriptor of an accessor has none.
    property.has_own_property(scope, value.into()).filter(|has| *has)?;
    property.get(scope, value.into())
}
