//! Iterators over the rows of a statement. Their `next` and `return` need the checks of the statement's methods.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use deno_runtime::deno_core::v8;

use super::calls::{retain_statement, with_statement, with_store};
use crate::isolate::sandbox::native::methods::get;

/// The class of the object that created an iterator.
#[derive(Clone, Copy)]
pub(super) enum Maker {
    Statement,
    TagStore,
}

/// Adds checks to the functions of an iterator that `maker` has created.
pub(super) fn add_checks<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    iterator: v8::Local<'s, v8::Value>,
    maker: v8::Local<'s, v8::Object>,
    kind: Maker,
) -> Option<()> {
    let iterator = v8::Local::<v8::Object>::try_from(iterator).ok()?;
    for name in ["next", "return"] {
        let original = get(scope, iterator, name).filter(|it| it.is_function())?;
        let is_store = v8::Boolean::new(scope, matches!(kind, Maker::TagStore)).into();
        let is_next = v8::Boolean::new(scope, name == "next").into();
        let data = [original, maker.into(), is_store, is_next];
        let data = v8::Array::new_with_elements(scope, &data);
        let checked = v8::Function::builder(step)
            .data(data.into())
            .constructor_behavior(v8::ConstructorBehavior::Throw)
            .build(scope)?;
        let name = v8::String::new(scope, name)?;
        checked.set_name(name);
        iterator.create_data_property(scope, name.into(), checked.into())?;
    }
    Some(())
}

fn step<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    if let Some(result) = call_step(scope, &arguments) {
        rv.set(result);
    }
}

fn call_step<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &v8::FunctionCallbackArguments<'s>,
) -> Option<v8::Local<'s, v8::Value>> {
    let data = v8::Local::<v8::Array>::try_from(arguments.data()).ok()?;
    let original = v8::Local::<v8::Function>::try_from(data.get_index(scope, 0)?).ok()?;
    let maker = v8::Local::<v8::Object>::try_from(data.get_index(scope, 1)?).ok()?;
    let this = arguments.this().into();
    if data.get_index(scope, 2)?.is_true() {
        return with_store(scope, maker, |scope| original.call(scope, this, &[]));
    }
    let step = with_statement(scope, maker, |scope| original.call(scope, this, &[]))?;
    let is_next = data.get_index(scope, 3)?.is_true();
    if is_next && !is_done(scope, step) {
        retain_statement(scope, maker);
    }
    Some(step)
}

/// Reads `done` of a step. The step is a new object of Deno without a prototype, so no getter runs.
fn is_done<'s>(scope: &mut v8::PinScope<'s, '_>, step: v8::Local<'s, v8::Value>) -> bool {
    let step = v8::Local::<v8::Object>::try_from(step).ok();
    step.and_then(|step| get(scope, step, "done")).is_none_or(|done| done.is_true())
}
