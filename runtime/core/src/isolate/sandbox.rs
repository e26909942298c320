//! Isolation of scripts from the application: replaced ops and native methods, permissions, files, children, network, environment, signals.

pub(crate) mod children;
pub(crate) mod env;
pub(crate) mod files;
#[cfg(test)]
pub(crate) mod module_patches;
pub(crate) mod native;
pub(crate) mod network;
pub(crate) mod objects;
pub(crate) mod ops;
pub(crate) mod permissions;
pub(crate) mod signals;
pub(crate) mod sqlite;
