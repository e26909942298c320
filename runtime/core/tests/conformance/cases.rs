//! All test cases, in files by topic.

mod bundles;
mod certificates;
mod children;
mod config;
mod databases;
mod embedded;
mod exits;
mod files;
#[cfg(unix)]
mod granted_links;
mod hooks;
mod internals;
mod kills;
mod lists;
#[cfg(unix)]
mod loads;
mod memory;
mod modules;
mod names;
mod node;
#[cfg(target_os = "linux")]
mod permissions;
mod projects;
mod readers;
mod rpc;
mod rpc_callbacks;
mod rpc_exposed;
mod rpc_rust;
mod scripts;
#[cfg(target_os = "linux")]
mod sockets;
mod stdio;
mod stops;
#[cfg(target_os = "linux")]
mod system_paths;
mod usage;
mod warm;
#[cfg(not(feature = "embedded"))]
mod without_engine;
mod writers;

use crate::support::Case;

/// Cases for every runtime.
pub(crate) const ALL: &[&[Case]] = &[
    stdio::CASES,
    exits::CASES,
    kills::CASES,
    names::CASES,
    readers::CASES,
    #[cfg(target_os = "linux")]
    readers::LINUX,
    rpc::CASES,
    rpc_callbacks::CASES,
    rpc_exposed::CASES,
    rpc_rust::CASES,
    scripts::CASES,
    lists::CASES,
    writers::CASES,
    usage::CASES,
    bundles::CASES,
];

/// Cases for the embedded engine only.
pub(crate) const EMBEDDED: &[&[Case]] = &[
    databases::CASES,
    #[cfg(unix)]
    databases::UNIX,
    embedded::CASES,
    files::CASES,
    #[cfg(unix)]
    granted_links::CASES,
    memory::CASES,
    #[cfg(target_os = "linux")]
    memory::LINUX,
    modules::CASES,
    #[cfg(unix)]
    loads::CASES,
    #[cfg(target_os = "linux")]
    sockets::CASES,
    hooks::CASES,
    internals::CASES,
    projects::CASES,
    usage::embedded::CASES,
    warm::CASES,
    node::CASES,
    certificates::CASES,
    children::CASES,
    stops::CASES,
    #[cfg(target_os = "linux")]
    permissions::CASES,
    #[cfg(target_os = "linux")]
    system_paths::CASES,
];

/// Invalid configurations, which are rejected before a runtime starts.
pub(crate) const CONFIG: &[Case] = config::CASES;

/// Requests for the engine in a build without it.
#[cfg(not(feature = "embedded"))]
pub(crate) const WITHOUT_ENGINE: &[Case] = without_engine::CASES;
#[cfg(feature = "embedded")]
pub(crate) const WITHOUT_ENGINE: &[Case] = &[];
