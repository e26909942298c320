//! The engines that run JavaScript.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// An engine that runs JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// The embedded engine where the build has it, otherwise the first of Deno, Bun and Node found.
    Auto,
    /// Deno inside the application's process.
    Embedded,
    /// `deno` as a child process.
    Deno,
    /// `bun` as a child process.
    Bun,
    /// `node` as a child process.
    Node,
}

impl Runtime {
    /// The name on the wire and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Embedded => "embedded",
            Self::Deno => "deno",
            Self::Bun => "bun",
            Self::Node => "node",
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Runtime {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Auto, Self::Embedded, Self::Deno, Self::Bun, Self::Node]
            .into_iter()
            .find(|runtime| runtime.as_str() == text)
            .ok_or_else(|| Error::unknown_runtime(text))
    }
}

/// A runtime on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RuntimeInfo {
    /// `embedded`, `deno`, `bun` or `node`.
    pub name: String,
    /// Path of the executable; `None` for the embedded engine and for a runtime that was not found.
    pub path: Option<PathBuf>,
    /// Its version without a leading `v`.
    pub version: Option<String>,
    /// Whether a process can be started with it.
    pub available: bool,
}
