//! Native classes of Deno's Node modules: replaced methods and checks.

pub(crate) mod compressors;
pub(crate) mod handles;
pub(crate) mod http2_sessions;
pub(crate) mod http_parsers;
pub(crate) mod key_sizes;
pub(crate) mod methods;
pub(crate) mod retained_memory;
