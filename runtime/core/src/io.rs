//! The standard streams of a process: the stdin queue, the splitting of stdout and stderr into lines, and the history
//! of events.

pub(crate) mod event;
pub(crate) mod frame_sink;
pub(crate) mod history;
pub(crate) mod line_splitter;
pub(crate) mod line_writer;
pub(crate) mod read_boundary;
pub(crate) mod spin;
pub(crate) mod stdin;
pub(crate) mod stdin_queue;
