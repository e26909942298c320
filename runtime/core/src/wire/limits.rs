//! Bounds on a process, and when it is started again.

use serde::{Deserialize, Serialize};

/// Bounds on one process. A field left out takes the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(any(test, feature = "ts"), ts(optional_fields))]
pub struct Limits {
    /// JavaScript heap in MiB, embedded engine only; at least 16. **Default:** 512.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heap_mb: Option<u32>,
    /// Longest line in MiB; a longer one is dropped and reported. **Default:** 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_mb: Option<u32>,
    /// Bytes, in MiB, that wait for the process to read its stdin before writers wait.
    /// **Default:** 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin_buffer_mb: Option<u32>,
    /// Output, in MiB, kept for late and slow subscribers. **Default:** 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout_buffer_mb: Option<u32>,
    /// Milliseconds a process gets to end by itself when it is killed, before it is made to.
    /// **Default:** 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_grace_ms: Option<u32>,
}

/// When a process that ended by itself is started again. A kill never restarts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RestartPolicy {
    /// Which endings start it again.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub when: RestartWhen,
    /// How often in a row, without the process having lived for `resetAfterMs`.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub max_retries: u32,
    /// Wait before the first restart in milliseconds; doubles with each, up to 30 s.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub backoff_ms: u32,
    /// A life of this many milliseconds counts as success and resets the count.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub reset_after_ms: u32,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            when: RestartWhen::OnFailure,
            max_retries: 5,
            backoff_ms: 200,
            reset_after_ms: 10_000,
        }
    }
}

/// Which endings restart a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum RestartWhen {
    /// A non-zero exit code, an uncaught error, an exhausted heap.
    OnFailure,
    /// Any ending that nobody asked for.
    Always,
}
