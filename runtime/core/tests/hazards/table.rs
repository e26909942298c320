//! The table: every hazard is in one of these files, by what it is about.

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

/// Something that a script does and should better not.
pub(crate) struct Hazard {
    pub(crate) name: &'static str,
    /// What it may do besides reading its own folder.
    pub(crate) granted: Granted,
    /// How it ends.
    pub(crate) ends: Ends,
    /// The script, an ES module.
    pub(crate) script: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Granted {
    Nothing,
    Everything,
}

/// How a hazard ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ends {
    /// It was harmless: its last line is `fine`, and it completes.
    Fine,
    /// It ends by itself with this code.
    Code(i32),
    /// It ends with an error whose message has this in it.
    Error(&'static str),
    /// A signal that it sent to itself ended it.
    Signal(i32),
    /// It ends at a limit of its memory.
    HeapLimit,
    /// The same inside one call, whose thread may stay parked with what it held.
    HeapLimitInOneCall,
    /// The same where one array or string alone is larger than the limit, which V8 makes nevertheless.
    HeapLimitOfOneObject,
    /// It ends at the limit of all its memory, of which it had little more.
    MemoryLimit,
    /// It ends at the limit of its heap or of its buffers, before it had more memory than that limit.
    SmallHeapLimit,
    /// It ends with an error whose message has this in it, before it had more memory than that limit.
    Refused(&'static str),
    /// Its loop stands still, which is told; then it can be killed within a second of a machine that is not busy.
    Stuck,
    /// It goes on and on; then it can be killed as soon.
    Busy,
    /// The same, but what it was at, and the files of that, the system does not let go of.
    BusyForGood,
    /// The engine fails, and the message has this in it. The application does not.
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

/// One line a hazard: what it may do, its name, how it ends, its script.
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
