//! The error type of the API. Each message names its subject and says how to fix the problem.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// The most bytes of external text that a message quotes. A message with two quotes stays below 1000 bytes.
const LONGEST_QUOTE: usize = 400;

/// Explains how to get the embedded engine. Names the plugin first because most builds are Tauri apps.
#[cfg(not(feature = "embedded"))]
pub(crate) const NO_ENGINE: &str = "the embedded engine is not part of this build: enable the cargo feature \
    \"embedded\" of tauri-plugin-js, or of js-runtime outside Tauri";

/// Every failure of the API. Crosses IPC as `{ kind, message, name?, generation? }`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No process of this name is listed.
    #[error("process not found: {}", shown(.0))]
    NotFound(String),
    /// The name has a live process.
    #[error("process already exists: {0}")]
    AlreadyExists(String),
    /// The process has exited, or its stdin is closed.
    #[error("process not running: {0}")]
    NotRunning(String),
    /// A process can be removed only after it has exited.
    #[error("process still running: {0} (kill it first)")]
    StillRunning(String),
    /// The request is invalid.
    #[error("invalid config: {0}")]
    InvalidConfig(String),
    /// The backend could not be started.
    #[error("could not start '{name}': {message}")]
    StartFailed {
        /// The process.
        name: String,
        /// The cause, and how to fix it.
        message: String,
    },
    /// This machine or this build does not have the requested runtime.
    #[error("runtime not available: {runtime} ({message})")]
    RuntimeUnavailable {
        /// The runtime's name.
        runtime: String,
        /// Where the runtime was searched, and how to provide it.
        message: String,
    },
    /// A path could not be used.
    #[error("{what} '{}': {source}", shown(path))]
    Path {
        /// The purpose of the path.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// `Builder::max_processes` processes are live.
    #[error("too many processes: {limit} are live, which is the limit (end one, or raise it)")]
    TooMany {
        /// The most processes that may be live.
        limit: usize,
    },
    /// The stdin queue of the process is full. Nothing was written.
    #[error("stdin of '{name}' is full: {limit} bytes wait to be read (wait until there is room)")]
    StdinFull {
        /// The process.
        name: String,
        /// The capacity of the queue in bytes.
        limit: usize,
        /// The generation that owns the stdin, if one does.
        generation: Option<u64>,
    },
    /// The operation was for a generation that is not the current one.
    #[error("process not running: {name} (generation {generation} is over)")]
    GenerationOver {
        /// The process.
        name: String,
        /// The requested generation.
        generation: u64,
    },
    /// The supervisor was shut down.
    #[error("the process supervisor has shut down")]
    ShutDown,
}

impl Error {
    /// A short stable identifier for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "notFound",
            Self::AlreadyExists(_) => "alreadyExists",
            Self::NotRunning(_) => "notRunning",
            Self::StillRunning(_) => "stillRunning",
            Self::InvalidConfig(_) => "invalidConfig",
            Self::StartFailed { .. } => "startFailed",
            Self::RuntimeUnavailable { .. } => "runtimeUnavailable",
            Self::Path { .. } => "path",
            Self::TooMany { .. } => "tooMany",
            Self::StdinFull { .. } => "stdinFull",
            Self::GenerationOver { .. } => "exited",
            Self::ShutDown => "shutDown",
        }
    }

    /// The process that the error is about, if any.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::NotFound(name)
            | Self::AlreadyExists(name)
            | Self::NotRunning(name)
            | Self::StillRunning(name)
            | Self::StartFailed { name, .. }
            | Self::StdinFull { name, .. }
            | Self::GenerationOver { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The generation that the error is about, if any.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        match self {
            Self::StdinFull { generation, .. } => *generation,
            Self::GenerationOver { generation, .. } => Some(*generation),
            _ => None,
        }
    }

    /// The error for a request for the embedded engine in a build without it.
    #[cfg(not(feature = "embedded"))]
    pub(crate) fn no_engine() -> Self {
        let runtime = "embedded".to_owned();
        Self::RuntimeUnavailable { runtime, message: NO_ENGINE.to_owned() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidConfig(message.into())
    }

    pub(crate) fn unknown_runtime(text: &str) -> Self {
        Self::InvalidConfig(format!(
            "unknown runtime: {} (one of auto, embedded, deno, bun, node)",
            shown(text)
        ))
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Error", 4)?;
        object.serialize_field("kind", self.kind())?;
        object.serialize_field("message", &self.to_string())?;
        match self.name() {
            Some(name) => object.serialize_field("name", name)?,
            None => object.skip_field("name")?,
        }
        match self.generation() {
            Some(generation) => object.serialize_field("generation", &generation)?,
            None => object.skip_field("generation")?,
        }
        object.end()
    }
}

/// Makes external text safe for a message: pages write configurations, and messages reach logs and terminals.
/// Escapes control characters, and shortens the middle of a long text.
pub(crate) fn shown(text: impl AsRef<OsStr>) -> String {
    let mut shown = String::new();
    for char in text.as_ref().to_string_lossy().chars() {
        match char {
            control if control.is_control() => shown.extend(control.escape_debug()),
            char => shown.push(char),
        }
    }
    if shown.len() > LONGEST_QUOTE {
        let half = (LONGEST_QUOTE - '…'.len_utf8()) / 2;
        let end = shown.ceil_char_boundary(shown.len() - half);
        shown.replace_range(shown.floor_char_boundary(half)..end, "…");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_unchanged_unless_it_is_long_or_has_control_characters() {
        for (text, expected) in [
            (r"C:\größe\it's.ts", r"C:\größe\it's.ts"),
            ("\u{1b}]0;a\u{7}\n", r"\u{1b}]0;a\u{7}\n"),
            ("\u{9b}2J", r"\u{9b}2J"),
        ] {
            assert_eq!(shown(text), expected);
        }
        for char in ["x", "ß", "€", "😀", "\0"] {
            let shown = shown(format!("begin{}end", char.repeat(LONGEST_QUOTE)));
            assert!(shown.len() <= LONGEST_QUOTE && shown.contains('…'), "{shown}");
            assert!(shown.starts_with("begin") && shown.ends_with("end"), "{shown}");
        }
        let longest = "x".repeat(LONGEST_QUOTE);
        assert_eq!(shown(&longest), longest);
    }
}
