//! The table of hazards, by topic.

mod buffers;
mod descriptors;
mod ends;
mod globals;
mod handles;
mod loops;
mod memory;
mod nesting;
mod one_call;
mod others;
mod outside;
mod threads;

use js_runtime::{Grant, Permissions};

/// A hostile script.
pub(crate) struct Hazard {
    pub(crate) name: &'static str,
    pub(crate) granted: Granted,
    pub(crate) ends: Ends,
    /// The script, an ES module.
    pub(crate) script: &'static str,
}

/// Permissions in addition to reading the script's own folder.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Granted {
    Nothing,
    Everything,
}

/// The expected end of a hazard.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ends {
    /// It completes with `fine` as its last line.
    Fine,
    /// It exits with this code.
    Code(i32),
    /// It fails with an error whose message contains this.
    Error(&'static str),
    /// It ends by a signal that it sends to itself.
    Signal(i32),
    /// It ends at the heap limit.
    HeapLimit,
    /// It ends at the heap limit inside one call. Its thread may stay parked with its resources.
    HeapLimitInOneCall,
    /// The same, where V8 allocates a single array or string that is larger than the limit.
    HeapLimitOfOneObject,
    /// It ends at the memory limit, which it exceeds only slightly.
    MemoryLimit,
    /// It ends at the limit of its heap or buffers before it exceeds the memory limit.
    SmallHeapLimit,
    /// It fails with an error whose message contains this before it exceeds the memory limit.
    Refused(&'static str),
    /// Its event loop is reported as unresponsive. Then it can be killed, within a second on an idle machine.
    Stuck,
    /// The same, with most of its time in functions of the engine, which are not modules that load: a kill waits less
    /// for them.
    StuckInEngine,
    /// It runs until it is killed, within a second on an idle machine.
    Busy,
    /// The same, but the system call that it is in never returns, and its files stay open.
    BusyForever,
    /// The engine crashes, and the message contains this.
    Crashed(&'static str),
}

impl Granted {
    pub(crate) fn permissions(self) -> Permissions {
        match self {
            Self::Nothing => Permissions::default(),
            Self::Everything => {
                Permissions { all: true, read: Grant::All(true), ..Permissions::default() }
            }
        }
    }
}

/// One line per hazard: permissions, name, expected end, script.
macro_rules! hazards {
    ($($granted:ident $name:ident => $ends:expr, $script:expr;)+) => {
        &[$($crate::table::Hazard {
            name: stringify!($name),
            granted: $crate::table::Granted::$granted,
            ends: $ends,
            script: $script,
        }),+]
    };
}
use hazards;

const ALL: [&[Hazard]; 12] = [
    buffers::HAZARDS,
    descriptors::HAZARDS,
    ends::HAZARDS,
    loops::HAZARDS,
    memory::HAZARDS,
    nesting::HAZARDS,
    one_call::HAZARDS,
    globals::HAZARDS,
    handles::HAZARDS,
    threads::HAZARDS,
    others::HAZARDS,
    outside::HAZARDS,
];

pub(crate) fn all() -> impl Iterator<Item = &'static Hazard> {
    ALL.into_iter().flatten()
}
