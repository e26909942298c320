//! Finds the connection of an object of `node:sqlite`, and checks whether a method may run now.

use std::rc::Rc;

use deno_node_sqlite::{DatabaseSync, StatementSync};
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{cppgc, v8};
use libsqlite3_sys as sqlite;

use super::connections::Connection;
use super::errors::Error;
use crate::isolate::sandbox::native::methods::{has_mark, mark, remove_mark, set_mark};

/// On a session or a tag store, its database.
const DATABASE: &str = "js-runtime.database";

/// Marks a tag store that a running call uses.
const RUNNING: &str = "js-runtime.running";

/// An open connection of a script.
pub(super) struct Open {
    pub(super) handle: *mut sqlite::sqlite3,
    pub(super) connection: Rc<Connection>,
}

/// The connection of a database. `None` for a closed database and for any other object.
pub(super) fn of_database(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Value>,
) -> Option<Open> {
    let database = cppgc::try_unwrap_cppgc_object::<DatabaseSync>(scope, object)?;
    // SAFETY: the local handle `object` keeps the database alive during this function.
    let handle = unsafe { database.as_ref() }.conn.try_borrow().ok()?.as_ref().map(|it| {
        // SAFETY: the connection is open, because `conn` contains it. Callers use the handle only while a method of the
        // connection runs, during which it cannot be closed (`Connection::is_idle`).
        unsafe { it.handle() }
    })?;
    Some(Open { handle, connection: Connection::of(handle)? })
}

/// The connection of a statement, and the native statement, which is null if the SQL is empty.
pub(super) fn of_statement(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Value>,
) -> Option<(Rc<Connection>, *mut sqlite::sqlite3_stmt)> {
    let statement = cppgc::try_unwrap_cppgc_object::<StatementSync>(scope, object)?;
    // SAFETY: the local handle `object` keeps the statement alive during this function.
    let statement = unsafe { statement.as_ref() };
    let handle = statement.db.try_borrow().ok()?.as_ref().map(|it| {
        // SAFETY: as in `of_database`.
        unsafe { it.handle() }
    })?;
    Some((Connection::of(handle)?, statement.inner.get()?))
}

/// The connection of a session or a tag store.
pub(super) fn of_marked(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Open> {
    let mark = mark(scope, DATABASE)?;
    let database = object.get_private(scope, mark)?;
    of_database(scope, database)
}

pub(super) fn keep_database<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    made: v8::Local<'s, v8::Value>,
    database: v8::Local<'s, v8::Object>,
) -> Option<()> {
    let mark = mark(scope, DATABASE)?;
    v8::Local::<v8::Object>::try_from(made).ok()?.set_private(scope, mark, database.into())?;
    Some(())
}

/// Throws the error of a failed check.
pub(super) fn allowed(scope: &mut v8::PinScope<'_, '_>, checked: Result<(), Error>) -> Option<()> {
    if let Err(error) = checked {
        throw_js_error_class(scope, &error);
        return None;
    }
    Some(())
}

/// Runs a method of a statement. Returns `None` if it throws.
pub(super) fn with_statement<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    object: v8::Local<'s, v8::Object>,
    act: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
) -> Option<v8::Local<'s, v8::Value>> {
    let Some((connection, statement)) = of_statement(scope, object.into()) else {
        // The method itself refuses a closed statement or another object.
        return act(scope);
    };
    allowed(scope, connection.is_usable())?;
    if statement.is_null() {
        return allowed(scope, Err(Error::Empty)).and(None);
    }
    // Before the call, because the statement may be retained from an earlier iteration.
    connection.hold(scope, statement, None);
    match connection.running(statement, || connection.run(scope, act)) {
        Ok(done) => done,
        Err(refused) => allowed(scope, Err(refused)).and(None),
    }
}

/// Retains the statement of an unfinished iterator.
pub(super) fn hold_statement<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
) {
    if let Some((connection, statement)) = of_statement(scope, object.into()) {
        connection.hold(scope, statement, Some(object));
    }
}

/// Runs a method of a tag store. Returns `None` if it throws.
pub(super) fn with_store<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    store: v8::Local<'s, v8::Object>,
    act: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
) -> Option<v8::Local<'s, v8::Value>> {
    // The method itself refuses a closed store or another object.
    let Some(open) = of_marked(scope, store) else { return act(scope) };
    allowed(scope, open.connection.is_usable())?;
    if has_mark(scope, store, RUNNING) {
        return allowed(scope, Err(Error::Running)).and(None);
    }
    set_mark(scope, store, RUNNING)?;
    let done = open.connection.run(scope, act);
    remove_mark(scope, store, RUNNING);
    done
}
