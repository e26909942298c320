//! Functions and signals that cross a connection.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::{Value, json};

use super::args::{self, Reference};
use super::connection::Connection;
use super::decode::{self, FUNCTION};
use super::error::Error;

/// A closure that runs with the arguments of a callback frame, and whether they have placeholders.
pub(super) type CallbackFn = dyn Fn(Value, bool, &Arc<Connection>) + Send + Sync;

/// A Rust closure that a backend can call: an argument of a call, anywhere inside it.
///
/// Calls have no result. They run one after another on one thread for all connections of the supervisor, before the
/// answer of a call that the backend has sent after them. A closure that blocks delays them, and then slows the
/// backends down. It must not wait for a call to its own backend, whose answer comes after it. Panics are caught. A backend on `serve` releases the closure when its garbage collector has
/// found it unused; one on kkrpc keeps it until it ends.
pub struct Callback<T> {
    run: Arc<CallbackFn>,
    argument: PhantomData<fn(T)>,
}

impl<T> Clone for Callback<T> {
    fn clone(&self) -> Self {
        Self { run: self.run.clone(), argument: PhantomData }
    }
}

impl<T: DeserializeOwned + 'static> Callback<T> {
    /// Makes a callback of a function that takes the first argument of each call.
    pub fn new(function: impl Fn(T) + Send + Sync + 'static) -> Self {
        Self::of(function, |args| match args {
            Value::Array(mut args) if !args.is_empty() => args.swap_remove(0),
            _ => Value::Null,
        })
    }

    /// Makes a callback of a function that takes the arguments of each call as a tuple:
    /// `Callback::with_args(|(done, total): (u32, u32)| …)`.
    pub fn with_args(function: impl Fn(T) + Send + Sync + 'static) -> Self {
        Self::of(function, |args| args)
    }

    fn of(function: impl Fn(T) + Send + Sync + 'static, select: fn(Value) -> Value) -> Self {
        let run = move |args: Value, has_placeholders: bool, connection: &Arc<Connection>| {
            match decode::decode(select(args), has_placeholders, Some(connection)) {
                Ok(args) => function(args),
                Err(error) => report_arguments(connection.process(), &error),
            }
        };
        Self { run: Arc::new(run), argument: PhantomData }
    }
}

/// Prints that a backend has called a callback with other arguments: neither side has a caller that waits.
pub(super) fn report_arguments(process: &str, error: &serde_json::Error) {
    #[expect(clippy::print_stderr, reason = "this crate has no log of its own")]
    {
        eprintln!("process '{process}' called a callback with arguments of another type: {error}");
    }
}

impl<T> Serialize for Callback<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let run = self.run.clone();
        args::placeholder(serializer, "function", |encoding| {
            let id = encoding.new_id();
            encoding.add(Reference::Callback(id.clone(), run));
            vec![("id", id.into())]
        })
    }
}

/// An `AbortSignal` for the backend: an argument of a call. Clones are one signal. A call that is dropped or times
/// out aborts the signals among its arguments.
///
/// Only for backends on `serve`.
#[derive(Clone, Default)]
pub struct AbortSignal(Arc<Signal>);

#[derive(Default)]
struct Signal(Mutex<SignalState>);

#[derive(Default)]
struct SignalState {
    is_aborted: bool,
    /// The id of the signal, by endpoint.
    ids: HashMap<String, String>,
    /// The connections that have the signal, with its id there.
    sent: Vec<(String, Weak<Connection>)>,
}

impl AbortSignal {
    /// Makes a signal that is not aborted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Aborts the signal in every backend that has it. Later calls do nothing.
    pub fn abort(&self) {
        let sent = {
            let mut state = self.0.0.lock();
            state.is_aborted = true;
            std::mem::take(&mut state.sent)
        };
        for (id, connection) in sent {
            if let Some(connection) = connection.upgrade() {
                connection.post(abort_frame(&id));
            }
        }
    }

    /// The connection has sent the signal under this id.
    pub(super) fn sent(&self, id: &str, connection: &Arc<Connection>) {
        let mut state = self.0.0.lock();
        if state.is_aborted {
            drop(state);
            return connection.post(abort_frame(id));
        }
        let sender = Arc::downgrade(connection);
        state.sent.retain(|(_, known)| known.strong_count() > 0 && !known.ptr_eq(&sender));
        state.sent.push((id.to_owned(), sender));
    }
}

impl Serialize for AbortSignal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        args::placeholder(serializer, "signal", |encoding| {
            let mut state = self.0.0.lock();
            let known = state.ids.get(encoding.endpoint());
            let id = known.cloned().unwrap_or_else(|| encoding.new_id());
            state.ids.insert(encoding.endpoint().to_owned(), id.clone());
            encoding.add(Reference::Signal(id.clone(), self.clone()));
            let mut fields = vec![("id", id.into())];
            if state.is_aborted {
                fields.push(("aborted", abort_error()));
            }
            fields
        })
    }
}

impl Drop for Signal {
    /// The signal cannot be aborted any more.
    fn drop(&mut self) {
        for (id, connection) in std::mem::take(&mut self.0.get_mut().sent) {
            if let Some(connection) = connection.upgrade() {
                connection.post(format!(r#"{{"t":"ab","sid":"{id}","drop":1}}"#));
            }
        }
    }
}

fn abort_frame(id: &str) -> String {
    format!(r#"{{"t":"ab","sid":"{id}","e":{}}}"#, abort_error())
}

fn abort_error() -> Value {
    json!({ "n": "AbortError", "m": "the call was aborted" })
}

/// A function of a backend: an argument of an exposed function, or inside an answer. Dropping the last clone releases
/// it in the backend.
#[derive(Clone)]
pub struct Function(Arc<RemoteFunction>);

struct RemoteFunction {
    id: String,
    connection: Arc<Connection>,
}

impl Function {
    /// Calls the function with a tuple of arguments. It has no result.
    ///
    /// # Errors
    /// [`Error::Arguments`] if the arguments cannot be sent, and those of a backend that does not run.
    pub async fn call(&self, args: impl Serialize) -> Result<(), Error> {
        let RemoteFunction { id, connection } = &*self.0;
        connection.call_function(id, &args).await
    }
}

impl Drop for RemoteFunction {
    fn drop(&mut self) {
        self.connection.release_function(&self.id);
    }
}

impl<'de> Deserialize<'de> for Function {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (id, connection) = decode::reference(deserializer, FUNCTION)?;
        Ok(Self(Arc::new(RemoteFunction { id, connection })))
    }
}
