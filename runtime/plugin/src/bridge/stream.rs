//! The stream of one process to one page.
//!
//! The actor owns the subscription and the Channel. Sent events stay in the process's history until the page
//! acknowledges them. A slow page makes the process wait. A reloaded page gets the unacknowledged events again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use js_runtime::{Framing, Record, Subscription, Supervisor};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::batch::{self, Batch};
use super::channel::PageChannel;

/// Most unacknowledged bytes. The stream then waits for the page.
const MAX_UNACKED_BYTES: usize = 1024 * 1024;

/// Most unacknowledged batches, for batches of little text.
const MAX_UNACKED_BATCHES: usize = 256;

/// Most events that are taken from the history at once.
const MAX_TAKEN_EVENTS: usize = 512;

/// How long the history is held for a page that reloads.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause after a page attaches again, for each byte that was sent before and is not acknowledged. Each
/// attachment sends the backlog again; the pause keeps the copies from piling up.
const PAUSE_PER_BYTE: Duration = Duration::from_nanos(100);

/// A page's request to attach to a process.
pub(crate) struct Attach {
    pub(crate) channel: PageChannel,
    /// Distinguishes this attachment from later ones of the same page.
    pub(crate) attachment: String,
    /// The last event that the page handled before its reload.
    pub(crate) after: Option<u64>,
}

pub(super) type Mailbox = mpsc::UnboundedReceiver<Message>;

/// Removes the idle stream from the map of streams. Returns whether the stream must end.
type RemoveIdle = Box<dyn Fn(&Mailbox) -> bool + Send + Sync>;

pub(super) enum Message {
    Attach { attach: Attach, subscription: Subscription },
    Ack { attachment: String, seq: u64 },
    Detach { attachment: String },
    PageGone,
}

/// The attached page.
struct Page {
    channel: PageChannel,
    attachment: String,
    subscription: Subscription,
    /// Taken from the history but not sent. The history holds them too, which bounds their number.
    pending: VecDeque<Record>,
    /// The last event and the size in bytes of each batch that is not acknowledged.
    unacked: VecDeque<(u64, usize)>,
    unacked_bytes: usize,
    generation: u64,
    /// The framing of this generation's output.
    framing: Framing,
}

pub(super) struct Stream {
    /// The name of the process.
    name: String,
    supervisor: Arc<Supervisor>,
    mailbox: Mailbox,
    remove_idle: RemoveIdle,
    page: Option<Page>,
    /// Holds the history after the page was left, until the given time.
    reloading: Option<(Subscription, Instant)>,
    /// Nothing is sent before this time.
    paused_until: Option<Instant>,
}

impl Stream {
    pub(super) fn new(
        name: String,
        supervisor: Arc<Supervisor>,
        mailbox: Mailbox,
        remove_idle: RemoveIdle,
    ) -> Self {
        let (page, reloading, paused_until) = (None, None, None);
        Self { name, supervisor, mailbox, remove_idle, page, reloading, paused_until }
    }

    pub(super) async fn run(mut self) {
        loop {
            if self.paused_until.is_none() {
                self.send_pending();
            }
            let reload_deadline = self.reloading.as_ref().map(|(_, deadline)| *deadline);
            tokio::select! {
                biased;
                message = self.mailbox.recv() => match message {
                    Some(message) => self.handle(message),
                    None => return,
                },
                events = next_events(self.page.as_mut()) => {
                    if events.is_empty() {
                        self.process_removed();
                    } else if let Some(page) = &mut self.page {
                        page.pending.extend(events);
                    }
                }
                () = deadline(reload_deadline) => self.reloading = None,
                () = deadline(self.paused_until) => self.paused_until = None,
            }
            let is_idle =
                self.page.is_none() && self.reloading.is_none() && self.paused_until.is_none();
            if is_idle && (self.remove_idle)(&self.mailbox) {
                return;
            }
        }
    }

    fn send_pending(&mut self) {
        let Some(page) = &mut self.page else { return };
        while let Some(record) = page.pending.front().filter(|_| page.has_room()) {
            let generation = record.generation;
            if std::mem::replace(&mut page.generation, generation) != generation {
                // Marks the generation as attached to; the result does not matter here.
                let _ = page.subscription.is_first_to_hear(generation);
                let config = self.supervisor.config(&self.name).unwrap_or_default();
                page.framing = config.framing;
            }
            let batch = batch::take(&mut page.pending, page.framing);
            page.send(batch);
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Attach { attach, subscription } => {
                self.drop_page();
                self.page = Some(Page {
                    channel: attach.channel,
                    attachment: attach.attachment,
                    subscription,
                    pending: VecDeque::new(),
                    unacked: VecDeque::new(),
                    unacked_bytes: 0,
                    generation: 0,
                    framing: Framing::Lines,
                });
                self.reloading = None;
            }
            Message::Ack { attachment, seq } => {
                if let Some(page) = self.page.as_mut().filter(|page| page.attachment == attachment)
                {
                    page.ack(seq);
                }
            }
            Message::Detach { attachment } => {
                if self.page.as_ref().is_some_and(|page| page.attachment == attachment) {
                    self.drop_page();
                }
            }
            Message::PageGone => {
                if let Some(page) = self.page.take() {
                    self.reloading = Some((page.subscription, Instant::now() + RELOAD_TIMEOUT));
                }
            }
        }
    }

    /// Ends the attachment. Unacknowledged bytes may still be on their way to the window, so the stream pauses.
    fn drop_page(&mut self) {
        let Some(page) = self.page.take().filter(|page| page.unacked_bytes > 0) else { return };
        let bytes = u32::try_from(page.unacked_bytes).unwrap_or(u32::MAX);
        let start = self.paused_until.unwrap_or_else(Instant::now);
        self.paused_until = Some(start + PAUSE_PER_BYTE * bytes);
    }

    fn process_removed(&mut self) {
        if let Some(mut page) = self.page.take() {
            page.channel.send(batch::removed());
        }
    }
}

impl Page {
    fn has_room(&self) -> bool {
        self.unacked.is_empty()
            || (self.unacked_bytes < MAX_UNACKED_BYTES && self.unacked.len() < MAX_UNACKED_BATCHES)
    }

    fn send(&mut self, Batch { text, last }: Batch) {
        if let Some(last) = last {
            self.unacked_bytes += text.len();
            self.unacked.push_back((last, text.len()));
        }
        self.channel.send(text);
    }

    fn ack(&mut self, seq: u64) {
        while let Some((last, bytes)) =
            self.unacked.front().copied().filter(|(last, _)| *last <= seq)
        {
            self.unacked_bytes -= bytes;
            self.unacked.pop_front();
            self.subscription.release(last);
        }
    }
}

/// The next events, once all pending events are sent. Empty if the process was removed.
async fn next_events(page: Option<&mut Page>) -> Vec<Record> {
    match page {
        Some(page) if page.pending.is_empty() => {
            page.subscription.recv_batch(MAX_TAKEN_EVENTS).await
        }
        _ => std::future::pending().await,
    }
}

/// Waits until `at`; without one, forever.
async fn deadline(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
