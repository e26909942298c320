//! The connections of scripts, with the calls that run on each.
//!
//! Deno only prevents `close` in a callback. Here each connection counts its native methods on the stack, because any
//! JavaScript that they run may call back: a callback, or a getter of an argument. A callback never throws into SQLite
//! or into Deno's native code, which would run the statement again. Its exception is stored, SQLite gets an error, and
//! the method that the script called throws the exception when it returns.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, c_int, c_void};
use std::rc::Rc;

use deno_runtime::deno_core::v8;
use libsqlite3_sys as sqlite;

use super::errors::Error;

/// The name of the client data in which SQLite stores the record of a connection until it is closed.
const NAME: &CStr = c"js-runtime";

/// The address of a native statement.
type Statement = usize;

/// One connection of a script.
#[derive(Default)]
pub(super) struct Connection {
    /// Native methods on the stack.
    calls: Cell<usize>,
    /// True if SQLite may call JavaScript: while a method that allows it runs, except inside a callback.
    may_call: Cell<bool>,
    /// True if an authorizer callback is on the stack.
    authorizes: Cell<bool>,
    failure: RefCell<Option<Failure>>,
    running: RefCell<HashSet<Statement>>,
    /// Statements of unfinished iterators, retained if they may contain an unfinished aggregate: collecting such a
    /// statement would call JavaScript.
    unfinished: RefCell<HashMap<Statement, v8::Global<v8::Object>>>,
    pub(super) has_aggregates: Cell<bool>,
    /// The authorizer whose address SQLite stores.
    pub(super) authorizer: RefCell<Option<Rc<dyn Any>>>,
}

/// Why a callback returned no value.
enum Failure {
    Thrown(v8::Global<v8::Value>),
    /// V8 terminated the execution.
    Terminated,
}

thread_local! {
    /// The open connections of this thread.
    static OPEN: RefCell<Vec<*mut sqlite::sqlite3>> = const { RefCell::new(Vec::new()) };
}

/// The client data of a connection.
struct Record {
    handle: *mut sqlite::sqlite3,
    connection: Rc<Connection>,
}

/// Adds a record to a connection that a script's thread opens. Returns an SQLite result code.
pub(super) fn attach(handle: *mut sqlite::sqlite3) -> c_int {
    OPEN.with_borrow_mut(|open| open.push(handle));
    let record = Box::new(Record { handle, connection: Rc::default() });
    let record = Box::into_raw(record).cast();
    // SAFETY: the caller passes an open connection. SQLite calls `drop_record` with this pointer once, also on failure.
    unsafe { sqlite::sqlite3_set_clientdata(handle, NAME.as_ptr(), record, Some(drop_record)) }
}

unsafe extern "C" fn drop_record(record: *mut c_void) {
    // SAFETY: `attach` passed a `Box::into_raw` with this function, which SQLite calls once.
    let record = unsafe { Box::from_raw(record.cast::<Record>()) };
    // Fails if the thread is ending and has already dropped the list.
    let _ = OPEN.try_with(|open| open.borrow_mut().retain(|handle| *handle != record.handle));
}

/// Makes all waits of this thread's connections for a lock fail.
pub(super) fn stop_waiting() {
    for handle in OPEN.with_borrow(Clone::clone) {
        // SAFETY: `drop_record` removes a connection from the list when it is closed. The list is of this thread, and no
        // other thread uses these connections.
        unsafe { sqlite::sqlite3_busy_timeout(handle, 0) };
    }
}

impl Connection {
    /// The record of an open connection. `None` for a connection of the application.
    pub(super) fn find(handle: *mut sqlite::sqlite3) -> Option<Rc<Self>> {
        // SAFETY: callers pass an open connection.
        let record = unsafe { sqlite::sqlite3_get_clientdata(handle, NAME.as_ptr()) };
        // SAFETY: null, or the `Record` that `attach` stored under this name and SQLite owns until the connection is closed.
        unsafe { record.cast::<Record>().as_ref() }.map(|record| record.connection.clone())
    }

    /// Fails while a method runs that depends on the connection, its functions and its statements.
    pub(super) fn ensure_idle(&self) -> Result<(), Error> {
        if self.calls.get() > 0 { Err(Error::Busy) } else { Ok(()) }
    }

    /// Fails inside an authorizer callback, because SQLite is compiling a statement.
    pub(super) fn ensure_usable(&self) -> Result<(), Error> {
        if self.authorizes.get() { Err(Error::Authorizing) } else { Ok(()) }
    }

    /// Runs a method that may call JavaScript. Returns `None` if it throws.
    pub(super) fn run<'s, 'i>(
        &self,
        scope: &mut v8::PinScope<'s, 'i>,
        f: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        self.enter(scope, true, f)
    }

    /// Runs a method that removes statements, functions or the connection. SQLite cannot call JavaScript meanwhile.
    pub(super) fn run_exclusive<'s, 'i>(
        &self,
        scope: &mut v8::PinScope<'s, 'i>,
        f: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        self.enter(scope, false, f)
    }

    fn enter<'s, 'i>(
        &self,
        scope: &mut v8::PinScope<'s, 'i>,
        may_call: bool,
        f: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let previous = self.may_call.replace(may_call);
        let outer_failure = self.failure.take();
        self.calls.set(self.calls.get() + 1);
        v8::tc_scope!(let caught, scope);
        let result = f(caught);
        self.calls.set(self.calls.get() - 1);
        self.may_call.set(previous);
        let failure = self.failure.replace(outer_failure);
        if matches!(failure, Some(Failure::Terminated)) || caught.has_terminated() {
            // Deno's method throws an error instead, which the script could catch.
            caught.terminate_execution();
            return None;
        }
        if let Some(Failure::Thrown(exception)) = failure {
            caught.reset();
            let exception = v8::Local::new(caught, exception);
            caught.throw_exception(exception);
        }
        if caught.has_caught() {
            caught.rethrow();
            return None;
        }
        result
    }

    /// Calls JavaScript for SQLite. Returns `None` if it throws, or if an earlier callback has failed.
    pub(super) fn call<'s, 'i, T>(
        &self,
        scope: &mut v8::PinScope<'s, 'i>,
        f: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<T>,
    ) -> Option<T> {
        if !self.may_call() {
            return None;
        }
        self.may_call.set(false);
        v8::tc_scope!(let caught, scope);
        let value = f(caught);
        self.may_call.set(true);
        if value.is_some() && !caught.has_caught() {
            return value;
        }
        let thrown = caught.exception().filter(|_| !caught.has_terminated());
        let failure = match thrown {
            Some(thrown) => Failure::Thrown(v8::Global::new(caught, thrown)),
            None => Failure::Terminated,
        };
        self.failure.replace(Some(failure));
        caught.reset();
        None
    }

    /// Returns true if SQLite may call JavaScript now.
    pub(super) fn may_call(&self) -> bool {
        self.may_call.get() && self.failure.borrow().is_none()
    }

    /// Returns true if a callback has failed, so that the running method has to end.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// Runs an authorizer callback. The connection must not be used meanwhile.
    pub(super) fn authorize<T>(&self, f: impl FnOnce() -> T) -> T {
        let previous = self.authorizes.replace(true);
        let value = f();
        self.authorizes.set(previous);
        value
    }

    /// Marks a statement as running while `f` runs. Fails if it is running.
    pub(super) fn while_running<T>(
        &self,
        statement: *mut sqlite::sqlite3_stmt,
        f: impl FnOnce() -> T,
    ) -> Result<T, Error> {
        let statement = statement as Statement;
        if !self.running.borrow_mut().insert(statement) {
            return Err(Error::Running);
        }
        let result = f();
        self.running.borrow_mut().remove(&statement);
        Ok(result)
    }

    /// Retains a statement by its object, or releases it.
    pub(super) fn retain(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        statement: *mut sqlite::sqlite3_stmt,
        object: Option<v8::Local<'_, v8::Object>>,
    ) {
        let statement = statement as Statement;
        match object.filter(|_| self.has_aggregates.get()) {
            Some(object) => {
                let object = v8::Global::new(scope, object);
                self.unfinished.borrow_mut().insert(statement, object);
            }
            None => {
                self.unfinished.borrow_mut().remove(&statement);
            }
        }
    }

    /// Releases all statements.
    pub(super) fn release_all(&self) {
        self.unfinished.take();
    }
}

/// The isolate and the context in which a callback runs.
pub(super) struct Realm {
    isolate: v8::UnsafeRawIsolatePtr,
    context: v8::Global<v8::Context>,
}

impl Realm {
    /// The isolate and the context that run now.
    pub(super) fn current(scope: &mut v8::PinScope<'_, '_>) -> Self {
        let context = scope.get_current_context();
        // SAFETY: only `call` uses the address, while the isolate is alive.
        let isolate = unsafe { scope.as_raw_isolate_ptr() };
        Self { isolate, context: v8::Global::new(scope, context) }
    }

    /// Calls JavaScript for SQLite. Returns `None` if SQLite may not call JavaScript now, or if `f` throws.
    pub(super) fn call<T>(
        &self,
        connection: &Rc<Connection>,
        f: impl FnOnce(&mut v8::PinScope<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        if !connection.may_call() {
            return None;
        }
        // SAFETY: `may_call` is true only during a native method that this isolate has called on this thread, so the
        // isolate is alive and entered.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(self.isolate) };
        v8::scope_with_context!(let scope, &mut isolate, &self.context);
        connection.call(scope, f)
    }
}
