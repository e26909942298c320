//! Child processes of a script.

pub(crate) mod executable;
pub(crate) mod inherit;
pub(crate) mod spawn;
