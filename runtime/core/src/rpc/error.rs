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
    /// The backend has sent more items of a stream than were asked for.
    #[error("process '{process}' sends more items than were asked for")]
    Overflow {
        /// The process.
        process: String,
    },
    /// The backend uses kkrpc, which does not have this.
    #[error(
        "process '{process}' uses kkrpc, which has no {feature}; use `serve` of tauri-plugin-js-api/backend"
    )]
    Unsupported {
        /// The process.
        process: String,
        /// The missing feature.
        feature: &'static str,
    },
}

/// An error that a backend has thrown.
#[derive(Debug, Clone, Default, thiserror::Error)]
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
    /// The errors of an `AggregateError`.
    pub errors: Vec<Thrown>,
    /// Its own fields, such as `code`.
    pub fields: Map<String, Value>,
    /// The thrown value, if it is no `Error`. `message` is its text.
    pub value: Option<Value>,
}

impl Error {
    /// A short stable identifier for programs, as in the npm package: `error`, `timeout`, `exited`, `notRunning`,
    /// `invalidConfig`, `overflow` or `unknown`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Thrown(_) => "error",
            Self::Timeout { .. } => "timeout",
            Self::Exited { .. } => "exited",
            Self::NotRunning { .. } => "notRunning",
            Self::Arguments { .. } | Self::Unsupported { .. } => "invalidConfig",
            Self::Answer { .. } => "unknown",
            Self::Overflow { .. } => "overflow",
        }
    }

    /// The process that the error is about, if it is known.
    #[must_use]
    pub fn process(&self) -> Option<&str> {
        match self {
            Self::Timeout { process, .. }
            | Self::Exited { process, .. }
            | Self::NotRunning { process, .. }
            | Self::Unsupported { process, .. }
            | Self::Overflow { process } => Some(process),
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
        return Thrown { name: "Error".to_owned(), message, ..Thrown::default() };
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
    let nested = |wire: Value| (depth < MAX_CAUSES).then(|| thrown(wire, depth + 1));
    let cause = take("c", "cause").and_then(nested).map(Box::new);
    let errors = match take("es", "errors") {
        Some(Value::Array(errors)) => errors.into_iter().filter_map(nested).collect(),
        _ => Vec::new(),
    };
    let value = take("v", "");
    // kkrpc has the fields beside the message, this package in `f`.
    let fields = match wire.remove("f") {
        Some(Value::Object(fields)) if is_compact => fields,
        _ => wire,
    };
    Thrown { name, message, stack, cause, errors, fields, value }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn from_wire(wire: Value) -> Thrown {
        match Error::from_wire(wire) {
            Error::Thrown(thrown) => *thrown,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn errors_of_every_form_have_their_parts() {
        let own = json!({
            "n": "TypeError", "m": "no", "s": "at", "c": { "n": "Error", "m": "why" }, "f": { "code": 7 },
        });
        let compact = json!({
            "n": "TypeError", "m": "no", "s": "at", "c": { "n": "Error", "m": "why" }, "code": 7,
        });
        let classic = json!({
            "name": "TypeError", "message": "no", "stack": "at",
            "cause": { "name": "Error", "message": "why" }, "code": 7,
        });
        for wire in [own, compact, classic] {
            let error = from_wire(wire);
            assert_eq!(error.to_string(), "TypeError: no");
            assert_eq!(error.stack.as_deref(), Some("at"));
            assert_eq!(error.cause.expect("it has a cause").to_string(), "Error: why");
            assert_eq!(Value::Object(error.fields), json!({ "code": 7 }));
        }
        assert_eq!(from_wire(json!("no")).to_string(), "Error: no");
        let thrown = from_wire(json!({ "n": "Error", "m": "7", "v": 7 }));
        assert_eq!((thrown.value, thrown.fields.len()), (Some(json!(7)), 0));
        let errors =
            from_wire(json!({ "n": "AggregateError", "m": "", "es": [{ "n": "A", "m": "b" }] }))
                .errors;
        assert_eq!(errors[0].to_string(), "A: b");
    }

    #[test]
    fn a_chain_of_causes_is_bounded() {
        let chain = (0..100).fold(
            json!({ "n": "E", "m": "" }),
            |cause, _| json!({ "n": "E", "m": "", "c": cause }),
        );
        let mut error = from_wire(chain);
        let mut depth = 0;
        while let Some(cause) = error.cause.take() {
            error = *cause;
            depth += 1;
        }
        assert_eq!(depth, MAX_CAUSES);
    }
}
