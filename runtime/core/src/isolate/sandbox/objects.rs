//! Properties of JavaScript objects, read and written independently of the prototypes that a script may have changed.

use deno_runtime::deno_core::v8;

/// An object without a prototype and without properties.
pub(crate) fn empty<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Object> {
    let null = v8::null(scope).into();
    v8::Object::with_prototype_and_properties(scope, null, &[], &[])
}

/// An own property of the object, or `undefined`. `None` when its getter throws.
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

/// Sets an own property of the object.
pub(crate) fn set(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    name: &str,
    value: v8::Local<'_, v8::Value>,
) -> Option<()> {
    let name = v8::String::new(scope, name)?;
    object.create_data_property(scope, name.into(), value).map(drop)
}
