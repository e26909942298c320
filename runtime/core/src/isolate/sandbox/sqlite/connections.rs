//! The connections of scripts, and what runs in each of them.
//!
//! Deno's own guards know of the callbacks of a database only, and only `close` asks them. Here each connection counts
//! the native methods that are on the stack for it, whatever JavaScript they run: a callback, or a getter of an
//! argument. A callback never throws into SQLite or into Deno's native code, which would run the statement again: its
//! exception is kept, SQLite gets an error, and the method that was called throws the exception at its end.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, c_int, c_void};
use std::rc::Rc;

use deno_runtime::deno_core::v8;
use libsqlite3_sys as sqlite;

use super::errors::Error;

/// Under this name SQLite keeps the connection's record until it closes the connection.
const NAME: &CStr = c"js-runtime";

/// A native statement, by its address.
type Statement = usize;

/// One connection of a script.
#[derive(Default)]
pub(super) struct Connection {
    /// Native methods on the stack.
    calls: Cell<usize>,
    /// Whether SQLite may call JavaScript now: a method runs that allows it, and no JavaScript that it has called.
    may_call: Cell<bool>,
    /// Whether an authorizer callback is on the stack.
    authorizes: Cell<bool>,
    failure: RefCell<Option<Failure>>,
    running: RefCell<HashSet<Statement>>,
    /// Iterators that have not come to their end hold their statements here, if the statement may hold half of an
    /// aggregate: a statement that is collected would call JavaScript to finish it.
    unfinished: RefCell<HashMap<Statement, v8::Global<v8::Object>>>,
    pub(super) has_aggregates: Cell<bool>,
    /// What SQLite has the address of as its authorizer.
    pub(super) authorizer: RefCell<Option<Rc<dyn Any>>>,
}

/// Why a callback has not answered.
enum Failure {
    Thrown(v8::Global<v8::Value>),
    /// V8 has ended it.
    Ended,
}

thread_local! {
    /// The connections that this thread has opened.
    static OPEN: RefCell<Vec<*mut sqlite::sqlite3>> = const { RefCell::new(Vec::new()) };
}

/// What SQLite keeps for a connection.
struct Kept {
    handle: *mut sqlite::sqlite3,
    connection: Rc<Connection>,
}

/// Called for a connection that is being opened on a script's thread.
pub(super) fn add(handle: *mut sqlite::sqlite3) -> c_int {
    OPEN.with_borrow_mut(|open| open.push(handle));
    let kept = Box::new(Kept { handle, connection: Rc::default() });
    let kept = Box::into_raw(kept).cast();
    // SAFETY: the connection is open, and calls `forget` once, also when it cannot keep this.
    unsafe { sqlite::sqlite3_set_clientdata(handle, NAME.as_ptr(), kept, Some(forget)) }
}

unsafe extern "C" fn forget(kept: *mut c_void) {
    // SAFETY: made by `Box::into_raw` in `add`, and given back once.
    let kept = unsafe { Box::from_raw(kept.cast::<Kept>()) };
    // Fails when the thread ends, and its list with it.
    let _ = OPEN.try_with(|open| open.borrow_mut().retain(|handle| *handle != kept.handle));
}

/// Ends every wait of this thread's connections for a lock.
pub(super) fn wait_no_longer() {
    for handle in OPEN.with_borrow(Clone::clone) {
        // SAFETY: connections that are closed are not in the list, and no other thread uses these.
        unsafe { sqlite::sqlite3_busy_timeout(handle, 0) };
    }
}

impl Connection {
    /// The record of an open connection; `None` for one of the application.
    pub(super) fn of(handle: *mut sqlite::sqlite3) -> Option<Rc<Self>> {
        // SAFETY: the connection is open.
        let kept = unsafe { sqlite::sqlite3_get_clientdata(handle, NAME.as_ptr()) };
        // SAFETY: only `add` keeps something under this name.
        unsafe { kept.cast::<Kept>().as_ref() }.map(|kept| kept.connection.clone())
    }

    /// Fails while anything runs that relies on the connection, its functions and its statements as they are.
    pub(super) fn is_idle(&self) -> Result<(), Error> {
        if self.calls.get() > 0 { Err(Error::Busy) } else { Ok(()) }
    }

    /// Fails while an authorizer callback runs: SQLite is compiling a statement.
    pub(super) fn is_usable(&self) -> Result<(), Error> {
        if self.authorizes.get() { Err(Error::Authorizing) } else { Ok(()) }
    }

    /// Runs a method that may call JavaScript. `None` when it has thrown.
    pub(super) fn run<'s, 'i>(
        &self,
        scope: &mut v8::PinScope<'s, 'i>,
        act: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        self.enter(scope, true, act)
    }

    /// Runs a method that takes statements, functions or the connection away: no callback runs meanwhile.
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
            // Deno's method has thrown an error instead, which the script could catch.
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

    /// Calls JavaScript for SQLite. `None` when it has thrown, or must not be called any more.
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

    /// Whether a callback has failed, and the method that runs is to end.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// Runs an authorizer callback, during which the connection must not be used.
    pub(super) fn authorize<T>(&self, act: impl FnOnce() -> T) -> T {
        let was = self.authorizes.replace(true);
        let answer = act();
        self.authorizes.set(was);
        answer
    }

    /// Marks a statement as running while `act` runs.
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

    /// Holds a statement, or does not hold it any longer.
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

    /// Called when all statements have been taken away.
    pub(super) fn hold_none(&self) {
        self.unfinished.take();
    }
}
