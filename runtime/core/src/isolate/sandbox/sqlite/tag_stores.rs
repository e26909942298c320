//! Tag stores, which cache their statements. One call at a time may use a store.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use deno_runtime::deno_core::v8;

use super::calls::with_store;
use super::errors::Error;
use super::iterators;
use crate::isolate::sandbox::native::methods::{Call, prototype, replace, replace_getter};

/// In statements. Deno reserves memory for all of them, and requires at least one.
const CAPACITY: std::ops::RangeInclusive<u32> = 1..=65_536;

pub(super) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
) -> Option<()> {
    let store = prototype(scope, ops, "SQLTagStore")?;
    for name in ["get", "all", "run", "clear"] {
        replace(scope, store, name, &[], v8::Function::builder(run))?;
    }
    replace(scope, store, "iterate", &[], v8::Function::builder(iterate))?;
    replace_getter(scope, store, "size", v8::Function::builder(run))
}

/// Checks the capacity of a new store.
pub(super) fn ensure_capacity(
    scope: &mut v8::PinScope<'_, '_>,
    given: v8::Local<'_, v8::Value>,
) -> Result<(), Error> {
    let capacity = given.uint32_value(scope).filter(|_| given.is_number());
    if capacity.is_some_and(|capacity| !CAPACITY.contains(&capacity)) {
        let message = format!(
            "The value of \"maxSize\" is out of range. It must be >= {} and <= {}.",
            CAPACITY.start(),
            CAPACITY.end()
        );
        return Err(Error::Range(message));
    }
    Ok(())
}

fn run<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    let result = with_store(scope, call.this, |scope| call.call_method(scope, 0, &call.arguments));
    if let Some(result) = result {
        rv.set(result);
    }
}

fn iterate<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    let iterator =
        with_store(scope, call.this, |scope| call.call_method(scope, 0, &call.arguments));
    if let Some(iterator) = iterator
        && iterators::add_checks(scope, iterator, call.this, iterators::Maker::TagStore).is_some()
    {
        rv.set(iterator);
    }
}
