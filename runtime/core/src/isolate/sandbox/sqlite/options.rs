//! Arguments of `function` and `aggregate`, validated as in Node.

use std::ffi::{CString, c_int};

use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::v8;
use libsqlite3_sys as sqlite;

use super::errors::Error;

#[derive(Default, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "Node has these options")]
pub(super) struct Flags {
    deterministic: bool,
    direct_only: bool,
    pub(super) use_big_int_arguments: bool,
    pub(super) varargs: bool,
}

impl Flags {
    pub(super) fn from_object(
        scope: &mut v8::PinScope<'_, '_>,
        options: v8::Local<'_, v8::Object>,
    ) -> Option<Self> {
        Some(Self {
            use_big_int_arguments: flag(scope, options, "useBigIntArguments")?,
            varargs: flag(scope, options, "varargs")?,
            deterministic: flag(scope, options, "deterministic")?,
            direct_only: flag(scope, options, "directOnly")?,
        })
    }

    pub(super) fn to_sqlite(self) -> c_int {
        let mut flags = sqlite::SQLITE_UTF8;
        if self.deterministic {
            flags |= sqlite::SQLITE_DETERMINISTIC;
        }
        if self.direct_only {
            flags |= sqlite::SQLITE_DIRECTONLY;
        }
        flags
    }
}

fn throw_invalid<T>(scope: &mut v8::PinScope<'_, '_>, name: &str, kind: &str) -> Option<T> {
    let message = format!("The \"{name}\" argument must be {kind}.");
    throw_js_error_class(scope, &Error::Type(message));
    None
}

pub(super) fn name(
    scope: &mut v8::PinScope<'_, '_>,
    value: Option<v8::Local<'_, v8::Value>>,
) -> Option<CString> {
    let Some(name) = value.filter(|value| value.is_string()) else {
        return throw_invalid(scope, "name", "a string");
    };
    let name = CString::new(name.to_rust_string_lossy(scope));
    if name.is_err() {
        let message = "The \"name\" argument must be a string without null bytes.";
        throw_js_error_class(scope, &Error::Value(message));
    }
    name.ok()
}

pub(super) fn function<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: Option<v8::Local<'s, v8::Value>>,
    name: &str,
) -> Option<v8::Local<'s, v8::Function>> {
    match value.and_then(|value| value.try_into().ok()) {
        Some(function) => Some(function),
        None => throw_invalid(scope, name, "a function"),
    }
}

pub(super) fn object<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Object>> {
    match value.try_into() {
        Ok(object) => Some(object),
        Err(_) => throw_invalid(scope, "options", "an object"),
    }
}

pub(super) fn get<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    options: v8::Local<'_, v8::Object>,
    name: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let name = v8::String::new(scope, name)?;
    options.get(scope, name.into())
}

/// An optional function.
#[expect(clippy::option_option, reason = "the outer `None` means that an exception is pending")]
pub(super) fn optional_function<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    options: v8::Local<'s, v8::Object>,
    name: &str,
) -> Option<Option<v8::Local<'s, v8::Function>>> {
    let value = get(scope, options, name)?;
    if value.is_undefined() {
        return Some(None);
    }
    function(scope, Some(value), &format!("options.{name}")).map(Some)
}

fn flag(
    scope: &mut v8::PinScope<'_, '_>,
    options: v8::Local<'_, v8::Object>,
    name: &str,
) -> Option<bool> {
    let value = get(scope, options, name)?;
    if !value.is_undefined() && !value.is_boolean() {
        return throw_invalid(scope, &format!("options.{name}"), "a boolean");
    }
    Some(value.is_true())
}

/// The number of parameters of a function, from its property `length`.
pub(super) fn parameter_count(
    scope: &mut v8::PinScope<'_, '_>,
    function: v8::Local<'_, v8::Function>,
) -> Option<c_int> {
    get(scope, function.into(), "length")?.int32_value(scope)
}
