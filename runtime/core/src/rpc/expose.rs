//! Functions of Rust that backends may call.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::args::{self, Encoded};
use super::connection::Connection;
use super::decode;
use super::error::WireError;

/// Why an exposed function failed. The backend gets an error with this name, message and fields.
///
/// Every `std::error::Error` becomes one with the name `Error`, by `?` too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    name: String,
    message: String,
    fields: Map<String, Value>,
}

impl Failure {
    /// A failure with the name `Error`.
    pub fn new(message: impl Display) -> Self {
        Self::named("Error", message)
    }

    /// A failure with the name of an error class, such as `RangeError`.
    pub fn named(name: impl Into<String>, message: impl Display) -> Self {
        Self { name: name.into(), message: message.to_string(), fields: Map::new() }
    }

    /// Adds a field to the error, such as `code`.
    #[must_use]
    pub fn field(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(key.into(), value.into());
        self
    }

    pub(super) fn to_wire(&self) -> WireError<'_> {
        WireError { name: &self.name, message: &self.message, fields: self.fields.clone() }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(&error)
    }
}

/// An async function that backends can call: a closure of up to six arguments, or none, that returns a
/// `Result<T, E>`. Arguments and `T` are of serde's types, or [`Bytes`](super::Bytes),
/// [`Function`](super::Function), [`RemoteStream`](super::RemoteStream). `E` becomes a [`Failure`].
pub trait Handler<Args>: Send + Sync + 'static {
    #[doc(hidden)]
    fn run(&self, args: Vec<Value>, call: Incoming) -> BoxFuture<Result<Outgoing, Failure>>;
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The connection that a request came over.
#[doc(hidden)]
pub struct Incoming {
    pub(super) connection: Arc<Connection>,
    pub(super) has_placeholders: bool,
}

impl Incoming {
    fn decode<T: DeserializeOwned>(&self, value: Value, index: usize) -> Result<T, Failure> {
        decode::decode(value, self.has_placeholders, Some(&self.connection)).map_err(|error| {
            Failure::named("TypeError", format!("argument {}: {error}", index + 1))
        })
    }
}

/// An encoded result.
#[doc(hidden)]
pub struct Outgoing(pub(super) Encoded);

macro_rules! handler {
    ($($argument:ident $index:literal),*) => {
        impl<Run, Returned, Success, Failed, $($argument),*> Handler<($($argument,)*)> for Run
        where
            Run: Fn($($argument),*) -> Returned + Send + Sync + 'static,
            Returned: Future<Output = Result<Success, Failed>> + Send + 'static,
            Success: Serialize,
            Failed: Into<Failure>,
            $($argument: DeserializeOwned,)*
        {
            #[allow(non_snake_case, unused_mut, unused_variables, reason = "depends on the number of arguments")]
            fn run(&self, args: Vec<Value>, call: Incoming) -> BoxFuture<Result<Outgoing, Failure>> {
                let mut args = args.into_iter();
                $(
                    let $argument: $argument = match call.decode(args.next().unwrap_or_default(), $index) {
                        Ok(argument) => argument,
                        Err(failure) => return Box::pin(async { Err(failure) }),
                    };
                )*
                let result = self($($argument),*);
                let ids = call.connection.ids().clone();
                Box::pin(async move {
                    let success = result.await.map_err(Into::into)?;
                    Ok(Outgoing(args::encode(&ids, &success)?))
                })
            }
        }
    };
}

handler!();
handler!(A 0);
handler!(A 0, B 1);
handler!(A 0, B 1, C 2);
handler!(A 0, B 1, C 2, D 3);
handler!(A 0, B 1, C 2, D 3, E 4);
handler!(A 0, B 1, C 2, D 3, E 4, F 5);

/// An exposed function.
pub(crate) type Exposed =
    Arc<dyn Fn(Vec<Value>, Incoming) -> BoxFuture<Result<Outgoing, Failure>> + Send + Sync>;

/// Erases the type of a handler.
pub(crate) fn exposed<Args: 'static>(handler: impl Handler<Args>) -> Exposed {
    Arc::new(move |args, call| handler.run(args, call))
}
