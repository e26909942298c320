//! Text that an embedded script has written without the end of its line: handed on after a while.
//!
//! The script's own thread may be busy, or wait for the answer to a prompt, so the supervisor's thread does it.

use std::convert::Infallible;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::io::line_writer::{LineWriter, TICK};

/// The output streams of one process's isolates.
#[derive(Default)]
pub(crate) struct PartialLines {
    sinks: Mutex<Vec<Weak<Mutex<LineWriter>>>>,
    written: Notify,
}

impl PartialLines {
    pub(crate) fn watch(&self, sink: &Arc<Mutex<LineWriter>>) {
        let mut sinks = self.sinks.lock();
        // Workers come and go.
        sinks.retain(|sink| sink.strong_count() > 0);
        sinks.push(Arc::downgrade(sink));
    }

    /// A stream holds text that waits for the end of its line.
    pub(crate) fn notify(&self) {
        self.written.notify_one();
    }

    /// Hands on what has waited. Runs beside everything else.
    pub(crate) async fn hand_on(&self) -> Infallible {
        loop {
            self.written.notified().await;
            loop {
                tokio::time::sleep(TICK).await;
                let sinks: Vec<_> = self.sinks.lock().iter().filter_map(Weak::upgrade).collect();
                // Each has its tick, whatever the others say.
                if sinks.iter().filter(|sink| tick(sink)).count() == 0 {
                    break;
                }
            }
        }
    }
}

/// Whether there is something to look for again.
fn tick(sink: &Mutex<LineWriter>) -> bool {
    // One that is being written to may be held for as long as its writer waits for a reader.
    let Some(mut sink) = sink.try_lock() else { return true };
    if sink.holds_text() {
        sink.tick();
    }
    // Cut off by a kill: nothing more is taken.
    let is_flushed = sink.try_flush().unwrap_or(true);
    sink.holds_text() || !is_flushed
}
