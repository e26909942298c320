//! Properties of JavaScript objects, read and written so that a script's changes to prototypes have no effect.

use deno_runtime::deno_core::v8;

/// An object without a prototype, in which nothing is found but what it is given.
pub(crate) fn empty<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Object> {
    let null = v8::null(scope).into();
    v8::Object::with_prototype_and_properties(scope, null, &[], &[])
}

/// A property that the object itself has, or `undefined`; `None` when its getter has thrown.
pub(crate) fn own<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    name: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let name = v8::String::new(scope, name)?;
    if object.has_own_property(scope, name.into())? {
        return object.get(scope, name.into());
    }
    Some(v8::undefined(scope).into())
}

/// Sets a property of the object itself.
pub(crate) fn set(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    name: &str,
    value: v8::Local<'_, v8::Value>,
) -> Option<()> {
    let name = v8::String::new(scope, name)?;
    object.create_data_property(scope, name.into(), value).map(drop)
}
