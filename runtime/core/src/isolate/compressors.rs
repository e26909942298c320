//! The native handles of `node:zlib`, which trust that the engine's own module calls them in the right order.
//!
//! A script has them as `stream._handle`. One that is written to before it is set up, or used after it was closed, or
//! that has no listener for errors, ends in a panic. So functions of Rust take the place of the methods
//! (`native_methods`).

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::v8;

use super::native_methods::{Call, has_mark, prototype, remove_mark, replace, set_mark};

const CLASSES: [&str; 5] =
    ["Zlib", "BrotliEncoder", "BrotliDecoder", "ZstdCompress", "ZstdDecompress"];

/// Marks a handle that is set up and not closed.
const READY: &str = "js-runtime.ready";

/// Where a handle has the function that is told of errors.
const ON_ERROR: &str = "onerror";

pub(super) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
) -> Option<()> {
    for class in CLASSES {
        let class = prototype(scope, ops, class)?;
        replace(scope, class, "init", &[], v8::Function::builder(init))?;
        replace(scope, class, "close", &[], v8::Function::builder(close))?;
        for name in ["write", "writeSync", "reset", "params"] {
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
    if !has_mark(scope, call.this, READY) || !hears_of_errors(scope, call.this) {
        let error = JsErrorBox::type_error("the handle of node:zlib is not set up, or closed");
        return throw_js_error_class(scope, &error);
    }
    call.pass_on(scope, answer);
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
