//! `function` and `aggregate`: SQL functions that call the script.

use std::ffi::{c_int, c_void};
use std::rc::Rc;

use deno_runtime::deno_core::error::throw_js_error_class;
use deno_runtime::deno_core::v8;
use libsqlite3_sys as sqlite;

use super::connections::{Connection, Realm};
use super::errors::Error;
use super::options::{self, Flags};
use super::values::{self, fail, set_result};

/// The error that SQLite gets if a callback throws. The method that the script called throws the exception itself.
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

/// Defines a function. Returns `None` if it throws.
pub(super) fn define<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    handle: *mut sqlite::sqlite3,
    arguments: &[v8::Local<'s, v8::Value>],
) -> Option<()> {
    let name = options::name(scope, arguments.first().copied())?;
    let (options_arg, callback) = match arguments {
        [_, callback] => (None, Some(*callback)),
        [_, options_arg, callback, ..] => (Some(*options_arg), Some(*callback)),
        _ => (None, None),
    };
    let callback = options::function(scope, callback, "function")?;
    let flags = match options_arg.filter(|options_arg| !options_arg.is_undefined()) {
        Some(options_arg) => {
            let options_arg = options::object(scope, options_arg)?;
            Flags::from_object(scope, options_arg)?
        }
        None => Flags::default(),
    };
    let count = if flags.varargs { -1 } else { options::parameter_count(scope, callback)? };
    let function = Function {
        realm: Realm::current(scope),
        callback: v8::Global::new(scope, callback),
        has_big_ints: flags.use_big_int_arguments,
    };
    let function = Box::into_raw(Box::new(function)).cast();
    // SAFETY: `handle` is open and idle (`define_alone`), and `name` is NUL-terminated. SQLite passes `function` to
    // `call`, and to `drop_function` once, also on failure.
    let code = unsafe {
        sqlite::sqlite3_create_function_v2(
            handle,
            name.as_ptr(),
            count,
            flags.to_sqlite(),
            function,
            Some(call),
            None,
            None,
            Some(drop_function),
        )
    };
    check(scope, handle, code)
}

/// Defines an aggregate. Returns `None` if it throws.
pub(super) fn define_aggregate<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    handle: *mut sqlite::sqlite3,
    connection: &Connection,
    arguments: &[v8::Local<'s, v8::Value>],
) -> Option<()> {
    let name = options::name(scope, arguments.first().copied())?;
    let undefined = v8::undefined(scope).into();
    let options_arg = options::object(scope, arguments.get(1).copied().unwrap_or(undefined))?;
    let start = options::get(scope, options_arg, "start")?;
    if start.is_undefined() {
        let message = "The \"options.start\" argument must be a function or a primitive value.";
        throw_js_error_class(scope, &Error::Type(message.to_owned()));
        return None;
    }
    let step = options::get(scope, options_arg, "step")?;
    let step = options::function(scope, Some(step), "options.step")?;
    let result = options::optional_function(scope, options_arg, "result")?;
    let flags = Flags::from_object(scope, options_arg)?;
    let inverse = options::optional_function(scope, options_arg, "inverse")?;
    let mut count = -1;
    if !flags.varargs {
        // The first argument is the accumulator.
        count = (options::parameter_count(scope, step)? - 1).max(0);
        if let Some(inverse) = inverse {
            count = count.max(options::parameter_count(scope, inverse)? - 1);
        }
    }
    let is_window = inverse.is_some();
    let aggregate = Aggregate {
        realm: Realm::current(scope),
        start: v8::Global::new(scope, start),
        step: v8::Global::new(scope, step),
        inverse: inverse.map(|it| v8::Global::new(scope, it)),
        result: result.map(|it| v8::Global::new(scope, it)),
        has_big_ints: flags.use_big_int_arguments,
    };
    connection.has_aggregates.set(true);
    let aggregate = Box::into_raw(Box::new(aggregate)).cast();
    // SAFETY: as in `define`, with `drop_aggregate` and the other functions, which all expect an `Aggregate`.
    let code = unsafe {
        sqlite::sqlite3_create_window_function(
            handle,
            name.as_ptr(),
            count,
            flags.to_sqlite(),
            aggregate,
            Some(step_forward),
            Some(finish),
            is_window.then_some(window_value as unsafe extern "C" fn(_)),
            is_window.then_some(step_inverse as unsafe extern "C" fn(_, _, _)),
            Some(drop_aggregate),
        )
    };
    check(scope, handle, code)
}

fn check(
    scope: &mut v8::PinScope<'_, '_>,
    handle: *mut sqlite::sqlite3,
    code: c_int,
) -> Option<()> {
    if code != sqlite::SQLITE_OK {
        throw_js_error_class(scope, &Error::of(handle, code));
        return None;
    }
    Some(())
}

unsafe extern "C" fn drop_function(function: *mut c_void) {
    // SAFETY: `define` passed a `Box::into_raw` with this function, which SQLite calls once.
    drop(unsafe { Box::from_raw(function.cast::<Function>()) });
}

unsafe extern "C" fn drop_aggregate(aggregate: *mut c_void) {
    // SAFETY: `define_aggregate` passed a `Box::into_raw` with this function, which SQLite calls once.
    drop(unsafe { Box::from_raw(aggregate.cast::<Aggregate>()) });
}

/// # Safety
///
/// `context` must be that of a running call of an SQL function.
unsafe fn connection_of(context: *mut sqlite::sqlite3_context) -> Option<Rc<Connection>> {
    // SAFETY: the caller guarantees a valid context. Its connection is open while it calls a function.
    Connection::find(unsafe { sqlite::sqlite3_context_db_handle(context) })
}

unsafe extern "C" fn call(
    context: *mut sqlite::sqlite3_context,
    count: c_int,
    values: *mut *mut sqlite::sqlite3_value,
) {
    // SAFETY: the user data is the `Function` that `define` registered with this function. SQLite does not drop it
    // meanwhile: only `define` and `close` make it do so, and they require an idle connection.
    let function = unsafe { &*sqlite::sqlite3_user_data(context).cast::<Function>() };
    // SAFETY: SQLite passes the context of this running call.
    let called = unsafe { connection_of(context) }.and_then(|connection| {
        function.realm.call(&connection, |scope| {
            // SAFETY: SQLite passes `count` values, which are valid during this call.
            let arguments = unsafe {
                values::arguments(scope, Vec::new(), count, values, function.has_big_ints)
            }?;
            let callback = v8::Local::new(scope, &function.callback);
            let this = v8::undefined(scope).into();
            let value = callback.call(scope, this, &arguments)?;
            set_result(scope, context, value)
        })
    });
    if called.is_none() {
        fail(context, FAILED);
    }
}

/// The state of one evaluation of an aggregate. SQLite allocates it with zeros.
#[repr(C)]
struct Evaluation {
    /// From `Box::into_raw`. Null before the first step and after the end.
    value: *mut v8::Global<v8::Value>,
    /// True if SQLite has read an intermediate value, as for a window function.
    is_window: bool,
}

impl Evaluation {
    fn take(&mut self) -> Option<Box<v8::Global<v8::Value>>> {
        let value = std::mem::replace(&mut self.value, std::ptr::null_mut());
        // SAFETY: a value that is not null is a `Box::into_raw` of `set`. The field is null now, so this happens once.
        (!value.is_null()).then(|| unsafe { Box::from_raw(value) })
    }

    fn set(&mut self, value: v8::Global<v8::Value>) {
        drop(self.take());
        self.value = Box::into_raw(Box::new(value));
    }
}

/// The accumulator, which is `start` before the first step. Returns `None` if it throws.
fn accumulator<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    aggregate: &Aggregate,
    state: &Evaluation,
) -> Option<v8::Local<'s, v8::Value>> {
    // SAFETY: null, or a `Box::into_raw` of `set` that `state` owns.
    if let Some(value) = unsafe { state.value.as_ref() } {
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

/// Calls `f` with the aggregate and its state.
///
/// # Safety
///
/// `context` must be that of a running call of an aggregate that `define_aggregate` registered.
unsafe fn with_evaluation(
    context: *mut sqlite::sqlite3_context,
    f: impl FnOnce(&mut v8::PinScope<'_, '_>, &Aggregate, &mut Evaluation) -> Option<()>,
) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the size is small"
    )]
    const BYTES: c_int = size_of::<Evaluation>() as c_int;
    // SAFETY: the caller guarantees that the user data is an `Aggregate`. SQLite does not drop it meanwhile, as in `call`.
    let aggregate = unsafe { &*sqlite::sqlite3_user_data(context).cast::<Aggregate>() };
    // SAFETY: the caller guarantees a valid context. SQLite returns null or `BYTES` bytes, aligned to 8 and zeroed at
    // first, which is a valid `Evaluation`. No other reference to them exists: `f` runs no other step of this evaluation.
    let state =
        unsafe { sqlite::sqlite3_aggregate_context(context, BYTES).cast::<Evaluation>().as_mut() };
    let Some(state) = state else { return fail(context, c"out of memory") };
    // SAFETY: the caller guarantees the context of a running call.
    let result = unsafe { connection_of(context) }.and_then(|connection| {
        aggregate.realm.call(&connection, |scope| f(scope, aggregate, state))
    });
    if result.is_none() {
        fail(context, FAILED);
    }
}

fn step(
    scope: &mut v8::PinScope<'_, '_>,
    aggregate: &Aggregate,
    state: &mut Evaluation,
    step: &v8::Global<v8::Function>,
    (count, values): (c_int, *mut *mut sqlite::sqlite3_value),
) -> Option<()> {
    let accumulator = accumulator(scope, aggregate, state)?;
    // SAFETY: SQLite passes `count` values to `step_forward` and `step_inverse`, which are valid during their call.
    let arguments = unsafe {
        values::arguments(scope, vec![accumulator], count, values, aggregate.has_big_ints)
    }?;
    let step = v8::Local::new(scope, step);
    let this = v8::undefined(scope).into();
    let value = step.call(scope, this, &arguments)?;
    state.set(v8::Global::new(scope, value));
    Some(())
}

unsafe extern "C" fn step_forward(
    context: *mut sqlite::sqlite3_context,
    count: c_int,
    values: *mut *mut sqlite::sqlite3_value,
) {
    // SAFETY: `define_aggregate` registers this function, and SQLite passes the context of the running call.
    unsafe {
        with_evaluation(context, |scope, aggregate, state| {
            step(scope, aggregate, state, &aggregate.step, (count, values))
        });
    }
}

unsafe extern "C" fn step_inverse(
    context: *mut sqlite::sqlite3_context,
    count: c_int,
    values: *mut *mut sqlite::sqlite3_value,
) {
    // SAFETY: as in `step_forward`.
    unsafe {
        with_evaluation(context, |scope, aggregate, state| {
            // `define_aggregate` registers this function only with an inverse.
            let inverse = aggregate.inverse.as_ref()?;
            step(scope, aggregate, state, inverse, (count, values))
        });
    }
}

fn finish_value(
    scope: &mut v8::PinScope<'_, '_>,
    context: *mut sqlite::sqlite3_context,
    aggregate: &Aggregate,
    state: &mut Evaluation,
) -> Option<()> {
    let mut value = accumulator(scope, aggregate, state)?;
    if state.value.is_null() {
        state.set(v8::Global::new(scope, value));
    }
    if let Some(result) = &aggregate.result {
        let result = v8::Local::new(scope, result);
        let this = v8::null(scope).into();
        value = result.call(scope, this, &[value])?;
    }
    set_result(scope, context, value)
}

unsafe extern "C" fn window_value(context: *mut sqlite::sqlite3_context) {
    // SAFETY: as in `step_forward`.
    unsafe {
        with_evaluation(context, |scope, aggregate, state| {
            state.is_window = true;
            finish_value(scope, context, aggregate, state)
        });
    }
}

/// SQLite calls this once per evaluation, also if the statement fails or is finalized early.
unsafe extern "C" fn finish(context: *mut sqlite::sqlite3_context) {
    // SAFETY: SQLite passes the context of the running call. With size 0 it returns the `Evaluation` that `with_evaluation` has
    // allocated, or null.
    let state =
        unsafe { sqlite::sqlite3_aggregate_context(context, 0).cast::<Evaluation>().as_mut() };
    if state.as_ref().is_some_and(|state| state.is_window) {
        // SQLite has already read the last value of the window.
        drop(state.and_then(Evaluation::take));
        return;
    }
    // SAFETY: as in `step_forward`, and as for `state`, which is not used any more. `with_evaluation` has ended its
    // reference to the `Evaluation`.
    unsafe {
        with_evaluation(context, |scope, aggregate, state| {
            finish_value(scope, context, aggregate, state)
        });
        let state = sqlite::sqlite3_aggregate_context(context, 0).cast::<Evaluation>().as_mut();
        drop(state.and_then(Evaluation::take));
    }
}
