//! Every type that crosses IPC.
//!
//! The only place in the crate with `Serialize`: a type that is serialisable is part of the
//! contract with the page, and everything else is free to change. Field names are camelCase on the
//! wire, and unknown fields are refused so that a typing mistake is an error and not a default. The
//! page's side of it, in TypeScript, is made from these types; a test compares the two.

mod limits;
mod permissions;
mod process;
mod runtime;
mod spawn;

#[cfg(test)]
mod bindings;

pub use self::limits::{Limits, RestartPolicy, RestartWhen};
pub use self::permissions::{Grant, Permissions};
pub use self::process::{ExitReason, MemoryKind, ProcessInfo, State, Usage};
pub use self::runtime::{Runtime, RuntimeInfo};
pub use self::spawn::{Detached, Framing, Links, SpawnConfig};
