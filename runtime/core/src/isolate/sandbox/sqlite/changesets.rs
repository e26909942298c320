//! `applyChangeset`: copies the changeset and wraps the callbacks.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use deno_error::JsErrorBox;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::v8;
use libsqlite3_sys as sqlite;

use super::calls::open_database;
use super::options::get;
use crate::isolate::sandbox::objects;
use crate::isolate::sandbox::ops::buffers::copy_buffers;

type Value<'s> = v8::Local<'s, v8::Value>;

/// The arguments for Deno's method: a copy of the changeset, and callbacks that do not throw. Returns `None` if it
/// throws.
pub(super) fn prepare<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    database: v8::Local<'s, v8::Object>,
    arguments: &[Value<'s>],
) -> Option<Vec<Value<'s>>> {
    let mut arguments = arguments.to_vec();
    if arguments.is_empty() {
        return Some(arguments);
    }
    if let Some(options) = arguments.get(1)
        && let Ok(options) = v8::Local::<v8::Object>::try_from(*options)
    {
        let wrapped = objects::empty(scope);
        for (name, default) in [("filter", 0), ("onConflict", sqlite::SQLITE_CHANGESET_ABORT)] {
            let mut callback = get(scope, options, name)?;
            if callback.is_function() {
                callback = wrap(scope, database, callback, default)?;
            }
            objects::set(scope, wrapped, name, callback)?;
        }
        arguments[1] = wrapped.into();
    }
    // Copied last: a getter of the options may change the changeset.
    if !copy_buffers(scope, &mut arguments[..1], |_| true) {
        return None;
    }
    if let Some(changeset) = arguments.first()
        && let Ok(view) = v8::Local::<v8::Uint8Array>::try_from(*changeset)
    {
        let mut bytes = vec![0; view.byte_length()];
        view.copy_contents(&mut bytes);
        if !has_utf8_names(&mut bytes) {
            let message = "the changeset contains a table name that is not UTF-8";
            throw_js_error_class(scope, &JsErrorBox::type_error(message));
            return None;
        }
    }
    Some(arguments)
}

/// Returns true if all table names are UTF-8, as Deno assumes. SQLite itself refuses other malformed changesets.
fn has_utf8_names(changeset: &mut [u8]) -> bool {
    let Ok(length) = c_int::try_from(changeset.len()) else { return true };
    let mut changes = ptr::null_mut();
    // SAFETY: `changeset` has `length` bytes, and is borrowed until this function has finalized the iterator.
    let started = unsafe {
        sqlite::sqlite3changeset_start(
            &raw mut changes,
            length,
            changeset.as_mut_ptr().cast::<c_void>(),
        )
    };
    if started != sqlite::SQLITE_OK {
        return true;
    }
    let mut are_utf8 = true;
    // SAFETY: `sqlite3changeset_start` succeeded, so `changes` is an iterator until it is finalized below.
    while are_utf8 && unsafe { sqlite::sqlite3changeset_next(changes) } == sqlite::SQLITE_ROW {
        let (mut table, mut columns, mut kind, mut is_indirect) = (ptr::null(), 0, 0, 0);
        // SAFETY: the last step returned `SQLITE_ROW`, so the iterator is at a change. On success SQLite sets `table` to a
        // NUL-terminated name that is valid until the next step.
        are_utf8 = unsafe {
            sqlite::sqlite3changeset_op(
                changes,
                &raw mut table,
                &raw mut columns,
                &raw mut kind,
                &raw mut is_indirect,
            ) == sqlite::SQLITE_OK
                && CStr::from_ptr(table).to_str().is_ok()
        };
    }
    // SAFETY: `changes` is finalized here only. Its error, if any, is left to `applyChangeset`.
    unsafe { sqlite::sqlite3changeset_finalize(changes) };
    are_utf8
}

/// Wraps a callback of the script. The wrapper returns `default` if the callback throws.
fn wrap<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    database: v8::Local<'s, v8::Object>,
    callback: Value<'s>,
    default: i32,
) -> Option<Value<'s>> {
    let default = v8::Integer::new(scope, default).into();
    let data = v8::Array::new_with_elements(scope, &[database.into(), callback, default]);
    let wrapper = v8::Function::builder(call_back).data(data.into()).build(scope)?;
    Some(wrapper.into())
}

fn call_back<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Ok(data) = v8::Local::<v8::Array>::try_from(arguments.data()) else { return };
    let parts = (0..3).map(|at| data.get_index(scope, at)).collect::<Option<Vec<_>>>();
    let Some([database, callback, default]) = parts.as_deref() else { return };
    rv.set(*default);
    let Ok(callback) = v8::Local::<v8::Function>::try_from(*callback) else { return };
    let Some(open) = open_database(scope, *database) else { return };
    let given = arguments.get(0);
    let this = v8::undefined(scope).into();
    let called = open.connection.call(scope, |scope| callback.call(scope, this, &[given]));
    if let Some(called) = called {
        rv.set(called);
    }
}
