//! The permissions of a script.

use serde::{Deserialize, Serialize};

/// One kind of Deno permission: `true` grants all of it, a list grants the listed items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(untagged)]
pub enum Grant {
    /// All of this kind (`true`) or none of it (`false`).
    All(bool),
    /// The listed paths, hosts, variables, programs or system information.
    Some(Vec<String>),
}

impl Default for Grant {
    fn default() -> Self {
        Self::All(false)
    }
}

/// Deno's permissions. Everything that is not granted is denied, without a prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Permissions {
    /// Everything (`deno run -A`), except FFI and native addons in the embedded engine.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub all: bool,
    /// Files and folders that may be read. The script's own folder is always readable.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub read: Grant,
    /// Files and folders that may be written.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub write: Grant,
    /// Hosts (`example.com:443`) that the script may connect to or listen on.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub net: Grant,
    /// Environment variables that may be read and written.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub env: Grant,
    /// Programs that may be started.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub run: Grant,
    /// System information (`hostname`, `osRelease`, …) that may be read.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub sys: Grant,
    /// Hosts that modules may be imported from. Deno children only: the embedded engine imports
    /// nothing over the network.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub import: Grant,
}

impl Permissions {
    /// Everything, like `deno run -A`.
    #[must_use]
    pub fn all() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// All kinds by name, in the order of Deno's documentation.
    pub(crate) fn kinds(&self) -> [(&'static str, &Grant); 7] {
        [
            ("read", &self.read),
            ("write", &self.write),
            ("net", &self.net),
            ("env", &self.env),
            ("run", &self.run),
            ("sys", &self.sys),
            ("import", &self.import),
        ]
    }
}
