//! The listed state of a process, its exit reason and its resource usage.

use serde::{Deserialize, Serialize};

use super::Runtime;

/// The most bytes in the name of a process.
pub const MAX_NAME_BYTES: usize = 256;

/// One named process, as listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ProcessInfo {
    /// The name given at spawn.
    pub name: String,
    /// The child's process id; `None` for the embedded engine and for an exited process.
    pub pid: Option<u32>,
    /// Whether the state is `running` or `unresponsive`.
    pub running: bool,
    /// The runtime that was chosen; `None` for `command` and `sidecar`.
    pub runtime: Option<Runtime>,
    /// The state of the current generation.
    pub state: State,
    /// The number of the current start of this name, from 1.
    pub generation: u64,
    /// Consecutive restarts by the restart policy.
    pub restarts: u32,
    /// Milliseconds from the request to a running script; `None` before that.
    pub start_ms: Option<f64>,
    /// When the script of this generation started to run, in milliseconds since 1970; `None` before that.
    pub started_at: Option<u64>,
}

/// The state of one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum State {
    /// The name is reserved and the backend starts.
    Starting,
    /// The script runs.
    Running,
    /// The script runs, but an iteration of its event loop has taken longer than `limits.unresponsiveMs`. The state
    /// is `running` again when that iteration ends. Embedded engine only.
    Unresponsive,
    /// A kill was requested.
    Stopping,
    /// The process ended. The entry stays listed until the process is restarted or removed.
    Exited {
        /// Why the process ended.
        reason: ExitReason,
        /// The exit code; `None` when a signal or a kill ended it.
        code: Option<i32>,
    },
}

impl State {
    /// Whether the generation has ended.
    #[must_use]
    pub fn is_exited(&self) -> bool {
        matches!(self, Self::Exited { .. })
    }

    /// Whether the script runs and no kill was requested.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running | Self::Unresponsive)
    }
}

/// Why a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ExitReason {
    /// It ended by itself, with any exit code.
    Completed,
    /// An uncaught error, or a failure of the engine, ended it.
    Error {
        /// The thrown value, as `name: message`.
        message: String,
        /// The source-mapped stack trace, if there is one.
        stack: Option<String>,
    },
    /// It was killed through this API, or by a signal.
    Killed {
        /// The number of the signal, unless this API sent it.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(any(test, feature = "ts"), ts(optional))]
        signal: Option<i32>,
    },
    /// The JavaScript heap reached `limits.heapMb`, or buffers that cannot be refused reached
    /// `limits.arrayBufferMb`.
    HeapLimit,
    /// All memory of the process reached `limits.memoryMb`.
    MemoryLimit,
    /// The script never ran.
    StartFailed {
        /// Why the start failed.
        message: String,
    },
    /// The process was unresponsive and `limits.killUnresponsive` is set, or a killed process did not end and its
    /// thread was abandoned.
    Unresponsive,
    /// The engine failed natively. The application goes on. The failed thread is parked until the application
    /// ends, with its memory and open files.
    Crashed {
        /// The failure.
        message: String,
    },
    /// The supervisor was shut down.
    HostShutdown,
}

/// The resource usage of a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The process.
    pub name: String,
    /// Processor time since the last request for usage, in percent of one core; `None` for the first request, and
    /// where the system does not report it.
    pub cpu_percent: Option<f64>,
    /// Bytes of memory; `None` if the process did not answer in time.
    pub memory_bytes: Option<u64>,
    /// The kind of memory in `memory_bytes`.
    pub memory_kind: MemoryKind,
    /// The limit for `memory_bytes`; `None` if there is none.
    pub limit_bytes: Option<u64>,
}

/// How the memory of a process is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum MemoryKind {
    /// Objects in the JavaScript heap of an embedded process.
    Heap,
    /// Resident memory of a child process.
    Rss,
}
