//! Output on its way to pages: one stream per page and process.
//!
//! `Bridges` knows the streams, each of which is an actor (`bridge/stream.rs`) that owns a subscription
//! and the page's Channel. A page that reloads finds its stream again by the window's label.

mod batch;
mod stream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use js_runtime::Supervisor;
use tokio::sync::{mpsc, oneshot};

use crate::error::Error;
pub(crate) use batch::BatchChannel;
use stream::{Command, Stream};

/// A window's label and a process's name.
type Key = (String, String);

/// All streams. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Bridges(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    streams: HashMap<Key, mpsc::UnboundedSender<Command>>,
    /// The newest generation of each process that some page was attached to.
    attached: HashMap<String, u64>,
}

/// A page that wants to see a process.
#[derive(Clone)]
pub(crate) struct Attach {
    pub(crate) channel: BatchChannel,
    /// Tells this attachment from later ones of the same page.
    pub(crate) attachment: String,
}

/// Where a stream begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    pub(crate) next: u64,
    pub(crate) fresh: bool,
}

impl Bridges {
    /// Connects a page to a process; a former load of the same page loses its connection.
    pub(crate) async fn attach(
        &self,
        supervisor: &Arc<Supervisor>,
        label: &str,
        name: &str,
        attach: Attach,
    ) -> Result<Begin, Error> {
        let generation = supervisor.status(name)?.generation;
        let fresh = self.lock().attached.insert(name.to_owned(), generation) != Some(generation);
        let key = (label.to_owned(), name.to_owned());
        loop {
            // The backlog is held from here on, before a former stream lets go of it.
            let subscription = supervisor.subscribe_held(name)?;
            let begin = Begin { next: subscription.next_seq(), fresh };
            let (reply, answer) = oneshot::channel();
            let command = Command::Attach { attach: attach.clone(), subscription, reply, begin };
            self.stream(supervisor, &key).send(command).ok();
            // A stream that was about to end takes the request along.
            if let Ok(begin) = answer.await {
                return Ok(begin);
            }
        }
    }

    /// The stream of this page and process, which may be about to end.
    fn stream(&self, supervisor: &Arc<Supervisor>, key: &Key) -> mpsc::UnboundedSender<Command> {
        let mut state = self.lock();
        let known = state.streams.get(key).filter(|stream| !stream.is_closed());
        if let Some(stream) = known {
            return stream.clone();
        }
        let stream = self.start(supervisor.clone(), key);
        state.streams.insert(key.clone(), stream.clone());
        stream
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
        for ((owner, _), stream) in &self.lock().streams {
            if owner == label {
                // One that has ended meanwhile waits for nobody.
                let _ = stream.send(Command::PageGone);
            }
        }
    }

    /// Windows are gone: so are their streams.
    pub(crate) fn windows_gone(&self, is_gone: impl Fn(&str) -> bool) {
        // A stream ends when its sender is dropped.
        self.lock().streams.retain(|(label, _), _| !is_gone(label));
    }

    /// A later generation reached a page.
    fn reached(&self, name: &str, generation: u64) {
        self.lock().attached.insert(name.to_owned(), generation);
    }

    /// The process is forgotten: a later one of its name begins anew.
    fn forget(&self, name: &str) {
        self.lock().attached.remove(name);
    }

    fn tell(&self, label: &str, name: &str, command: Command) {
        let key = (label.to_owned(), name.to_owned());
        if let Some(stream) = self.lock().streams.get(&key) {
            // One that has ended needs not to be told.
            let _ = stream.send(command);
        }
    }

    fn start(&self, supervisor: Arc<Supervisor>, key: &Key) -> mpsc::UnboundedSender<Command> {
        let (sender, mailbox) = mpsc::unbounded_channel();
        let stream = Stream::new(key.1.clone(), supervisor, self.clone(), mailbox);
        let (bridges, key, own) = (self.clone(), key.clone(), sender.downgrade());
        tauri::async_runtime::spawn(async move {
            stream.run().await;
            bridges.ended(&key, &own);
        });
        sender
    }

    /// Removes a stream that has ended, unless another has taken its place.
    fn ended(&self, key: &Key, own: &mpsc::WeakUnboundedSender<Command>) {
        let mut state = self.lock();
        let own = own.upgrade();
        let is_own = |stream: &mpsc::UnboundedSender<Command>| {
            own.as_ref().is_some_and(|own| own.same_channel(stream))
        };
        if state.streams.get(key).is_some_and(is_own) {
            state.streams.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
