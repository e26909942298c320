//! Replaces methods of Deno's native classes with Rust functions.
//!
//! Op middleware does not cover these methods. The replacement holds the only reference to the original, checks the
//! arguments and calls it. It can mark objects with private symbols, which scripts do not see.

use deno_runtime::deno_core::v8;

/// The prototype of a class in `ops`.
pub(crate) fn prototype<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
    class: &str,
) -> Option<v8::Local<'s, v8::Object>> {
    let class: v8::Local<v8::Object> = get(scope, ops, class)?.try_into().ok()?;
    get(scope, class, "prototype")?.try_into().ok()
}

/// The value of an own or inherited property.
pub(crate) fn get<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'_, v8::Object>,
    name: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let name = v8::String::new(scope, name)?;
    object.get(scope, name.into())
}

/// Replaces a method permanently. The data of `function` has the original, followed by the methods `others`.
pub(crate) fn replace<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    class: v8::Local<'s, v8::Object>,
    name: &str,
    others: &[&str],
    function: v8::FunctionBuilder<'s, v8::Function>,
) -> Option<()> {
    let function = with_methods(scope, class, name, others, function)?;
    define(scope, class, name, function.into())
}

/// Replaces a method of the Web platform, which scripts may replace again.
pub(crate) fn replace_public<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    class: v8::Local<'s, v8::Object>,
    name: &str,
    function: v8::FunctionBuilder<'s, v8::Function>,
) -> Option<()> {
    let function = with_methods(scope, class, name, &[], function)?;
    let name = v8::String::new(scope, name)?;
    function.set_name(name);
    class.set(scope, name.into(), function.into()).filter(|set| *set).map(drop)
}

fn with_methods<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    class: v8::Local<'s, v8::Object>,
    name: &str,
    others: &[&str],
    function: v8::FunctionBuilder<'s, v8::Function>,
) -> Option<v8::Local<'s, v8::Function>> {
    let mut methods = Vec::new();
    for name in [&[name], others].concat() {
        methods.push(get(scope, class, name).filter(|method| method.is_function())?);
    }
    let methods = v8::Array::new_with_elements(scope, &methods);
    function.data(methods.into()).constructor_behavior(v8::ConstructorBehavior::Throw).build(scope)
}

/// Replaces a getter permanently. The data of `function` has the original.
pub(crate) fn replace_getter<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    class: v8::Local<'s, v8::Object>,
    name: &str,
    function: v8::FunctionBuilder<'s, v8::Function>,
) -> Option<()> {
    let name = v8::String::new(scope, name)?;
    let property = class.get_own_property_descriptor(scope, name.into())?.try_into().ok()?;
    let getter = get(scope, property, "get").filter(|getter| getter.is_function())?;
    let data = v8::Array::new_with_elements(scope, &[getter]);
    let function = function
        .data(data.into())
        .constructor_behavior(v8::ConstructorBehavior::Throw)
        .build(scope)?;
    let undefined = v8::undefined(scope).into();
    let mut property = v8::PropertyDescriptor::new_from_get_set(function.into(), undefined);
    property.set_configurable(false);
    property.set_enumerable(false);
    class.define_property(scope, name.into(), &property).filter(|defined| *defined).map(drop)
}

/// Defines a read-only property. Deno would replace a writable one with a fast call later.
pub(crate) fn define(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    name: &str,
    value: v8::Local<'_, v8::Value>,
) -> Option<()> {
    let name = v8::String::new(scope, name)?;
    let fixed = v8::PropertyAttribute::READ_ONLY
        | v8::PropertyAttribute::DONT_DELETE
        | v8::PropertyAttribute::DONT_ENUM;
    object
        .define_own_property(scope, name.into(), value, fixed)
        .filter(|defined| *defined)
        .map(drop)
}

/// A call of a replaced method.
pub(crate) struct Call<'s> {
    pub(crate) this: v8::Local<'s, v8::Object>,
    methods: v8::Local<'s, v8::Array>,
    pub(crate) arguments: Vec<v8::Local<'s, v8::Value>>,
}

impl<'s> Call<'s> {
    pub(crate) fn new(arguments: &v8::FunctionCallbackArguments<'s>) -> Option<Self> {
        Some(Self {
            this: arguments.this(),
            methods: arguments.data().try_into().ok()?,
            arguments: (0..arguments.length()).map(|at| arguments.get(at)).collect(),
        })
    }

    /// Calls the original (0) or another method in the data. Returns `None` if it throws.
    pub(crate) fn call_method(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        method: u32,
        arguments: &[v8::Local<'s, v8::Value>],
    ) -> Option<v8::Local<'s, v8::Value>> {
        let method = self.methods.get_index(scope, method)?;
        v8::Local::<v8::Function>::try_from(method).ok()?.call(scope, self.this.into(), arguments)
    }

    /// Calls the original with the arguments of this call, and returns its result.
    pub(crate) fn forward(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        mut rv: v8::ReturnValue<'s, v8::Value>,
    ) {
        if let Some(result) = self.call_method(scope, 0, &self.arguments) {
            rv.set(result);
        }
    }
}

pub(crate) fn private_symbol<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
) -> Option<v8::Local<'s, v8::Private>> {
    let name = v8::String::new(scope, name)?;
    Some(v8::Private::for_api(scope, Some(name)))
}

pub(crate) fn has_mark(
    scope: &mut v8::PinScope<'_, '_>,
    handle: v8::Local<'_, v8::Object>,
    name: &str,
) -> bool {
    private_symbol(scope, name)
        .is_some_and(|symbol| handle.has_private(scope, symbol) == Some(true))
}

pub(crate) fn set_mark(
    scope: &mut v8::PinScope<'_, '_>,
    handle: v8::Local<'_, v8::Object>,
    name: &str,
) -> Option<()> {
    let symbol = private_symbol(scope, name)?;
    let value = v8::Boolean::new(scope, true).into();
    handle.set_private(scope, symbol, value).map(drop)
}

pub(crate) fn remove_mark(
    scope: &mut v8::PinScope<'_, '_>,
    handle: v8::Local<'_, v8::Object>,
    name: &str,
) {
    if let Some(symbol) = private_symbol(scope, name) {
        // Fails for an object of another class. The original method reports that.
        let _ = handle.delete_private(scope, symbol);
    }
}
