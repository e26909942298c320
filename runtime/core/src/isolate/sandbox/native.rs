//! Native classes of Node's modules whose methods are replaced or checked.

pub(crate) mod compressors;
pub(crate) mod handles;
pub(crate) mod held_memory;
pub(crate) mod http2_sessions;
pub(crate) mod http_parsers;
pub(crate) mod methods;
