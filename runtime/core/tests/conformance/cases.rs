//! The table: every case is in one of these files, by what it is about.

mod exits;
mod kills;
mod names;
mod readers;
mod stdio;

use crate::support::Case;

/// Cases for every runtime.
pub(crate) const ALL: &[&[Case]] =
    &[stdio::CASES, exits::CASES, kills::CASES, names::CASES, readers::CASES];

/// Requests that no runtime comes to see.
pub(crate) const CONFIG: &[Case] = &[];
