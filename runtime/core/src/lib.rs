//! Named JavaScript processes, in-process or child, behind one API.
//!
//! ```text
//! Supervisor ── name ──> ProcessHandle ──> Actor ──> backend { isolate | child }
//!     subscribers <── History (cursors) <── LineWriter (lines) <── stdout, stderr
//!                                     StdinQueue (bounded) ──> stdin
//! ```
//!
//! Commands flow in, events flow out. The modules:
//!
//! - [`wire`]: the types that cross IPC.
//! - `supervisor`: the public API; names, one actor per process, restarts, the thread of all actors.
//! - `io`: the stdin queue, the line splitter, the history of output and its subscriptions.
//! - `generation`: the plan, launch, stop and exit of a generation, which `backend`, `child` and `isolate` share.
//! - `backend`: the choice of a backend, its start and its usage.
//! - `child`: child processes: command lines, detection of runtimes, process groups, the guardian.
//! - `isolate`: the embedded engine.
//! - `crash`: containment of native failures on the threads of the engine.
//! - `typescript`: TypeScript, JSX and the project files that configure how they are compiled.
//! - [`rpc`]: calls between Rust and backends.
//! - `runtime_thread`: threads that run tasks of the supervisor.
//! - `error`: the error type of the API.
//! - `system_memory`: the memory of the machine or container; the defaults of memory limits depend on it.
//! - `sync`: locks and atomics of code that wakes other threads. `runtime/core/wakes` replaces them with a model
//!   checker's.
//!
//! # Invariants
//!
//! 1. The relay never parses an RPC frame; an endpoint of Rust that the app asks for does. stdout is protocol and stderr is log, for every runtime.
//! 2. A name has at most one live generation. Two concurrent spawns of one name start one process.
//!    Generations of a name never repeat.
//! 3. Exit is reported exactly once per generation, after the last line of output, whatever ended it.
//! 4. No lock is held across an await or a blocking write. A worker that stops reading blocks nobody else.
//! 5. Memory is bounded end to end: stdin queue, line length, history, delivery to pages, heap (limit plus a
//!    fixed slack, inside one call too). What is dropped is counted and reported. RPC frames to an attached
//!    page are never dropped; they slow the worker down.
//! 6. Bytes that are not UTF-8 are neither fatal nor reordered. A UTF-8 sequence is never split on its way
//!    into an embedded backend.
//! 7. Nothing JavaScript does in an embedded backend ends or blocks the app. `docs/limits.md` lists what
//!    native code can still do; the remedy is a child process.
//! 8. Dropping the supervisor leaves no thread, no child and no grandchild. `docs/limits.md` lists the
//!    exceptions.
//! 9. Only Rust decides what a process may do. A page may start, see, write to and kill only what its
//!    capability names.
//! 10. A write, a call or an acknowledgement is for one generation and never reaches another.
//! 11. A fault outside the embedded isolates ends the app exactly as it would without the engine.

#![cfg_attr(
    not(feature = "embedded"),
    allow(dead_code, reason = "only the engine uses some functions")
)]

#[cfg(any(test, feature = "ts"))]
#[doc(hidden)]
pub mod bindings_check;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod wire;

mod backend;
mod child;
#[cfg(feature = "embedded")]
mod crash;
mod error;
mod generation;
mod io;
#[cfg(feature = "embedded")]
mod isolate;
#[cfg(test)]
#[path = "../tests/common/patience.rs"]
mod patience;
pub mod rpc;
mod runtime_thread;
mod supervisor;
mod sync;
mod system_memory;
#[cfg(feature = "embedded")]
mod typescript;

pub use backend::find_sidecar;
pub use error::Error;
pub use io::event::{Event, Record, Stream};
pub use io::history::{Backpressure, Subscription};
pub use io::stdin::Stdin;
pub use supervisor::changes::Changes;
pub use supervisor::{Builder, Supervisor};
#[doc(inline)]
pub use wire::*;

/// The number of parked threads. A thread is parked until the application ends when the engine crashed on it, or
/// exceeded its heap limit inside a call that cannot be interrupted. Each parked thread keeps its heap.
#[must_use]
pub fn parked_threads() -> usize {
    #[cfg(feature = "embedded")]
    return crash::parked_threads();
    #[cfg(not(feature = "embedded"))]
    0
}

/// The Deno version of the embedded engine; `None` in a build without it.
#[must_use]
pub fn embedded_version() -> Option<&'static str> {
    #[cfg(feature = "embedded")]
    return Some(isolate::DENO_VERSION);
    #[cfg(not(feature = "embedded"))]
    None
}
