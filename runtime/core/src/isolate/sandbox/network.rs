//! Sockets, TLS, certificates and proxies of a process.

pub(crate) mod certificates;
#[cfg(unix)]
pub(crate) mod multicast;
pub(crate) mod proxies;
pub(crate) mod tls;
pub(crate) mod unix_sockets;
