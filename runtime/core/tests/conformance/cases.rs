//! The table: every case is in one of these files, by what it is about.

mod config;
mod embedded;
mod exits;
mod kills;
mod names;
mod readers;
mod rpc;
mod scripts;
mod stdio;

use crate::support::Case;

/// Cases for every runtime.
pub(crate) const ALL: &[&[Case]] = &[
    stdio::CASES,
    exits::CASES,
    kills::CASES,
    names::CASES,
    readers::CASES,
    rpc::CASES,
    scripts::CASES,
];

/// What only the embedded engine has to withstand.
pub(crate) const EMBEDDED: &[Case] = embedded::CASES;

/// Requests that no runtime comes to see.
pub(crate) const CONFIG: &[Case] = config::CASES;
