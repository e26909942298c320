//! Every type that crosses IPC.
//!
//! Only these types and [`Error`](crate::Error) implement `Serialize`: a serializable type is part of the contract
//! with the page. Field names are camelCase on the wire. Unknown fields are refused, so that a typo is an error.
//! The TypeScript types of the page are generated from these types; a test compares the two.

mod limits;
mod permissions;
mod process;
mod runtime;
mod spawn;

#[cfg(test)]
mod bindings;

pub use self::limits::{Limits, RestartPolicy, RestartWhen};
pub use self::permissions::{Grant, Permissions};
pub use self::process::{ExitReason, MAX_NAME_BYTES, MemoryKind, ProcessInfo, State, Usage};
pub use self::runtime::{Runtime, RuntimeInfo};
pub use self::spawn::{Detached, Framing, Links, SpawnConfig};
