//! A process as it is listed, and what it takes.

use serde::{Deserialize, Serialize};

use super::Runtime;

/// One named process, as listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ProcessInfo {
    /// The name given at spawn.
    pub name: String,
    /// The child's process id; `None` for the embedded engine and for an exited process.
    pub pid: Option<u32>,
    /// Whether it can be written to: state is `running` or `unresponsive`.
    pub running: bool,
    /// What actually runs it; `None` for `command` and `sidecar`.
    pub runtime: Option<Runtime>,
    /// Where it is in its life.
    pub state: State,
    /// Counts the starts of this name, from 1.
    pub generation: u64,
    /// Times it was started again by its restart policy, in a row.
    pub restarts: u32,
    /// Milliseconds from the request to a running script; `None` while starting.
    pub start_ms: Option<f64>,
    /// When this generation began to run, in milliseconds since 1970; `None` if it has not.
    pub started_at: Option<u64>,
}

/// The life of one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum State {
    /// The name is taken and the backend is being made.
    Starting,
    /// The script runs.
    Running,
    /// It runs, but its event loop has not turned for `limits.unresponsiveMs`. It is `running` again as
    /// soon as that turns. Embedded engine only.
    Unresponsive,
    /// A kill was asked for.
    Stopping,
    /// It ended; the entry stays until it is restarted or removed.
    Exited {
        /// Why.
        reason: ExitReason,
        /// The exit code; `None` when a signal or a kill ended it.
        code: Option<i32>,
    },
}

impl State {
    /// Whether nothing of this generation is left.
    #[must_use]
    pub fn is_exited(&self) -> bool {
        matches!(self, Self::Exited { .. })
    }

    /// Whether the script runs and nobody has asked it to end.
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
    /// It ended by itself, with whatever code.
    Completed,
    /// An uncaught error, or a failure of the engine, ended it.
    Error {
        /// What was thrown, as `name: message`.
        message: String,
        /// The source-mapped stack, where there is one.
        stack: Option<String>,
    },
    /// It was killed through this API, or by a signal.
    Killed {
        /// The signal's number, when it was one that nobody here sent.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(any(test, feature = "ts"), ts(optional))]
        signal: Option<i32>,
    },
    /// Its memory reached a limit: the JavaScript heap, or buffers that could not be refused.
    HeapLimit,
    /// Its memory as a whole reached `limits.memoryMb`.
    MemoryLimit,
    /// It never came to run.
    StartFailed {
        /// What went wrong.
        message: String,
    },
    /// It was unresponsive and `limits.killUnresponsive` asked for its end, or it did not end when told
    /// to and its thread was given up.
    Unresponsive,
    /// The engine failed in a way that ends a program. The application lives; the thread that failed
    /// is parked for its life, with the memory and the files that it held.
    Crashed {
        /// What failed.
        message: String,
    },
    /// The supervisor was shut down.
    HostShutdown,
}

/// What a process takes of the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The process.
    pub name: String,
    /// Processor time since usage was last asked for, in percent of one core; `None` the first time,
    /// and where the system does not tell.
    pub cpu_percent: Option<f64>,
    /// Bytes of memory; `None` if the process could not say in time.
    pub memory_bytes: Option<u64>,
    /// What is counted as memory.
    pub memory_kind: MemoryKind,
    /// The most bytes of it that the process may take; `None` if nothing limits it.
    pub limit_bytes: Option<u64>,
}

/// How the memory of a process is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "ts"), derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum MemoryKind {
    /// Objects in the JavaScript heap of an embedded process.
    Heap,
    /// What a child process has in memory.
    Rss,
}
