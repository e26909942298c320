//! Finds the connection of an object of `node:sqlite`, and checks whether a method may run now.

use std::rc::Rc;

use deno_node_sqlite::{DatabaseSync, StatementSync};
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{cppgc, v8};
use libsqlite3_sys as sqlite;

use super::connections::Connection;
use super::errors::Error;
use crate::isolate::sandbox::native::methods::{has_mark, private_symbol, remove_mark, set_mark};

/// On a session or a tag store, its database.
const DATABASE: &str = "js-runtime.database";

/// Marks a tag store that a running call uses.
const RUNNING: &str = "js-runtime.running";

/// An open connection of a script.
pub(super) struct OpenDatabase {
    pub(super) handle: *mut sqlite::sqlite3,
    pub(super) connection: Rc<Connection>,
}

/// The connection of a database. `None` for a closed database and for any other object.
pub(super) fn open_database(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Value>,
) -> Option<OpenDatabase> {
    let database = cppgc::try_unwrap_cppgc_object::<DatabaseSync>(scope, object)?;
    // SAFETY: the local handle `object` keeps the database alive during this function.
    let handle = unsafe { database.as_ref() }.conn.try_borrow().ok()?.as_ref().map(|it| {
        // SAFETY: the connection is open, because `conn` contains it. Callers use the handle only while a method of the
        // connection runs, during which it cannot be closed (`Connection::is_idle`).
        unsafe { it.handle() }
    })?;
    Some(OpenDatabase { handle, connection: Connection::find(handle)? })
}

/// The connection of a statement, and the native statement, which is null if the SQL is empty.
pub(super) fn statement_of(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Value>,
) -> Option<(Rc<Connection>, *mut sqlite::sqlite3_stmt)> {
    let statement = cppgc::try_unwrap_cppgc_object::<StatementSync>(scope, object)?;
    // SAFETY: the local handle `object` keeps the statement alive during this function.
    let statement = unsafe { statement.as_ref() };
    let handle = statement.db.try_borrow().ok()?.as_ref().map(|it| {
        // SAFETY: as in `open_database`.
        unsafe { it.handle() }
    })?;
    Some((Connection::find(handle)?, statement.inner.get()?))
}

/// The connection of a session or a tag store.
pub(super) fn database_of(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<OpenDatabase> {
    let symbol = private_symbol(scope, DATABASE)?;
    let database = object.get_private(scope, symbol)?;
    open_database(scope, database)
}

pub(super) fn set_database<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Value>,
    database: v8::Local<'s, v8::Object>,
) -> Option<()> {
    let symbol = private_symbol(scope, DATABASE)?;
    v8::Local::<v8::Object>::try_from(object).ok()?.set_private(scope, symbol, database.into())?;
    Some(())
}

/// Throws the error of a failed check.
pub(super) fn throw_if_err(
    scope: &mut v8::PinScope<'_, '_>,
    result: Result<(), Error>,
) -> Option<()> {
    if let Err(error) = result {
        throw_js_error_class(scope, &error);
        return None;
    }
    Some(())
}

/// Runs a method of a statement. Returns `None` if it throws.
pub(super) fn with_statement<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    object: v8::Local<'s, v8::Object>,
    f: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
) -> Option<v8::Local<'s, v8::Value>> {
    let Some((connection, statement)) = statement_of(scope, object.into()) else {
        // The method itself refuses a closed statement or another object.
        return f(scope);
    };
    throw_if_err(scope, connection.ensure_usable())?;
    if statement.is_null() {
        return throw_if_err(scope, Err(Error::Empty)).and(None);
    }
    // Before the call, because the statement may be retained from an earlier iteration.
    connection.retain(scope, statement, None);
    match connection.while_running(statement, || connection.run(scope, f)) {
        Ok(result) => result,
        Err(error) => throw_if_err(scope, Err(error)).and(None),
    }
}

/// Retains the statement of an unfinished iterator.
pub(super) fn retain_statement<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
) {
    if let Some((connection, statement)) = statement_of(scope, object.into()) {
        connection.retain(scope, statement, Some(object));
    }
}

/// Runs a method of a tag store. Returns `None` if it throws.
pub(super) fn with_store<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    store: v8::Local<'s, v8::Object>,
    f: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
) -> Option<v8::Local<'s, v8::Value>> {
    // The method itself refuses a closed store or another object.
    let Some(open) = database_of(scope, store) else { return f(scope) };
    throw_if_err(scope, open.connection.ensure_usable())?;
    if has_mark(scope, store, RUNNING) {
        return throw_if_err(scope, Err(Error::Running)).and(None);
    }
    set_mark(scope, store, RUNNING)?;
    let result = open.connection.run(scope, f);
    remove_mark(scope, store, RUNNING);
    result
}
