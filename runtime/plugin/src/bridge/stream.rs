//! One page's view of one process.
//!
//! The actor owns the subscription and the Channel. What it has sent stays held in the process's
//! history until the page says that it was handled; a page that does not keep up makes the process
//! wait, and a page that reloads gets again what its former load had not handled.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use js_runtime::{Framing, Record, Subscription, Supervisor};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::batch::{self, Batch};
use super::{Attach, Bridges, Key, PageChannel};

/// Bytes on their way to a page, and not yet handled there, before it is waited for.
const WINDOW_BYTES: usize = 1024 * 1024;

/// The same in messages, so that small ones are bounded too.
const WINDOW_BATCHES: usize = 256;

/// How many events are taken from the history at once.
const MOST_EVENTS: usize = 512;

/// How long a process waits for a page that is being reloaded.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a page that attaches again waits for each byte that it was sent before and has not handled:
/// the backlog comes anew each time, and is not to pile up.
const PAUSE_PER_BYTE: Duration = Duration::from_nanos(100);

pub(super) enum Command {
    Attach { attach: Attach, subscription: Subscription },
    Ack { attachment: String, seq: u64 },
    Detach { attachment: String },
    PageGone,
}

/// Where the events go.
struct Page {
    channel: PageChannel,
    attachment: String,
    subscription: Subscription,
    /// Taken from the history, not yet sent: no more than what is held there anyway.
    waiting: VecDeque<Record>,
    /// The last event and the bytes of each message that was sent and not yet handled.
    sent: VecDeque<(u64, usize)>,
    sent_bytes: usize,
    generation: u64,
    /// What the output of this generation consists of.
    framing: Framing,
}

pub(super) struct Stream {
    /// The window's label and the process's name.
    key: Key,
    supervisor: Arc<Supervisor>,
    bridges: Bridges,
    mailbox: mpsc::UnboundedReceiver<Command>,
    page: Option<Page>,
    /// What a page that is gone had not handled stays held, for so long.
    former: Option<(Subscription, Instant)>,
    /// Nothing is sent before.
    pause: Option<Instant>,
}

impl Stream {
    pub(super) fn new(
        key: Key,
        supervisor: Arc<Supervisor>,
        bridges: Bridges,
        mailbox: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        Self { key, supervisor, bridges, mailbox, page: None, former: None, pause: None }
    }

    pub(super) async fn run(mut self) {
        loop {
            if self.pause.is_none() {
                self.send_waiting();
            }
            let deadline = self.former.as_ref().map(|(_, deadline)| *deadline);
            tokio::select! {
                biased;
                command = self.mailbox.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                events = next_events(self.page.as_mut()) => {
                    if events.is_empty() {
                        self.removed();
                    } else if let Some(page) = &mut self.page {
                        page.waiting.extend(events);
                    }
                }
                () = patience(deadline) => self.former = None,
                () = patience(self.pause) => self.pause = None,
            }
            let is_idle = self.page.is_none() && self.former.is_none() && self.pause.is_none();
            if is_idle && self.bridges.may_end(&self.key, &self.mailbox) {
                return;
            }
        }
    }

    fn send_waiting(&mut self) {
        let Some(page) = &mut self.page else { return };
        while let Some(record) = page.waiting.front().filter(|_| page.has_room()) {
            let generation = record.generation;
            if std::mem::replace(&mut page.generation, generation) != generation {
                // That it is not the first is as good.
                let _ = page.subscription.is_first_to_hear(generation);
                let config = self.supervisor.config(&self.key.1).unwrap_or_default();
                page.framing = config.framing;
            }
            let batch = batch::take(&mut page.waiting, page.framing);
            page.send(batch);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Attach { attach, subscription } => {
                self.give_up_page();
                self.page = Some(Page {
                    channel: attach.channel,
                    attachment: attach.attachment,
                    subscription,
                    waiting: VecDeque::new(),
                    sent: VecDeque::new(),
                    sent_bytes: 0,
                    generation: 0,
                    framing: Framing::Lines,
                });
                self.former = None;
            }
            Command::Ack { attachment, seq } => {
                if let Some(page) = self.page.as_mut().filter(|page| page.attachment == attachment)
                {
                    page.handled(seq);
                }
            }
            Command::Detach { attachment } => {
                if self.page.as_ref().is_some_and(|page| page.attachment == attachment) {
                    self.give_up_page();
                }
            }
            Command::PageGone => {
                if let Some(page) = self.page.take() {
                    self.former = Some((page.subscription, Instant::now() + PATIENCE));
                }
            }
        }
    }

    /// Sends no more to it; what it was sent is still on its way to the same window.
    fn give_up_page(&mut self) {
        let Some(page) = self.page.take().filter(|page| page.sent_bytes > 0) else { return };
        let bytes = u32::try_from(page.sent_bytes).unwrap_or(u32::MAX);
        let begin = self.pause.unwrap_or_else(Instant::now);
        self.pause = Some(begin + PAUSE_PER_BYTE * bytes);
    }

    fn removed(&mut self) {
        if let Some(mut page) = self.page.take() {
            page.channel.send(batch::removed());
        }
    }
}

impl Page {
    fn has_room(&self) -> bool {
        self.sent.is_empty() || (self.sent_bytes < WINDOW_BYTES && self.sent.len() < WINDOW_BATCHES)
    }

    fn send(&mut self, Batch { text, last }: Batch) {
        if let Some(last) = last {
            self.sent_bytes += text.len();
            self.sent.push_back((last, text.len()));
        }
        self.channel.send(text);
    }

    fn handled(&mut self, seq: u64) {
        while let Some((last, bytes)) = self.sent.front().copied().filter(|(last, _)| *last <= seq)
        {
            self.sent_bytes -= bytes;
            self.sent.pop_front();
            self.subscription.release(last);
        }
    }
}

/// The next events, once the page has room for them. Empty when the process is forgotten.
async fn next_events(page: Option<&mut Page>) -> Vec<Record> {
    match page {
        Some(page) if page.waiting.is_empty() => page.subscription.recv_batch(MOST_EVENTS).await,
        _ => std::future::pending().await,
    }
}

async fn patience(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
