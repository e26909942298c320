//! `setAuthorizer`: a callback of the script that allows or denies the actions of a statement.

use std::any::Any;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::rc::{Rc, Weak};

use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::v8;
use libsqlite3_sys as sqlite;

use super::connections::{Connection, Realm};
use super::errors::Error;

pub(super) struct Authorizer {
    realm: Realm,
    function: v8::Global<v8::Function>,
    /// Weak, because the connection owns the authorizer.
    connection: Weak<Connection>,
}

/// Sets or removes the authorizer of an idle connection. Returns `None` if it throws.
pub(super) fn set(
    scope: &mut v8::PinScope<'_, '_>,
    handle: *mut sqlite::sqlite3,
    connection: &Rc<Connection>,
    callback: v8::Local<'_, v8::Value>,
) -> Option<()> {
    let authorizer = if callback.is_null() {
        None
    } else {
        let Ok(function) = v8::Local::<v8::Function>::try_from(callback) else {
            let message = "The \"callback\" argument must be a function or null.".to_owned();
            throw_js_error_class(scope, &Error::Type(message));
            return None;
        };
        let function = v8::Global::new(scope, function);
        let realm = Realm::current(scope);
        Some(Rc::new(Authorizer { realm, function, connection: Rc::downgrade(connection) }))
    };
    let data = authorizer.as_ref().map_or(std::ptr::null_mut(), |it| Rc::as_ptr(it).cast_mut());
    let callback = authorizer.is_some().then_some(authorize as Callback);
    // SAFETY: `handle` is open. `data` stays valid until SQLite has another authorizer: `connection.authorizer` owns
    // it, and is replaced after this call.
    unsafe { sqlite::sqlite3_set_authorizer(handle, callback, data.cast()) };
    connection.authorizer.replace(authorizer.map(|it| it as Rc<dyn Any>));
    Some(())
}

type Callback = unsafe extern "C" fn(
    *mut c_void,
    c_int,
    *const c_char,
    *const c_char,
    *const c_char,
    *const c_char,
) -> c_int;

unsafe extern "C" fn authorize(
    data: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    trigger: *const c_char,
) -> c_int {
    // SAFETY: `data` is the `Authorizer` that `set` passed with this function. The record of the connection owns it, and
    // SQLite keeps the record until the connection is closed.
    let authorizer = unsafe { &*data.cast::<Authorizer>() };
    let Some(connection) = authorizer.connection.upgrade() else { return sqlite::SQLITE_DENY };
    if !connection.may_call() {
        // Either `deserialize` replaces the database, or a callback has failed.
        return if connection.has_failed() { sqlite::SQLITE_DENY } else { sqlite::SQLITE_OK };
    }
    let code = authorizer.realm.call(&connection, |scope| {
        let mut arguments = vec![v8::Integer::new(scope, action).into()];
        for text in [first, second, database, trigger] {
            // SAFETY: SQLite passes null or NUL-terminated strings.
            arguments.push(unsafe { value(scope, text) });
        }
        let function = v8::Local::new(scope, &authorizer.function);
        let this = v8::undefined(scope).into();
        let code = connection.authorize(|| function.call(scope, this, &arguments))?;
        let Ok(code) = v8::Local::<v8::Int32>::try_from(code) else {
            let message = "Authorizer callback must return an integer authorization code";
            throw_js_error_class(scope, &deno_error::JsErrorBox::type_error(message));
            return None;
        };
        let code = code.value();
        if [sqlite::SQLITE_OK, sqlite::SQLITE_DENY, sqlite::SQLITE_IGNORE].contains(&code) {
            return Some(code);
        }
        let message = "Authorizer callback returned a invalid authorization code";
        throw_js_error_class(scope, &deno_error::JsErrorBox::range_error(message));
        None
    });
    code.unwrap_or(sqlite::SQLITE_DENY)
}

/// A string, or null.
///
/// # Safety
///
/// `text` must be null or NUL-terminated.
unsafe fn value<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    text: *const c_char,
) -> v8::Local<'s, v8::Value> {
    if text.is_null() {
        return v8::null(scope).into();
    }
    // SAFETY: not null, therefore NUL-terminated, as the caller guarantees.
    let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
    match v8::String::new_from_utf8(scope, bytes, v8::NewStringType::Normal) {
        Some(text) => text.into(),
        None => v8::null(scope).into(),
    }
}
