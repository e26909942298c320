//! Flushes incomplete lines of embedded scripts after a while.
//!
//! A task on the supervisor's thread does it, because the script's own thread may be busy or wait for input after a
//! prompt.

use std::convert::Infallible;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::io::line_writer::{LineWriter, TICK};

/// The output streams of one process's isolates.
#[derive(Default)]
pub(crate) struct PartialLines {
    writers: Mutex<Vec<Weak<Mutex<LineWriter>>>>,
    written: Notify,
}

impl PartialLines {
    pub(crate) fn add(&self, writer: &Arc<Mutex<LineWriter>>) {
        let mut writers = self.writers.lock();
        // Removes the streams of ended workers.
        writers.retain(|writer| writer.strong_count() > 0);
        writers.push(Arc::downgrade(writer));
    }

    /// Called when a stream has an incomplete line.
    pub(crate) fn notify(&self) {
        self.written.notify_one();
    }

    /// Flushes incomplete lines that are old enough. Never returns.
    pub(crate) async fn flush_loop(&self) -> Infallible {
        loop {
            self.written.notified().await;
            loop {
                tokio::time::sleep(TICK).await;
                let writers: Vec<_> =
                    self.writers.lock().iter().filter_map(Weak::upgrade).collect();
                // `any` would stop at the first.
                if writers.iter().filter(|writer| tick(writer)).count() == 0 {
                    break;
                }
            }
        }
    }
}

/// Returns whether the stream needs another tick.
fn tick(writer: &Mutex<LineWriter>) -> bool {
    // A writer holds the lock while it waits for a subscriber.
    let Some(mut writer) = writer.try_lock() else { return true };
    if writer.holds_text() {
        writer.tick();
    }
    // An error means that a kill has cut off the output.
    let is_flushed = writer.try_flush().unwrap_or(true);
    writer.holds_text() || !is_flushed
}
