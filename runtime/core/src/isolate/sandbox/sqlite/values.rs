//! Conversion of values between SQL and JavaScript.

use std::ffi::{c_int, c_void};

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::v8;
use libsqlite3_sys as sqlite;

use super::errors::Error;

/// `SQLITE_UTF8` in the parameter type of `sqlite3_result_text64`.
const UTF8: u8 = 1;

/// `Number.MAX_SAFE_INTEGER`.
const MAX_SAFE: i64 = 9_007_199_254_740_991;

/// Appends the values of an SQL call to `arguments`. Returns `None` if it throws.
///
/// # Safety
///
/// `values` must point to `count` values that are valid during the call.
pub(super) unsafe fn arguments<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    mut arguments: Vec<v8::Local<'s, v8::Value>>,
    count: c_int,
    values: *mut *mut sqlite::sqlite3_value,
    has_big_ints: bool,
) -> Option<Vec<v8::Local<'s, v8::Value>>> {
    for at in 0..usize::try_from(count).unwrap_or_default() {
        // SAFETY: `at` is less than `count`, and the caller guarantees as many valid values.
        arguments.push(unsafe { value(scope, *values.add(at), has_big_ints) }?);
    }
    Some(arguments)
}

/// Converts an SQL value. Returns `None` if it throws.
///
/// # Safety
///
/// `value` must be an argument of a running call of an SQL function.
unsafe fn value<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: *mut sqlite::sqlite3_value,
    has_big_ints: bool,
) -> Option<v8::Local<'s, v8::Value>> {
    // SAFETY: the caller guarantees a valid value.
    match unsafe { sqlite::sqlite3_value_type(value) } {
        sqlite::SQLITE_INTEGER => {
            // SAFETY: the caller guarantees a valid value.
            let number = unsafe { sqlite::sqlite3_value_int64(value) };
            if has_big_ints {
                return Some(v8::BigInt::new_from_i64(scope, number).into());
            }
            if !(-MAX_SAFE..=MAX_SAFE).contains(&number) {
                let message = "Value is too large to be represented as a JavaScript number";
                throw_js_error_class(scope, &Error::Range(format!("{message}: {number}")));
                return None;
            }
            #[expect(clippy::cast_precision_loss, reason = "the number is a safe integer")]
            let number = number as f64;
            Some(v8::Number::new(scope, number).into())
        }
        sqlite::SQLITE_FLOAT => {
            // SAFETY: the caller guarantees a valid value.
            let number = unsafe { sqlite::sqlite3_value_double(value) };
            Some(v8::Number::new(scope, number).into())
        }
        sqlite::SQLITE_TEXT => {
            // SAFETY: the caller guarantees a valid value. `sqlite3_value_text` runs first, because it may convert the
            // value to UTF-8, which changes its length.
            let bytes = unsafe { bytes(value, sqlite::sqlite3_value_text(value).cast()) };
            let text = bytes.and_then(|bytes| {
                v8::String::new_from_utf8(scope, bytes, v8::NewStringType::Normal)
            });
            if text.is_none() {
                throw_js_error_class(scope, &JsErrorBox::range_error("the text is too long"));
            }
            Some(text?.into())
        }
        sqlite::SQLITE_BLOB => {
            // SAFETY: the caller guarantees a valid value, and the pointer is that of its blob.
            let Some(bytes) = (unsafe { bytes(value, sqlite::sqlite3_value_blob(value)) }) else {
                throw_js_error_class(scope, &JsErrorBox::range_error("out of memory"));
                return None;
            };
            let store = v8::ArrayBuffer::new_backing_store_from_vec(bytes.to_vec()).make_shared();
            let buffer = v8::ArrayBuffer::with_backing_store(scope, &store);
            Some(v8::Uint8Array::new(scope, buffer, 0, bytes.len())?.into())
        }
        sqlite::SQLITE_NULL => Some(v8::null(scope).into()),
        _ => Some(v8::undefined(scope).into()),
    }
}

/// The bytes of a text or blob. `None` if SQLite failed to allocate them.
///
/// # Safety
///
/// `bytes` must be the text or the blob of `value`, and both must be valid for `'v`.
unsafe fn bytes<'v>(value: *mut sqlite::sqlite3_value, bytes: *const c_void) -> Option<&'v [u8]> {
    // SAFETY: the caller guarantees a valid value.
    let length = usize::try_from(unsafe { sqlite::sqlite3_value_bytes(value) }).ok()?;
    if length == 0 {
        return Some(&[]);
    }
    if bytes.is_null() {
        return None;
    }
    // SAFETY: not null, so SQLite stores `length` bytes there, which are valid for `'v`, as the caller guarantees.
    Some(unsafe { std::slice::from_raw_parts(bytes.cast(), length) })
}

/// Sets the result of an SQL function. `context` must be that of the running call. Returns `None` if it throws.
pub(super) fn set_result(
    scope: &mut v8::PinScope<'_, '_>,
    context: *mut sqlite::sqlite3_context,
    value: v8::Local<'_, v8::Value>,
) -> Option<()> {
    if value.is_null_or_undefined() {
        // SAFETY: callers pass the context of the running call.
        unsafe { sqlite::sqlite3_result_null(context) };
    } else if value.is_number() {
        let number = value.number_value(scope)?;
        // SAFETY: callers pass the context of the running call.
        unsafe { sqlite::sqlite3_result_double(context, number) };
    } else if value.is_string() {
        let text = value.to_rust_string_lossy(scope);
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        // SAFETY: callers pass the context of the running call. `text` has `length` bytes, which SQLite copies
        // (`SQLITE_TRANSIENT`).
        unsafe {
            sqlite::sqlite3_result_text64(
                context,
                text.as_ptr().cast(),
                length,
                sqlite::SQLITE_TRANSIENT(),
                UTF8,
            );
        }
    } else if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
        let mut bytes = vec![0; view.byte_length()];
        let copied = view.copy_contents(&mut bytes);
        // SAFETY: callers pass the context of the running call. `bytes` has at least `copied` bytes, which SQLite copies
        // (`SQLITE_TRANSIENT`).
        unsafe {
            sqlite::sqlite3_result_blob64(
                context,
                bytes.as_ptr().cast(),
                u64::try_from(copied).unwrap_or_default(),
                sqlite::SQLITE_TRANSIENT(),
            );
        }
    } else if let Ok(number) = v8::Local::<v8::BigInt>::try_from(value) {
        let (number, true) = number.i64_value() else {
            let message = "BigInt value is too large for SQLite".to_owned();
            throw_js_error_class(scope, &Error::Range(message));
            return None;
        };
        // SAFETY: callers pass the context of the running call.
        unsafe { sqlite::sqlite3_result_int64(context, number) };
    } else if value.is_promise() {
        fail(context, c"Asynchronous user-defined functions are not supported");
    } else {
        fail(context, c"Returned JavaScript value cannot be converted to a SQLite value");
    }
    Some(())
}

/// Fails an SQL function. `context` must be that of the running call.
pub(super) fn fail(context: *mut sqlite::sqlite3_context, message: &std::ffi::CStr) {
    // SAFETY: callers pass the context of the running call. The message is NUL-terminated, and SQLite copies it.
    unsafe { sqlite::sqlite3_result_error(context, message.as_ptr(), -1) };
}
