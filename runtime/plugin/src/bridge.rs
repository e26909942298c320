//! Output on its way to pages: one stream per page and process.
//!
//! `Bridges` knows the streams, each of which is an actor (`bridge/stream.rs`) that owns a subscription
//! and the page's Channel. A page that reloads finds its stream again by the window's label.

mod batch;
mod channel;
mod stream;

use std::collections::HashMap;
use std::sync::Arc;

use js_runtime::Supervisor;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;

use crate::error::Error;
pub(crate) use channel::PageChannel;
use stream::{Command, Stream};

/// A window's label and a process's name.
type Key = (String, String);

/// All streams. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Bridges(Arc<Mutex<Streams>>);

type Streams = HashMap<Key, mpsc::UnboundedSender<Command>>;

/// A page that wants to see a process.
pub(crate) struct Attach {
    pub(crate) channel: PageChannel,
    /// Tells this attachment from later ones of the same page.
    pub(crate) attachment: String,
    /// The last event that a former load of the page has handled.
    pub(crate) after: Option<u64>,
}

/// Where a stream begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    pub(crate) next: u64,
    pub(crate) fresh: bool,
}

impl Bridges {
    /// Connects a page to a process; a former load of the same page loses its connection.
    ///
    /// Waits for nothing, so that it can be called on the main thread: there what a page asked for
    /// before it was left comes before the news that it was.
    pub(crate) fn attach(
        &self,
        supervisor: &Arc<Supervisor>,
        label: &str,
        name: &str,
        attach: Attach,
    ) -> Result<Begin, Error> {
        let generation = supervisor.status(name)?.generation;
        let key = (label.to_owned(), name.to_owned());
        // The backlog is held from here on, before a former attachment lets go of it.
        let subscription = supervisor.subscribe_held(name, attach.after)?;
        // A stream ends only under this lock, and only if nothing waits for it.
        let mut streams = self.lock();
        let start = |key: &Key| self.start(supervisor.clone(), key);
        let stream = streams.entry(key).or_insert_with_key(start);
        let fresh = subscription.is_first_to_hear(generation);
        let begin = Begin { next: subscription.next_seq(), fresh };
        // It is there, or was made a moment ago.
        let _ = stream.send(Command::Attach { attach, subscription });
        Ok(begin)
    }

    /// Everything up to `seq` was handled by the page.
    pub(crate) fn ack(&self, label: &str, name: &str, attachment: String, seq: u64) {
        self.tell(label, name, Command::Ack { attachment, seq });
    }

    /// The page wants no more of it.
    pub(crate) fn detach(&self, label: &str, name: &str, attachment: String) {
        self.tell(label, name, Command::Detach { attachment });
    }

    /// The page of this window was left: its streams wait for the next.
    pub(crate) fn page_gone(&self, label: &str) {
        for ((owner, _), stream) in &*self.lock() {
            if owner == label {
                // One that has ended meanwhile waits for nobody.
                let _ = stream.send(Command::PageGone);
            }
        }
    }

    /// Windows are gone: so are their streams.
    pub(crate) fn windows_gone(&self, is_gone: impl Fn(&str) -> bool) {
        // A stream ends when its sender is dropped.
        self.lock().retain(|(label, _), _| !is_gone(label));
    }

    fn tell(&self, label: &str, name: &str, command: Command) {
        let key = (label.to_owned(), name.to_owned());
        if let Some(stream) = self.lock().get(&key) {
            // One that has ended needs not to be told.
            let _ = stream.send(command);
        }
    }

    fn start(&self, supervisor: Arc<Supervisor>, key: &Key) -> mpsc::UnboundedSender<Command> {
        let (sender, mailbox) = mpsc::unbounded_channel();
        let stream = Stream::new(key.clone(), supervisor, self.clone(), mailbox);
        tauri::async_runtime::spawn(stream.run());
        sender
    }

    /// Forgets a stream that wants to end, unless somebody has just asked something of it.
    fn may_end(&self, key: &Key, mailbox: &mpsc::UnboundedReceiver<Command>) -> bool {
        let mut streams = self.lock();
        // Its window is gone, and what has its key is another's.
        if mailbox.is_closed() {
            return true;
        }
        let may_end = mailbox.is_empty();
        if may_end {
            streams.remove(key);
        }
        may_end
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.0.lock()
    }
}
