//! The error type of commands and of the Rust API.

use serde::{Serialize, Serializer};

/// An error of a command or of the Rust API. Crosses IPC as `{ kind, message, name?, generation? }`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of `js_runtime`.
    #[error(transparent)]
    Process(#[from] js_runtime::Error),
    /// An error of a call from Rust.
    #[error(transparent)]
    Call(#[from] js_runtime::rpc::Error),
    /// The window's capability does not allow the call. The message contains the entry that would.
    #[error("not allowed: {message}")]
    NotAllowed {
        /// The process.
        name: String,
        /// The reason, and the missing permission.
        message: String,
    },
    /// The window has reached `maxProcessesPerWindow`.
    #[error(
        "too many processes: {limit} that window '{label}' has started are live, which is the limit of one window \
         (end one, or raise plugins > js > maxProcessesPerWindow)"
    )]
    TooManyOfWindow {
        /// The label of the window.
        label: String,
        /// The most live processes of one window.
        limit: usize,
    },
    /// A path whose variable (`$RESOURCE/…`) this system does not define.
    #[error("invalid config: '{path}': {source}")]
    Folder {
        /// The path, not resolved.
        path: String,
        /// The cause.
        source: tauri::Error,
    },
}

impl Error {
    /// A short, stable identifier for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Process(error) => error.kind(),
            Self::Call(error) => error.kind(),
            Self::NotAllowed { .. } => "notAllowed",
            Self::TooManyOfWindow { .. } => "tooMany",
            Self::Folder { .. } => "invalidConfig",
        }
    }

    /// The process that the error is about, if any.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Process(error) => error.name(),
            Self::Call(error) => error.process(),
            Self::NotAllowed { name, .. } => Some(name),
            Self::TooManyOfWindow { .. } | Self::Folder { .. } => None,
        }
    }

    /// The generation of the process that the error is about, if any.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        match self {
            Self::Process(error) => error.generation(),
            _ => None,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Process(js_runtime::Error::InvalidConfig(message.into()))
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            kind: &'a str,
            message: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            name: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            generation: Option<u64>,
        }
        Wire {
            kind: self.kind(),
            message: self.to_string(),
            name: self.name(),
            generation: self.generation(),
        }
        .serialize(serializer)
    }
}
