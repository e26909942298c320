//! Reentrancy checks for the methods of `node:sqlite`.
//!
//! Deno's methods assume that no callback and no getter of an argument uses their database, statement or tag store
//! meanwhile. Each replaced method records its call in the connection (`connections`). A method that would invalidate
//! the state of a running one fails with `ERR_INVALID_STATE`.

#![allow(clippy::needless_pass_by_value, reason = "V8 calls functions of this form")]

use deno_node_sqlite::Session;
use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::{JsRuntime, cppgc, v8};

use super::calls::{
    OpenDatabase, database_of, open_database, set_database, statement_of, throw_if_err,
    with_statement,
};
use super::errors::Error;
use super::{authorizer, changesets, functions, iterators, tag_stores};
use crate::isolate::sandbox::files::fd_guard::FdGuard;
use crate::isolate::sandbox::files::open_files;
use crate::isolate::sandbox::native::methods::{Call, define, prototype, replace, replace_getter};
use crate::isolate::sandbox::ops::buffers::copy_buffers;

/// Replaces the methods before a script runs.
pub(crate) fn install<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
) -> Option<()> {
    let database = prototype(scope, ops, "DatabaseSync")?;
    replace(scope, database, "deserialize", &[], v8::Function::builder(deserialize))?;
    for name in ["close", "enableDefensive", "loadExtension"] {
        replace(scope, database, name, &[], v8::Function::builder(exclusive))?;
    }
    for name in ["exec", "prepare", "serialize"] {
        replace(scope, database, name, &[], v8::Function::builder(shared))?;
    }
    replace(scope, database, "open", &[], v8::Function::builder(open))?;
    replace(scope, database, "function", &[], v8::Function::builder(function))?;
    replace(scope, database, "aggregate", &[], v8::Function::builder(aggregate))?;
    replace(scope, database, "setAuthorizer", &[], v8::Function::builder(set_authorizer))?;
    replace(scope, database, "createSession", &[], v8::Function::builder(create_session))?;
    replace(scope, database, "createTagStore", &[], v8::Function::builder(create_tag_store))?;
    replace(scope, database, "applyChangeset", &[], v8::Function::builder(apply_changeset))?;
    let statement = prototype(scope, ops, "StatementSync")?;
    for name in ["get", "all", "run"] {
        replace(scope, statement, name, &[], v8::Function::builder(run))?;
    }
    replace(scope, statement, "iterate", &[], v8::Function::builder(iterate))?;
    replace_getter(scope, statement, "sourceSQL", v8::Function::builder(source_sql))?;
    let session = prototype(scope, ops, "Session")?;
    replace(scope, session, "close", &[], v8::Function::builder(close_session))?;
    for name in ["changeset", "patchset"] {
        replace(scope, session, name, &[], v8::Function::builder(read_session))?;
    }
    tag_stores::install(scope, ops)?;
    refuse_constructor(scope, ops, "Session", session)
}

/// Replaces a class with one whose constructor throws. Deno's constructor of a session panics.
fn refuse_constructor<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    ops: v8::Local<'s, v8::Object>,
    name: &str,
    prototype: v8::Local<'s, v8::Object>,
) -> Option<()> {
    let class = v8::FunctionTemplate::new(scope, throw_illegal_constructor).get_function(scope)?;
    define(scope, class.into(), "prototype", prototype.into())?;
    define(scope, prototype, "constructor", class.into())?;
    let name = v8::String::new(scope, name)?;
    class.set_name(name);
    ops.set(scope, name.into(), class.into()).map(drop)
}

fn throw_illegal_constructor<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'s, v8::Value>,
) {
    throw_js_error_class(scope, &Error::Constructor);
}

type Arguments<'s> = v8::FunctionCallbackArguments<'s>;
type Answer<'s> = v8::ReturnValue<'s, v8::Value>;

/// Runs a method that needs an idle connection.
fn exclusive<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, rv: Answer<'s>) {
    if let Some(call) = Call::new(&arguments) {
        call_exclusive(scope, &call, rv);
    }
}

/// Runs `deserialize` with a copy of the database: a getter of an option may change it.
fn deserialize<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, rv: Answer<'s>) {
    let Some(mut call) = Call::new(&arguments) else { return };
    if copy_buffers(scope, &mut call.arguments, |_| true) {
        call_exclusive(scope, &call, rv);
    }
}

fn call_exclusive<'s>(scope: &mut v8::PinScope<'s, '_>, call: &Call<'s>, mut rv: Answer<'s>) {
    // The method itself refuses a closed database or another object.
    let Some(open) = open_database(scope, call.this.into()) else {
        return call.forward(scope, rv);
    };
    if throw_if_err(scope, open.connection.ensure_idle()).is_none() {
        return;
    }
    let result = open.connection.run_exclusive(scope, |scope| {
        // `deserialize` finalizes the statements even if it fails.
        open.connection.release_all();
        call.call_method(scope, 0, &call.arguments)
    });
    if let Some(result) = result {
        rv.set(result);
    }
}

/// Runs a method that callbacks may call, except the authorizer.
fn shared<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, mut rv: Answer<'s>) {
    let Some(call) = Call::new(&arguments) else { return };
    let Some(open) = open_database(scope, call.this.into()) else {
        return call.forward(scope, rv);
    };
    if throw_if_err(scope, open.connection.ensure_usable()).is_none() {
        return;
    }
    let result = open.connection.run(scope, |scope| call.call_method(scope, 0, &call.arguments));
    if let Some(result) = result {
        rv.set(result);
    }
}

/// Reports the limit of open files, which SQLite would report as "unable to open database file".
fn open<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, rv: Answer<'s>) {
    let Some(call) = Call::new(&arguments) else { return };
    let has_room = {
        let state = JsRuntime::op_state_from(scope);
        let state = state.borrow();
        FdGuard::ensure_room(&state, 1).is_ok()
    };
    if !has_room {
        return throw_js_error_class(scope, &open_files::too_many());
    }
    call.forward(scope, rv);
}

/// Runs a method that needs an idle connection and that Rust implements alone.
fn define_exclusive<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: Arguments<'s>,
    rv: Answer<'s>,
    f: impl FnOnce(&mut v8::PinScope<'s, '_>, &OpenDatabase, &[v8::Local<'s, v8::Value>]) -> Option<()>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    let Some(open) = open_database(scope, call.this.into()) else {
        return call.forward(scope, rv);
    };
    if throw_if_err(scope, open.connection.ensure_idle()).is_some() {
        // The method returns `undefined`, or an exception is pending.
        let _ = open.connection.run_exclusive(scope, |scope| {
            f(scope, &open, &call.arguments)?;
            Some(v8::undefined(scope).into())
        });
    }
}

fn function<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, rv: Answer<'s>) {
    define_exclusive(scope, arguments, rv, |scope, open, arguments| {
        functions::define(scope, open.handle, arguments)
    });
}

fn aggregate<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, rv: Answer<'s>) {
    define_exclusive(scope, arguments, rv, |scope, open, arguments| {
        functions::define_aggregate(scope, open.handle, &open.connection, arguments)
    });
}

fn set_authorizer<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, rv: Answer<'s>) {
    define_exclusive(scope, arguments, rv, |scope, open, arguments| {
        let undefined = v8::undefined(scope).into();
        let callback = arguments.first().copied().unwrap_or(undefined);
        authorizer::set(scope, open.handle, &open.connection, callback)
    });
}

fn create_session<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: Arguments<'s>,
    mut rv: Answer<'s>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    let Some(open) = open_database(scope, call.this.into()) else {
        return call.forward(scope, rv);
    };
    if throw_if_err(scope, open.connection.ensure_idle()).is_none() {
        return;
    }
    let created =
        open.connection.run_exclusive(scope, |scope| call.call_method(scope, 0, &call.arguments));
    if let Some(created) = created
        && set_database(scope, created, call.this).is_some()
    {
        rv.set(created);
    }
}

fn create_tag_store<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: Arguments<'s>,
    mut rv: Answer<'s>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    let checked = tag_stores::ensure_capacity(scope, arguments.get(0));
    if throw_if_err(scope, checked).is_none() {
        return;
    }
    if let Some(created) = call.call_method(scope, 0, &call.arguments)
        && set_database(scope, created, call.this).is_some()
    {
        rv.set(created);
    }
}

fn apply_changeset<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: Arguments<'s>,
    mut rv: Answer<'s>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    let Some(open) = open_database(scope, call.this.into()) else {
        return call.forward(scope, rv);
    };
    if throw_if_err(scope, open.connection.ensure_usable()).is_none() {
        return;
    }
    let result = open.connection.run(scope, |scope| {
        let arguments = changesets::prepare(scope, call.this, &call.arguments)?;
        call.call_method(scope, 0, &arguments)
    });
    if let Some(result) = result {
        rv.set(result);
    }
}

fn run<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, mut rv: Answer<'s>) {
    let Some(call) = Call::new(&arguments) else { return };
    let result =
        with_statement(scope, call.this, |scope| call.call_method(scope, 0, &call.arguments));
    if let Some(result) = result {
        rv.set(result);
    }
}

fn iterate<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, mut rv: Answer<'s>) {
    let Some(call) = Call::new(&arguments) else { return };
    let created =
        with_statement(scope, call.this, |scope| call.call_method(scope, 0, &call.arguments));
    if let Some(created) = created
        && iterators::add_checks(scope, created, call.this, iterators::Maker::Statement).is_some()
    {
        rv.set(created);
    }
}

/// Returns an empty string for an empty statement, whose native statement is null.
fn source_sql<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, mut rv: Answer<'s>) {
    let Some(call) = Call::new(&arguments) else { return };
    if statement_of(scope, call.this.into()).is_some_and(|(_, statement)| statement.is_null()) {
        return rv.set(v8::String::empty(scope).into());
    }
    call.forward(scope, rv);
}

fn close_session<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, rv: Answer<'s>) {
    let Some(call) = Call::new(&arguments) else { return };
    let is_session = cppgc::try_unwrap_cppgc_object::<Session>(scope, call.this.into()).is_some();
    if is_session
        && let Some(open) = database_of(scope, call.this)
        && throw_if_err(scope, open.connection.ensure_idle()).is_none()
    {
        return;
    }
    call.forward(scope, rv);
}

/// Reads a changeset. The session runs statements for it, which may call callbacks.
fn read_session<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: Arguments<'s>,
    mut rv: Answer<'s>,
) {
    let Some(call) = Call::new(&arguments) else { return };
    let Some(open) = database_of(scope, call.this) else { return call.forward(scope, rv) };
    if throw_if_err(scope, open.connection.ensure_usable()).is_none() {
        return;
    }
    let result = open.connection.run(scope, |scope| call.call_method(scope, 0, &call.arguments));
    if let Some(result) = result {
        rv.set(result);
    }
}
