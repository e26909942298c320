//! The standard streams of a process: bytes to its stdin, lines and events from its stdout and stderr.

pub(crate) mod event;
pub(crate) mod history;
pub(crate) mod line_splitter;
pub(crate) mod line_writer;
pub(crate) mod spin;
pub(crate) mod stdin;
pub(crate) mod stdin_queue;
