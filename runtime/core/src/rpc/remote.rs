//! The API of a backend, for Rust.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::args::{Encoded, encode_args};
use super::connection::{Connection, with_brace};
use super::decode;
use super::endpoint::Endpoint;
use super::error::Error;
use super::frames::Op;
use super::request::Answer;
use super::stream::RemoteStream;

/// The functions of a backend that runs `serve` of `tauri-plugin-js-api/backend`, or any version of kkrpc. Clones
/// share the connection.
///
/// It survives restarts. When the backend ends, calls under way fail with [`Error::Exited`], and calls until it runs
/// again with that or [`Error::NotRunning`]; later calls go to the new generation. After the process was removed, all
/// calls fail.
#[derive(Clone)]
pub struct Remote {
    endpoint: Arc<Endpoint>,
    timeout: Option<Duration>,
}

impl Remote {
    pub(crate) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self { endpoint, timeout: None }
    }

    /// The name of the process.
    #[must_use]
    pub fn process(&self) -> &str {
        self.endpoint.process()
    }

    /// The same connection with a time-out for each call. **Default:** none.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Calls a function. Dots in `method` address nested objects. `args` is a tuple; `()` for none. The call is sent
    /// when its future is first polled.
    ///
    /// Arguments may contain [`Callback`](super::Callback), [`AbortSignal`](super::AbortSignal) and
    /// [`Bytes`](super::Bytes). A JavaScript `Date` arrives as an ISO text, `undefined` as `None` or `()`.
    ///
    /// # Errors
    /// Those of [`Error`], when the call is awaited.
    pub fn call<T: DeserializeOwned>(&self, method: &str, args: impl Serialize) -> Call<T> {
        self.request(Op::Call, method, args)
    }

    /// Calls a function that returns an async iterable, such as an async generator.
    ///
    /// # Errors
    /// Those of [`Error`], when the call is awaited.
    pub fn stream<T: DeserializeOwned>(
        &self,
        method: &str,
        args: impl Serialize,
    ) -> Call<RemoteStream<T>> {
        self.call(method, args)
    }

    /// Reads a property.
    ///
    /// # Errors
    /// Those of [`Error`], when the call is awaited.
    pub fn get<T: DeserializeOwned>(&self, property: &str) -> Call<T> {
        self.request(Op::Get, property, ())
    }

    /// Sets a property.
    ///
    /// # Errors
    /// Those of [`Error`], when the call is awaited.
    pub fn set(&self, property: &str, value: impl Serialize) -> Call<()> {
        self.request(Op::Set, property, (value,))
    }

    fn request<T: DeserializeOwned>(&self, op: Op, method: &str, args: impl Serialize) -> Call<T> {
        Call {
            endpoint: self.endpoint.clone(),
            op,
            method: method.to_owned(),
            args: encode_args(self.endpoint.ids(), method, &args),
            timeout: self.timeout,
            result: PhantomData,
        }
    }
}

/// A call that is sent when it is awaited. Dropping the future abandons the call: its answer is ignored, and the
/// [`AbortSignal`](super::AbortSignal)s among its arguments are aborted.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<T> {
    endpoint: Arc<Endpoint>,
    op: Op,
    method: String,
    args: Result<Encoded, Error>,
    timeout: Option<Duration>,
    result: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Call<T> {
    /// Fails the call with [`Error::Timeout`] if it is not answered in time. **Default:** that of the [`Remote`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn run(self) -> Result<T, Error> {
        let Self { endpoint, op, method, args, timeout, .. } = self;
        let args = args?;
        let connection = endpoint.connection()?;
        let path: Vec<&str> = method.split('.').collect();
        let answered = connection.request(op, &path, args);
        let answer = match timeout {
            None => answered.await?,
            Some(timeout) => tokio::select! {
                biased;
                answer = answered => answer?,
                () = endpoint.hub().sleep(timeout) => return Err(Error::Timeout {
                    process: endpoint.process().to_owned(),
                    method,
                    milliseconds: timeout.as_millis(),
                }),
            },
        };
        // The answer to `set` has no meaning.
        let answer = match answer {
            Answer::Kkrpc(Ok(_)) if op == Op::Set => Answer::Kkrpc(Ok(Value::Null)),
            Answer::Own(rest) if op == Op::Set && rest.starts_with(b",\"v\"") => {
                Answer::Kkrpc(Ok(Value::Null))
            }
            answer => answer,
        };
        decoded(answer, &method, &connection)
    }
}

impl<T: DeserializeOwned + 'static> IntoFuture for Call<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

fn decoded<T: DeserializeOwned>(
    answer: Answer,
    method: &str,
    connection: &Arc<Connection>,
) -> Result<T, Error> {
    let unexpected = |error: serde_json::Error| Error::answer(method, &error);
    match answer {
        Answer::Failed(error) => Err(error),
        Answer::Kkrpc(Err(error)) => Err(Error::from_wire(error)),
        Answer::Kkrpc(Ok(value)) => serde_json::from_value(value).map_err(unexpected),
        Answer::Own(rest) => {
            if let Some(value) = rest.strip_prefix(b",\"v\":")
                && let Some(value) = plain(value)
            {
                return Ok(value);
            }
            let mut frame: Value =
                serde_json::from_slice(&with_brace(&rest)).map_err(unexpected)?;
            if let Some(error) = frame.get_mut("e") {
                return Err(Error::from_wire(error.take()));
            }
            let has_placeholders = frame["x"] == 1;
            let value = frame["v"].take();
            let copy = has_placeholders.then(|| value.clone());
            decode::decode(value, has_placeholders, Some(connection)).map_err(|error| {
                // Nothing refers to its functions and streams.
                if let Some(value) = &copy {
                    connection.release_all(value);
                }
                unexpected(error)
            })
        }
    }
}

/// A value that ends its frame, without placeholders.
fn plain<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter();
    let value = values.next()?.ok()?;
    (text.get(values.byte_offset()..)? == b"}").then_some(value)
}
