//! Bounds on a process, and when it is started again.

use serde::{Deserialize, Serialize};

use crate::system_memory;

/// Bounds on one process. A field left out takes the default.
///
/// Where a default is "an eighth of the memory", that is the machine's, or the container's where one
/// is limited, but no less than 128 and no more than 512 MiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(any(test, feature = "ts"), ts(optional_fields))]
pub struct Limits {
    /// JavaScript heap in MiB, embedded engine only; at least 16. What is left when garbage was collected
    /// must fit; before that it may be a quarter more, and up to 32. Each worker that the script starts
    /// has as much again. **Default:** an eighth of the memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heap_mb: Option<u32>,
    /// Memory of `ArrayBuffer`s, which is no part of the heap, in MiB, embedded engine only; shared with
    /// the workers of the script. Memory that SQLite takes counts too. More of it is refused with a
    /// `RangeError`, by SQLite as `out of memory`; what WebAssembly and the engine itself allocate cannot
    /// be refused, and ends the process as its heap's limit does. **Default:** an eighth of the memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array_buffer_mb: Option<u32>,
    /// All memory of the process in MiB, embedded engine only; at least 64. It includes the heaps of its
    /// workers, buffers, WebAssembly and what the engine allocates natively. The growth of the app is
    /// measured and attributed to the processes whose threads cause it; a process beyond its limit ends
    /// with the reason `memoryLimit`. **Default:** `heapMb` + `arrayBufferMb` + 256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
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
    /// Files, sockets, pipes and watchers that may be open at once, embedded engine only; shared with the workers of
    /// the script. Opening one more fails with `EMFILE`. **Default:** 1024.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u32>,
    /// Milliseconds a process gets to end by itself when it is killed, before it is made to. An embedded
    /// script that neither has read its stdin nor listens for SIGTERM ends at once. **Default:** 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_grace_ms: Option<u32>,
    /// Milliseconds from the request to a running script, before the start is given up.
    /// **Default:** 30 000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_timeout_ms: Option<u32>,
    /// Milliseconds that one turn of the event loop may take, embedded engine only; after that the
    /// process is `unresponsive` until the loop turns again. A wait for its stdin, or for who reads its
    /// output, does not count. 0 is never. **Default:** 5000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unresponsive_ms: Option<u32>,
    /// Whether a process that is unresponsive is ended, with that reason. **Default:** `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_unresponsive: Option<bool>,
}

/// Memory in MiB that a process may have by default beyond its heap and its buffers.
const OTHER_MEMORY_MB: u32 = 256;

impl Limits {
    /// The defaults. Every field is filled in, except for `memory_mb`, which follows from two others.
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

    /// These limits, and those of `defaults` where there are none.
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

    /// `memory_mb`, or its default, which follows from the heap and the buffers.
    #[must_use]
    pub fn memory_mb_or_default(&self) -> u32 {
        let heap_and_buffers = [self.heap_mb, self.array_buffer_mb]
            .map(|limit| limit.unwrap_or_else(system_memory::share_mb))
            .into_iter()
            .fold(0, u32::saturating_add);
        self.memory_mb.unwrap_or(heap_and_buffers.saturating_add(OTHER_MEMORY_MB))
    }
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
    /// A non-zero exit code, an uncaught error, exhausted memory.
    OnFailure,
    /// Any ending that nobody asked for.
    Always,
}
