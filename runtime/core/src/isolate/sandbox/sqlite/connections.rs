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
    /// Whether SQLite may call JavaScript now. True while a method that allows it runs, except inside a callback.
    may_call: Cell<bool>,
    /// Whether an authorizer callback is on the stack.
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
    Ended,
}

thread_local! {
    /// The open connections of this thread.
    static OPEN: RefCell<Vec<*mut sqlite::sqlite3>> = const { RefCell::new(Vec::new()) };
}

/// The client data of a connection.
struct Kept {
    handle: *mut sqlite::sqlite3,
    connection: Rc<Connection>,
}

/// Adds a record to a connection that a script's thread opens. Returns an SQLite result code.
pub(super) fn add(handle: *mut sqlite::sqlite3) -> c_int {
    OPEN.with_borrow_mut(|open| open.push(handle));
    let kept = Box::new(Kept { handle, connection: Rc::default() });
    let kept = Box::into_raw(kept).cast();
    // SAFETY: the caller passes an open connection. SQLite calls `forget` with this pointer once, also on failure.
    unsafe { sqlite::sqlite3_set_clientdata(handle, NAME.as_ptr(), kept, Some(forget)) }
}

unsafe extern "C" fn forget(kept: *mut c_void) {
    // SAFETY: `add` passed a `Box::into_raw` with this function, which SQLite calls once.
    let kept = unsafe { Box::from_raw(kept.cast::<Kept>()) };
    // Fails if the thread is ending and has already dropped the list.
    let _ = OPEN.try_with(|open| open.borrow_mut().retain(|handle| *handle != kept.handle));
}

/// Makes all waits of this thread's connections for a lock fail.
pub(super) fn wait_no_longer() {
    for handle in OPEN.with_borrow(Clone::clone) {
        // SAFETY: `forget` removes a connection from the list when it is closed. The list is of this thread, and no
        // other thread uses these connections.
        unsafe { sqlite::sqlite3_busy_timeout(handle, 0) };
    }
}

impl Connection {
    /// The record of an open connection. `None` for a connection of the application.
    pub(super) fn of(handle: *mut sqlite::sqlite3) -> Option<Rc<Self>> {
        // SAFETY: callers pass an open connection.
        let kept = unsafe { sqlite::sqlite3_get_clientdata(handle, NAME.as_ptr()) };
        // SAFETY: null, or the `Kept` that `add` stored under this name and SQLite owns until the connection is closed.
        unsafe { kept.cast::<Kept>().as_ref() }.map(|kept| kept.connection.clone())
    }

    /// Fails while a method runs that depends on the connection, its functions and its statements.
    pub(super) fn is_idle(&self) -> Result<(), Error> {
        if self.calls.get() > 0 { Err(Error::Busy) } else { Ok(()) }
    }

    /// Fails inside an authorizer callback, because SQLite is compiling a statement.
    pub(super) fn is_usable(&self) -> Result<(), Error> {
        if self.authorizes.get() { Err(Error::Authorizing) } else { Ok(()) }
    }

    /// Runs a method that may call JavaScript. Returns `None` if it throws.
    pub(super) fn run<'s, 'i>(
        &self,
        scope: &mut v8::PinScope<'s, 'i>,
        act: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        self.enter(scope, true, act)
    }

    /// Runs a method that removes statements, functions or the connection. SQLite cannot call JavaScript meanwhile.
    pub(super) fn run_alone<'s, 'i>(
        &self,
        scope: &mut v8::PinScope<'s, 'i>,
        act: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        self.enter(scope, false, act)
    }

    fn enter<'s, 'i>(
        &self,
        scope: &mut v8::PinScope<'s, 'i>,
        may_call: bool,
        act: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let could_call = self.may_call.replace(may_call);
        let before = self.failure.take();
        self.calls.set(self.calls.get() + 1);
        v8::tc_scope!(let caught, scope);
        let done = act(caught);
        self.calls.set(self.calls.get() - 1);
        self.may_call.set(could_call);
        let failure = self.failure.replace(before);
        if matches!(failure, Some(Failure::Ended)) || caught.has_terminated() {
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
        done
    }

    /// Calls JavaScript for SQLite. Returns `None` if it throws, or if an earlier callback has failed.
    pub(super) fn call<'s, 'i, T>(
        &self,
        scope: &mut v8::PinScope<'s, 'i>,
        act: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<T>,
    ) -> Option<T> {
        if !self.may_call() {
            return None;
        }
        self.may_call.set(false);
        v8::tc_scope!(let caught, scope);
        let answer = act(caught);
        self.may_call.set(true);
        if answer.is_some() && !caught.has_caught() {
            return answer;
        }
        let thrown = caught.exception().filter(|_| !caught.has_terminated());
        let failure = match thrown {
            Some(thrown) => Failure::Thrown(v8::Global::new(caught, thrown)),
            None => Failure::Ended,
        };
        self.failure.replace(Some(failure));
        caught.reset();
        None
    }

    /// Whether SQLite may call JavaScript now.
    pub(super) fn may_call(&self) -> bool {
        self.may_call.get() && self.failure.borrow().is_none()
    }

    /// Whether a callback has failed, so that the running method has to end.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// Runs an authorizer callback. The connection must not be used meanwhile.
    pub(super) fn authorize<T>(&self, act: impl FnOnce() -> T) -> T {
        let was = self.authorizes.replace(true);
        let answer = act();
        self.authorizes.set(was);
        answer
    }

    /// Marks a statement as running while `act` runs. Fails if it is running.
    pub(super) fn running<T>(
        &self,
        statement: *mut sqlite::sqlite3_stmt,
        act: impl FnOnce() -> T,
    ) -> Result<T, Error> {
        let statement = statement as Statement;
        if !self.running.borrow_mut().insert(statement) {
            return Err(Error::Running);
        }
        let done = act();
        self.running.borrow_mut().remove(&statement);
        Ok(done)
    }

    /// Retains a statement by its object, or releases it.
    pub(super) fn hold(
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
    pub(super) fn hold_none(&self) {
        self.unfinished.take();
    }
}
