//! Intersects a page's configuration with a scope entry: the result never exceeds the entry.

mod limits;
mod permissions;
mod runtimes;

pub(super) use limits::limits;
pub(super) use permissions::{
    check_permissions, depends_on_cwd, is_relative_program, permissions, replaceable_path,
};
pub(super) use runtimes::{flags, may_be_relative, runtime};
