//! `function` and `aggregate`: functions of the script's in SQL.

use std::ffi::{c_int, c_void};
use std::rc::Rc;

use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::v8;
use libsqlite3_sys as sqlite;

use super::connections::Connection;
use super::errors::Error;
use super::options::{self, Flags};
use super::script::Realm;
use super::values::{self, answer, fail};

/// What SQLite has of a failed callback. The method that the script called throws what the callback threw.
const FAILED: &std::ffi::CStr = c"the callback of the function has failed";

struct Function {
    realm: Realm,
    callback: v8::Global<v8::Function>,
    has_big_ints: bool,
}

struct Aggregate {
    realm: Realm,
    start: v8::Global<v8::Value>,
    step: v8::Global<v8::Function>,
    inverse: Option<v8::Global<v8::Function>>,
    result: Option<v8::Global<v8::Function>>,
    has_big_ints: bool,
}

/// Defines a function. `None` when an exception is thrown.
pub(super) fn define<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    handle: *mut sqlite::sqlite3,
    arguments: &[v8::Local<'s, v8::Value>],
) -> Option<()> {
    let name = options::name(scope, arguments.first().copied())?;
    let (given, callback) = match arguments {
        [_, callback] => (None, Some(*callback)),
        [_, given, callback, ..] => (Some(*given), Some(*callback)),
        _ => (None, None),
    };
    let callback = options::function(scope, callback, "function")?;
    let flags = match given.filter(|given| !given.is_undefined()) {
        Some(given) => {
            let given = options::object(scope, given)?;
            Flags::of(scope, given)?
        }
        None => Flags::default(),
    };
    let count = if flags.varargs { -1 } else { options::length(scope, callback)? };
    let function = Function {
        realm: Realm::here(scope),
        callback: v8::Global::new(scope, callback),
        has_big_ints: flags.use_big_int_arguments,
    };
    let function = Box::into_raw(Box::new(function)).cast();
    // SAFETY: the connection is open and idle. SQLite gives the function back once, whatever comes of this.
    let code = unsafe {
        sqlite::sqlite3_create_function_v2(
            handle,
            name.as_ptr(),
            count,
            flags.of_sqlite(),
            function,
            Some(call),
            None,
            None,
            Some(drop_function),
        )
    };
    done(scope, handle, code)
}

/// Defines an aggregate. `None` when an exception is thrown.
pub(super) fn define_aggregate<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    handle: *mut sqlite::sqlite3,
    connection: &Connection,
    arguments: &[v8::Local<'s, v8::Value>],
) -> Option<()> {
    let name = options::name(scope, arguments.first().copied())?;
    let undefined = v8::undefined(scope).into();
    let given = options::object(scope, arguments.get(1).copied().unwrap_or(undefined))?;
    let start = options::get(scope, given, "start")?;
    if start.is_undefined() {
        let message = "The \"options.start\" argument must be a function or a primitive value.";
        throw_js_error_class(scope, &Error::Type(message.to_owned()));
        return None;
    }
    let step = options::get(scope, given, "step")?;
    let step = options::function(scope, Some(step), "options.step")?;
    let result = options::optional(scope, given, "result")?;
    let flags = Flags::of(scope, given)?;
    let inverse = options::optional(scope, given, "inverse")?;
    let mut count = -1;
    if !flags.varargs {
        // The first argument is the value so far.
        count = (options::length(scope, step)? - 1).max(0);
        if let Some(inverse) = inverse {
            count = count.max(options::length(scope, inverse)? - 1);
        }
    }
    let is_window = inverse.is_some();
    let aggregate = Aggregate {
        realm: Realm::here(scope),
        start: v8::Global::new(scope, start),
        step: v8::Global::new(scope, step),
        inverse: inverse.map(|it| v8::Global::new(scope, it)),
        result: result.map(|it| v8::Global::new(scope, it)),
        has_big_ints: flags.use_big_int_arguments,
    };
    connection.has_aggregates.set(true);
    let aggregate = Box::into_raw(Box::new(aggregate)).cast();
    // SAFETY: as for a function.
    let code = unsafe {
        sqlite::sqlite3_create_window_function(
            handle,
            name.as_ptr(),
            count,
            flags.of_sqlite(),
            aggregate,
            Some(step_forward),
            Some(finish),
            is_window.then_some(current as unsafe extern "C" fn(_)),
            is_window.then_some(step_back as unsafe extern "C" fn(_, _, _)),
            Some(drop_aggregate),
        )
    };
    done(scope, handle, code)
}

fn done(scope: &mut v8::PinScope<'_, '_>, handle: *mut sqlite::sqlite3, code: c_int) -> Option<()> {
    if code != sqlite::SQLITE_OK {
        throw_js_error_class(scope, &Error::of(handle, code));
        return None;
    }
    Some(())
}

unsafe extern "C" fn drop_function(function: *mut c_void) {
    // SAFETY: made by `Box::into_raw` in `define`.
    drop(unsafe { Box::from_raw(function.cast::<Function>()) });
}

unsafe extern "C" fn drop_aggregate(aggregate: *mut c_void) {
    // SAFETY: made by `Box::into_raw` in `define_aggregate`.
    drop(unsafe { Box::from_raw(aggregate.cast::<Aggregate>()) });
}

/// # Safety
///
/// SQLite calls a function with this.
unsafe fn connection_of(context: *mut sqlite::sqlite3_context) -> Option<Rc<Connection>> {
    // SAFETY: the caller's.
    Connection::of(unsafe { sqlite::sqlite3_context_db_handle(context) })
}

unsafe extern "C" fn call(
    context: *mut sqlite::sqlite3_context,
    count: c_int,
    values: *mut *mut sqlite::sqlite3_value,
) {
    // SAFETY: SQLite has the function of `define`, and does not drop it while it calls: the connection is not idle.
    let function = unsafe { &*sqlite::sqlite3_user_data(context).cast::<Function>() };
    // SAFETY: SQLite calls.
    let called = unsafe { connection_of(context) }.and_then(|connection| {
        function.realm.call(&connection, |scope| {
            // SAFETY: SQLite calls with so many values.
            let arguments = unsafe {
                values::arguments(scope, Vec::new(), count, values, function.has_big_ints)
            }?;
            let callback = v8::Local::new(scope, &function.callback);
            let this = v8::undefined(scope).into();
            let value = callback.call(scope, this, &arguments)?;
            answer(scope, context, value)
        })
    });
    if called.is_none() {
        fail(context, FAILED);
    }
}

/// What SQLite keeps for each run of an aggregate, all zero at first.
#[repr(C)]
struct Run {
    /// Made by `Box::into_raw`; null before the start and after the end.
    value: *mut v8::Global<v8::Value>,
    /// Whether its value has been asked for in between, as that of a window.
    is_window: bool,
}

impl Run {
    fn take(&mut self) -> Option<Box<v8::Global<v8::Value>>> {
        let value = std::mem::replace(&mut self.value, std::ptr::null_mut());
        // SAFETY: not null is what `set` has put there.
        (!value.is_null()).then(|| unsafe { Box::from_raw(value) })
    }

    fn set(&mut self, value: v8::Global<v8::Value>) {
        drop(self.take());
        self.value = Box::into_raw(Box::new(value));
    }
}

/// The value so far; the start at first. `None` when an exception is thrown.
fn so_far<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    aggregate: &Aggregate,
    run: &Run,
) -> Option<v8::Local<'s, v8::Value>> {
    // SAFETY: not null is what `set` has put there.
    if let Some(value) = unsafe { run.value.as_ref() } {
        return Some(v8::Local::new(scope, value));
    }
    let start = v8::Local::new(scope, &aggregate.start);
    match v8::Local::<v8::Function>::try_from(start) {
        Ok(start) => {
            let this = v8::null(scope).into();
            start.call(scope, this, &[])
        }
        Err(_) => Some(start),
    }
}

/// # Safety
///
/// SQLite calls an aggregate of `define_aggregate` with this.
unsafe fn with_run(
    context: *mut sqlite::sqlite3_context,
    act: impl FnOnce(&mut v8::PinScope<'_, '_>, &Aggregate, &mut Run) -> Option<()>,
) {
    /// Two words.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the size is small"
    )]
    const BYTES: c_int = size_of::<Run>() as c_int;
    // SAFETY: the caller's. SQLite does not drop the aggregate while it calls: the connection is not idle.
    let aggregate = unsafe { &*sqlite::sqlite3_user_data(context).cast::<Aggregate>() };
    // SAFETY: the caller's. The memory is aligned for pointers, and zero at first.
    let run = unsafe { sqlite::sqlite3_aggregate_context(context, BYTES).cast::<Run>().as_mut() };
    let Some(run) = run else { return fail(context, c"out of memory") };
    // SAFETY: the caller's.
    let done = unsafe { connection_of(context) }.and_then(|connection| {
        aggregate.realm.call(&connection, |scope| act(scope, aggregate, run))
    });
    if done.is_none() {
        fail(context, FAILED);
    }
}

fn step(
    scope: &mut v8::PinScope<'_, '_>,
    aggregate: &Aggregate,
    run: &mut Run,
    step: &v8::Global<v8::Function>,
    (count, values): (c_int, *mut *mut sqlite::sqlite3_value),
) -> Option<()> {
    let so_far = so_far(scope, aggregate, run)?;
    // SAFETY: SQLite calls with so many values.
    let arguments =
        unsafe { values::arguments(scope, vec![so_far], count, values, aggregate.has_big_ints) }?;
    let step = v8::Local::new(scope, step);
    let this = v8::undefined(scope).into();
    let value = step.call(scope, this, &arguments)?;
    run.set(v8::Global::new(scope, value));
    Some(())
}

unsafe extern "C" fn step_forward(
    context: *mut sqlite::sqlite3_context,
    count: c_int,
    values: *mut *mut sqlite::sqlite3_value,
) {
    // SAFETY: SQLite calls.
    unsafe {
        with_run(context, |scope, aggregate, run| {
            step(scope, aggregate, run, &aggregate.step, (count, values))
        });
    }
}

unsafe extern "C" fn step_back(
    context: *mut sqlite::sqlite3_context,
    count: c_int,
    values: *mut *mut sqlite::sqlite3_value,
) {
    // SAFETY: SQLite calls.
    unsafe {
        with_run(context, |scope, aggregate, run| {
            // SQLite has this function for aggregates with an inverse only.
            let inverse = aggregate.inverse.as_ref()?;
            step(scope, aggregate, run, inverse, (count, values))
        });
    }
}

fn give(
    scope: &mut v8::PinScope<'_, '_>,
    context: *mut sqlite::sqlite3_context,
    aggregate: &Aggregate,
    run: &mut Run,
) -> Option<()> {
    let mut value = so_far(scope, aggregate, run)?;
    if run.value.is_null() {
        run.set(v8::Global::new(scope, value));
    }
    if let Some(result) = &aggregate.result {
        let result = v8::Local::new(scope, result);
        let this = v8::null(scope).into();
        value = result.call(scope, this, &[value])?;
    }
    answer(scope, context, value)
}

unsafe extern "C" fn current(context: *mut sqlite::sqlite3_context) {
    // SAFETY: SQLite calls.
    unsafe {
        with_run(context, |scope, aggregate, run| {
            run.is_window = true;
            give(scope, context, aggregate, run)
        });
    }
}

/// Called once for each run, also when the statement has failed or is taken away.
unsafe extern "C" fn finish(context: *mut sqlite::sqlite3_context) {
    // SAFETY: SQLite calls; the memory is only asked for if it is there.
    let run = unsafe { sqlite::sqlite3_aggregate_context(context, 0).cast::<Run>().as_mut() };
    if run.as_ref().is_some_and(|run| run.is_window) {
        // The last value of a window has been given.
        drop(run.and_then(Run::take));
        return;
    }
    // SAFETY: as above.
    unsafe {
        with_run(context, |scope, aggregate, run| give(scope, context, aggregate, run));
        let run = sqlite::sqlite3_aggregate_context(context, 0).cast::<Run>().as_mut();
        drop(run.and_then(Run::take));
    }
}
