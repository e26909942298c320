//! Errors of calls.

use std::fmt::Display;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::shown;
use crate::wire::ExitReason;

/// The deepest chain of causes that is read.
const MAX_CAUSES: usize = 8;

/// Why a call, a stream or a connection failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The function of the backend has thrown.
    #[error(transparent)]
    Thrown(Box<Thrown>),
    /// The call was not answered within the time of [`Call::timeout`](super::Call::timeout).
    #[error("process '{process}' did not answer '{method}' within {milliseconds} ms")]
    Timeout {
        /// The process.
        process: String,
        /// The called method.
        method: String,
        /// The time-out.
        milliseconds: u128,
    },
    /// The generation that the call was made for has ended.
    #[error("process '{process}' {}", describe(reason, *code))]
    Exited {
        /// The process.
        process: String,
        /// The generation.
        generation: u64,
        /// Why it has ended.
        reason: ExitReason,
        /// Its exit code.
        code: Option<i32>,
    },
    /// The process does not run, or was removed.
    #[error("{message}")]
    NotRunning {
        /// The process.
        process: String,
        /// The cause.
        message: String,
    },
    /// The arguments cannot be sent.
    #[error("the arguments of '{method}' cannot be sent: {message}")]
    Arguments {
        /// The called method.
        method: String,
        /// The cause.
        message: String,
    },
    /// The answer does not have the expected type.
    #[error("the answer of '{method}' is not what the caller expects: {message}")]
    Answer {
        /// The called method.
        method: String,
        /// The cause.
        message: String,
    },
    /// The backend uses kkrpc, which does not have this.
    #[error(
        "process '{process}' uses kkrpc, which has no {feature}; use `serve` of tauri-plugin-js-api/backend"
    )]
    Unsupported {
        /// The process.
        process: String,
        /// What was requested.
        feature: &'static str,
    },
}

/// An error that a backend has thrown.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{name}: {message}")]
#[non_exhaustive]
pub struct Thrown {
    /// Its name, such as `TypeError`.
    pub name: String,
    /// Its message.
    pub message: String,
    /// Its stack in the backend.
    pub stack: Option<String>,
    /// The error that caused it.
    #[source]
    pub cause: Option<Box<Thrown>>,
    /// Its own fields, such as `code`.
    pub fields: Map<String, Value>,
}

impl Error {
    /// A short stable identifier for programs, as in the npm package: `error`, `timeout`, `exited`, `notRunning`,
    /// `invalidConfig` or `unknown`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Thrown(_) => "error",
            Self::Timeout { .. } => "timeout",
            Self::Exited { .. } => "exited",
            Self::NotRunning { .. } => "notRunning",
            Self::Arguments { .. } | Self::Unsupported { .. } => "invalidConfig",
            Self::Answer { .. } => "unknown",
        }
    }

    /// The process that the error is about, if it is known.
    #[must_use]
    pub fn process(&self) -> Option<&str> {
        match self {
            Self::Timeout { process, .. }
            | Self::Exited { process, .. }
            | Self::NotRunning { process, .. }
            | Self::Unsupported { process, .. } => Some(process),
            _ => None,
        }
    }

    /// The error of a process that is not live.
    pub(super) fn not_running(process: &str, error: &crate::Error) -> Self {
        Self::NotRunning { process: process.to_owned(), message: error.to_string() }
    }

    pub(super) fn arguments(method: &str, message: &dyn Display) -> Self {
        Self::Arguments { method: shown(method), message: message.to_string() }
    }

    pub(super) fn answer(method: &str, message: &dyn Display) -> Self {
        Self::Answer { method: shown(method), message: message.to_string() }
    }

    /// The error of an answer, in the form of this package, of kkrpc from 1.0 on, or of earlier kkrpc.
    pub(super) fn from_wire(wire: Value) -> Self {
        Self::Thrown(Box::new(thrown(wire, 0)))
    }
}

fn thrown(wire: Value, depth: usize) -> Thrown {
    let Value::Object(mut wire) = wire else {
        let message = wire.as_str().map_or_else(|| wire.to_string(), str::to_owned);
        return Thrown {
            name: "Error".to_owned(),
            message,
            stack: None,
            cause: None,
            fields: Map::new(),
        };
    };
    let is_compact = wire.contains_key("m");
    let mut take =
        |compact: &str, classic: &str| wire.remove(if is_compact { compact } else { classic });
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => Some(text),
        Some(Value::Null) | None => None,
        Some(other) => Some(other.to_string()),
    };
    let name = text(take("n", "name")).unwrap_or_else(|| "Error".to_owned());
    let message = text(take("m", "message")).unwrap_or_default();
    let stack = text(take("s", "stack"));
    let cause = take("c", "cause").filter(|_| depth < MAX_CAUSES);
    let cause = cause.map(|cause| Box::new(thrown(cause, depth + 1)));
    let fields = match wire.remove("f") {
        Some(Value::Object(fields)) if is_compact => fields,
        _ => wire,
    };
    Thrown { name, message, stack, cause, fields }
}

fn describe(reason: &ExitReason, code: Option<i32>) -> String {
    let exited = || match code {
        Some(code) => format!("exited with code {code}"),
        None => "exited".to_owned(),
    };
    match reason {
        ExitReason::Completed => exited(),
        ExitReason::Error { message, .. } => format!("{}: {message}", exited()),
        ExitReason::Killed { signal: None } => "was killed".to_owned(),
        ExitReason::Killed { signal: Some(signal) } => format!("was killed by signal {signal}"),
        ExitReason::HeapLimit => "was ended: its heap limit (heapLimit) was reached".to_owned(),
        ExitReason::MemoryLimit => {
            "was ended: its memory limit (memoryLimit) was reached".to_owned()
        }
        ExitReason::StartFailed { message } => format!("failed to start: {message}"),
        ExitReason::Unresponsive => "was ended: it was unresponsive".to_owned(),
        ExitReason::Crashed { message } => format!("crashed: {message}"),
        ExitReason::HostShutdown => "ended with the app (hostShutdown)".to_owned(),
    }
}

/// An error on the wire of this package.
#[derive(Serialize)]
pub(super) struct WireError<'a> {
    #[serde(rename = "n")]
    pub(super) name: &'a str,
    #[serde(rename = "m")]
    pub(super) message: &'a str,
    #[serde(rename = "f", skip_serializing_if = "Map::is_empty")]
    pub(super) fields: Map<String, Value>,
}
