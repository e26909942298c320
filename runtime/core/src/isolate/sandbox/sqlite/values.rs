//! Values of SQL as JavaScript has them, and back.

use std::ffi::{c_int, c_void};

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::v8;
use libsqlite3_sys as sqlite;

use super::errors::Error;

/// `SQLITE_UTF8` in the type that SQLite takes it in.
const UTF8: u8 = 1;

/// `Number.MAX_SAFE_INTEGER`.
const MAX_SAFE: i64 = 9_007_199_254_740_991;

/// The arguments of a call, after those that are there. `None` when an exception is thrown.
///
/// # Safety
///
/// `values` are as many as `count` says.
pub(super) unsafe fn arguments<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    mut arguments: Vec<v8::Local<'s, v8::Value>>,
    count: c_int,
    values: *mut *mut sqlite::sqlite3_value,
    has_big_ints: bool,
) -> Option<Vec<v8::Local<'s, v8::Value>>> {
    for at in 0..usize::try_from(count).unwrap_or_default() {
        // SAFETY: the caller's.
        arguments.push(unsafe { value(scope, *values.add(at), has_big_ints) }?);
    }
    Some(arguments)
}

/// # Safety
///
/// The value is one that SQLite calls a function with.
unsafe fn value<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: *mut sqlite::sqlite3_value,
    has_big_ints: bool,
) -> Option<v8::Local<'s, v8::Value>> {
    // SAFETY: the caller's.
    match unsafe { sqlite::sqlite3_value_type(value) } {
        sqlite::SQLITE_INTEGER => {
            // SAFETY: as above.
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
            // SAFETY: as above.
            let number = unsafe { sqlite::sqlite3_value_double(value) };
            Some(v8::Number::new(scope, number).into())
        }
        sqlite::SQLITE_TEXT => {
            // SAFETY: as above; the text first, as its length is that of its form.
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
            // SAFETY: as above.
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

/// The bytes of a value; `None` when SQLite has no memory for them.
///
/// # Safety
///
/// They are those of the value, and stay for the life that is chosen.
unsafe fn bytes<'v>(value: *mut sqlite::sqlite3_value, bytes: *const c_void) -> Option<&'v [u8]> {
    // SAFETY: the caller's.
    let length = usize::try_from(unsafe { sqlite::sqlite3_value_bytes(value) }).ok()?;
    if length == 0 {
        return Some(&[]);
    }
    if bytes.is_null() {
        return None;
    }
    // SAFETY: the caller's.
    Some(unsafe { std::slice::from_raw_parts(bytes.cast(), length) })
}

/// Gives a value to SQLite as the result of a function. `None` when an exception is thrown.
pub(super) fn answer(
    scope: &mut v8::PinScope<'_, '_>,
    context: *mut sqlite::sqlite3_context,
    value: v8::Local<'_, v8::Value>,
) -> Option<()> {
    if value.is_null_or_undefined() {
        // SAFETY: SQLite waits for the result of this call.
        unsafe { sqlite::sqlite3_result_null(context) };
    } else if value.is_number() {
        let number = value.number_value(scope)?;
        // SAFETY: as above.
        unsafe { sqlite::sqlite3_result_double(context, number) };
    } else if value.is_string() {
        let text = value.to_rust_string_lossy(scope);
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        // SAFETY: as above; SQLite copies the text.
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
        // SAFETY: as above; SQLite copies the bytes.
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
        // SAFETY: as above.
        unsafe { sqlite::sqlite3_result_int64(context, number) };
    } else if value.is_promise() {
        fail(context, c"Asynchronous user-defined functions are not supported");
    } else {
        fail(context, c"Returned JavaScript value cannot be converted to a SQLite value");
    }
    Some(())
}

/// Ends a call of a function with an error.
pub(super) fn fail(context: *mut sqlite::sqlite3_context, message: &std::ffi::CStr) {
    // SAFETY: SQLite waits for the result of this call, and copies the message.
    unsafe { sqlite::sqlite3_result_error(context, message.as_ptr(), -1) };
}
