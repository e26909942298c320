//! Output and process lists for pages: one stream per page and process, one task per watched list.
//!
//! Each stream is an actor (`bridge/stream.rs`) that owns a subscription and the page's Channel. A page that
//! reloads finds its stream by the label of its window.

mod batch;
mod channel;
mod stream;
mod watchers;

use std::collections::HashMap;
use std::sync::Arc;

use js_runtime::Supervisor;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;

use crate::error::Error;
pub(crate) use channel::PageChannel;
pub(crate) use stream::Attach;
use stream::{Mailbox, Message, Stream};
pub(crate) use watchers::Watchers;

/// The label of a window and the name of a process.
type Key = (String, String);

/// All streams. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Bridges(Arc<Mutex<Streams>>);

type Streams = HashMap<Key, mpsc::UnboundedSender<Message>>;

/// The start of an attachment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttachStart {
    /// The number of the first event that is not backlog.
    pub(crate) next: u64,
    /// Whether this is the first attachment to the generation.
    pub(crate) fresh: bool,
}

impl Bridges {
    /// Attaches a page to a process. An earlier attachment of the same window ends.
    ///
    /// Never blocks, so it can run on the main thread, where the page's requests come before the
    /// notification that the page was left.
    pub(crate) fn attach(
        &self,
        supervisor: &Arc<Supervisor>,
        label: &str,
        name: &str,
        attach: Attach,
    ) -> Result<AttachStart, Error> {
        let generation = supervisor.status(name)?.generation;
        let key = (label.to_owned(), name.to_owned());
        // Holds the backlog before an earlier attachment releases it.
        // A page's next answer comes later than a spin ends.
        let subscription = supervisor.subscribe_held(name, attach.after)?.without_spin();
        // A stream ends only under this lock, and only with an empty mailbox.
        let mut streams = self.lock();
        let start = |key: &Key| self.start(supervisor.clone(), key);
        let stream = streams.entry(key).or_insert_with_key(start);
        let fresh = subscription.is_first_to_hear(generation);
        let start = AttachStart { next: subscription.next_seq(), fresh };
        // Cannot fail: the stream is in the map, so it runs.
        let _ = stream.send(Message::Attach { attach, subscription });
        Ok(start)
    }

    /// The page has handled all events up to `seq`.
    pub(crate) fn ack(&self, label: &str, name: &str, attachment: String, seq: u64) {
        self.send(label, name, Message::Ack { attachment, seq });
    }

    /// Ends an attachment.
    pub(crate) fn detach(&self, label: &str, name: &str, attachment: String) {
        self.send(label, name, Message::Detach { attachment });
    }

    /// The window has left its page: its streams wait for the next page.
    pub(crate) fn page_gone(&self, label: &str) {
        for ((owner, _), stream) in &*self.lock() {
            if owner == label {
                // Fails for a stream that has ended.
                let _ = stream.send(Message::PageGone);
            }
        }
    }

    /// Ends the streams of closed windows.
    pub(crate) fn windows_gone(&self, is_gone: impl Fn(&str) -> bool) {
        // A stream ends when its sender is dropped.
        self.lock().retain(|(label, _), _| !is_gone(label));
    }

    fn send(&self, label: &str, name: &str, message: Message) {
        let key = (label.to_owned(), name.to_owned());
        if let Some(stream) = self.lock().get(&key) {
            // Fails for a stream that has ended.
            let _ = stream.send(message);
        }
    }

    fn start(&self, supervisor: Arc<Supervisor>, key: &Key) -> mpsc::UnboundedSender<Message> {
        let (sender, mailbox) = mpsc::unbounded_channel();
        let (bridges, key) = (self.clone(), key.clone());
        let name = key.1.clone();
        let remove_idle = Box::new(move |mailbox: &Mailbox| bridges.remove_idle(&key, mailbox));
        let stream = Stream::new(name, supervisor, mailbox, remove_idle);
        tauri::async_runtime::spawn(stream.run());
        sender
    }

    /// Removes an idle stream unless its mailbox has messages. Returns whether the stream must end.
    fn remove_idle(&self, key: &Key, mailbox: &Mailbox) -> bool {
        let mut streams = self.lock();
        // The window was closed. The entry under this key, if any, belongs to a later stream.
        if mailbox.is_closed() {
            return true;
        }
        let is_idle = mailbox.is_empty();
        if is_idle {
            streams.remove(key);
        }
        is_idle
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.0.lock()
    }
}
