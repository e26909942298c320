//! What a command can answer instead of a result.

use serde::{Serialize, Serializer};

/// Every failure of a command. Crosses IPC as `{ kind, message, name?, generation? }`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The process or its start failed.
    #[error(transparent)]
    Process(#[from] js_runtime::Error),
    /// The window's capability does not cover it. The message says what to add where.
    #[error("not allowed: {message}")]
    NotAllowed {
        /// The process it was about.
        name: String,
        /// What is missing.
        message: String,
    },
    /// The window has started as many processes as one window may have.
    #[error(
        "too many processes: {limit} that window '{label}' has started are live, which is the limit of one window \
         (end one, or raise plugins > js > maxProcessesPerWindow)"
    )]
    TooManyOfWindow {
        /// The window.
        label: String,
        /// The most of its processes that may be live.
        limit: usize,
    },
    /// A path with a variable (`$RESOURCE/…`) that this system does not have.
    #[error("invalid config: '{path}': {source}")]
    Folder {
        /// The path as it was given.
        path: String,
        /// Why there is none.
        source: tauri::Error,
    },
}

impl Error {
    /// A short stable name for programs to match on.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Process(error) => error.kind(),
            Self::NotAllowed { .. } => "notAllowed",
            Self::TooManyOfWindow { .. } => "tooMany",
            Self::Folder { .. } => "invalidConfig",
        }
    }

    /// The process it is about, where there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Process(error) => error.name(),
            Self::NotAllowed { name, .. } => Some(name),
            Self::TooManyOfWindow { .. } | Self::Folder { .. } => None,
        }
    }

    /// The start of the process that it is about, where there is one.
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
