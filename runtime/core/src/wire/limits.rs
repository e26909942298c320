//! Limits of a process, and its restart policy.

use serde::{Deserialize, Serialize};

use crate::system_memory;

/// Limits of one process. An omitted field has its default.
///
/// The default "an eighth of the memory" is an eighth of the memory of the machine, or of the container if that has
/// less; at least 128 MiB and at most 512 MiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(any(test, feature = "ts"), ts(optional_fields))]
pub struct Limits {
    /// JavaScript heap in MiB, embedded engine only; at least 16. The limit applies to live objects after a garbage
    /// collection; before it the heap may exceed the limit by a quarter, at most 32 MiB. Each worker of the script
    /// has a heap of its own with the same limit. **Default:** an eighth of the memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heap_mb: Option<u32>,
    /// Memory of `ArrayBuffer`s in MiB, embedded engine only; not part of the heap, and shared with the workers of
    /// the script. Memory of SQLite counts too. An allocation above the limit fails with a `RangeError`, in SQLite
    /// with `out of memory`. Allocations of WebAssembly and of the engine cannot fail; above the limit they end the
    /// process with the reason `heapLimit`. **Default:** an eighth of the memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array_buffer_mb: Option<u32>,
    /// All memory of the process in MiB, embedded engine only; at least 64. It includes the heaps of its
    /// workers, buffers, WebAssembly and native allocations of the engine. The growth of the app is
    /// measured and attributed to the processes whose threads cause it; a process beyond its limit ends
    /// with the reason `memoryLimit`. **Default:** `heapMb` + `arrayBufferMb` + 256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
    /// Longest line in MiB; a longer one is dropped and reported. **Default:** 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_mb: Option<u32>,
    /// Capacity of the stdin queue in MiB. Writers wait while it is full. **Default:** 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin_buffer_mb: Option<u32>,
    /// Capacity of the output history in MiB, for late and slow subscribers. **Default:** 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout_buffer_mb: Option<u32>,
    /// Files, sockets, pipes and watchers that may be open at once, embedded engine only; shared with the workers of
    /// the script. Opening one more fails with `EMFILE`. **Default:** 1024.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u32>,
    /// Milliseconds between a kill and the forced end of the process. An embedded script that has not read its
    /// stdin and does not listen for SIGTERM ends at once. **Default:** 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_grace_ms: Option<u32>,
    /// Milliseconds from the request to a running script; then the start fails. **Default:** 30 000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_timeout_ms: Option<u32>,
    /// Milliseconds that one iteration of the event loop may take, embedded engine only; then the process is
    /// `unresponsive` until that iteration ends. Time in which it waits for its stdin or for a reader of its output
    /// does not count. 0 disables the check. **Default:** 5000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unresponsive_ms: Option<u32>,
    /// Whether an unresponsive process is ended, with the reason `unresponsive`. **Default:** `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_unresponsive: Option<bool>,
}

/// Part of the default of `memory_mb` that is neither heap nor buffers, in MiB.
const OTHER_MEMORY_MB: u32 = 256;

impl Limits {
    /// The defaults. Every field is set except `memory_mb`, whose default depends on two others.
    #[must_use]
    pub fn standard() -> Self {
        let memory_mb = Some(system_memory::share_mb());
        Self {
            heap_mb: memory_mb,
            array_buffer_mb: memory_mb,
            memory_mb: None,
            line_mb: Some(64),
            stdin_buffer_mb: Some(16),
            stdout_buffer_mb: Some(4),
            open_files: Some(1024),
            kill_grace_ms: Some(500),
            start_timeout_ms: Some(30_000),
            unresponsive_ms: Some(5000),
            kill_unresponsive: Some(false),
        }
    }

    /// Fills unset fields from `defaults`.
    #[must_use]
    pub fn or(self, defaults: Self) -> Self {
        Self {
            heap_mb: self.heap_mb.or(defaults.heap_mb),
            array_buffer_mb: self.array_buffer_mb.or(defaults.array_buffer_mb),
            memory_mb: self.memory_mb.or(defaults.memory_mb),
            line_mb: self.line_mb.or(defaults.line_mb),
            stdin_buffer_mb: self.stdin_buffer_mb.or(defaults.stdin_buffer_mb),
            stdout_buffer_mb: self.stdout_buffer_mb.or(defaults.stdout_buffer_mb),
            open_files: self.open_files.or(defaults.open_files),
            kill_grace_ms: self.kill_grace_ms.or(defaults.kill_grace_ms),
            start_timeout_ms: self.start_timeout_ms.or(defaults.start_timeout_ms),
            unresponsive_ms: self.unresponsive_ms.or(defaults.unresponsive_ms),
            kill_unresponsive: self.kill_unresponsive.or(defaults.kill_unresponsive),
        }
    }

    /// `memory_mb`, or its default, which depends on the limits of heap and buffers.
    #[must_use]
    pub fn memory_mb_or_default(&self) -> u32 {
        let heap_and_buffers = [self.heap_mb, self.array_buffer_mb]
            .map(|limit| limit.unwrap_or_else(system_memory::share_mb))
            .into_iter()
            .fold(0, u32::saturating_add);
        self.memory_mb.unwrap_or(heap_and_buffers.saturating_add(OTHER_MEMORY_MB))
    }
}

/// Restarts a process after it ended by itself. A killed process is not restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RestartPolicy {
    /// Which exits cause a restart. **Default:** `onFailure`.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub when: RestartWhen,
    /// The most consecutive restarts. **Default:** 5.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub max_retries: u32,
    /// Milliseconds before the first restart; doubles with each restart, up to 30 s. **Default:** 200.
    #[cfg_attr(any(test, feature = "ts"), ts(optional, as = "Option<_>"))]
    pub backoff_ms: u32,
    /// A process that ran for this many milliseconds resets the count of restarts. **Default:** 10 000.
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

/// Which exits restart a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum RestartWhen {
    /// Every exit but one with exit code 0.
    OnFailure,
    /// Every exit that was not requested.
    Always,
}
