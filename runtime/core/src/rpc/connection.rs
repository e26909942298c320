//! The connection of Rust to one generation of a process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::SetOnce;

use super::args::{self, Ids, Reference};
use super::callback::{AbortSignal, CallbackFn};
use super::error::Error;
use super::frames;
use super::hub::Hub;
use super::request::{Answer, Delivered, PendingCalls};
use super::stream::Buffer;
use crate::io::history::WeakHistory;
use crate::io::spin::Spin;
use crate::io::stdin::Stdin;

/// Most bytes of posted frames that wait for room in stdin.
const MAX_UNWRITTEN: usize = 64 << 20;

/// Signals with their ids.
pub(super) type SentSignals = Vec<(String, AbortSignal)>;

/// How the backend writes frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// It runs `serve`.
    Own,
    /// kkrpc from 1.0 on.
    Compact { is_superjson: bool },
    /// Earlier kkrpc.
    Classic,
}

pub(super) struct Connection {
    pub(super) process: String,
    stdin: Stdin,
    pub(super) history: WeakHistory,
    ids: Arc<Ids>,
    hub: Arc<Hub>,
    pub(super) peer: SetOnce<Peer>,
    pub(super) calls: PendingCalls,
    /// The closures that the backend can call, by id.
    callbacks: Mutex<HashMap<String, Arc<CallbackFn>>>,
    /// The streams of the backend that are being read, by id.
    streams: Mutex<HashMap<String, Arc<Buffer>>>,
    /// The backing-off of calls that spin for their answer.
    pub(super) spin: Mutex<Spin>,
    /// Bytes of posted frames that wait for room in stdin.
    unwritten: AtomicUsize,
    /// Why the connection has ended.
    pub(super) over: OnceLock<Error>,
}

impl Connection {
    pub(super) fn new(
        process: &str,
        stdin: Stdin,
        history: WeakHistory,
        ids: Arc<Ids>,
        hub: Arc<Hub>,
    ) -> Arc<Self> {
        let spins = history.upgrade().is_some_and(|history| history.spins());
        Arc::new(Self {
            process: process.to_owned(),
            stdin,
            history,
            ids,
            hub,
            peer: SetOnce::new(),
            calls: PendingCalls::default(),
            callbacks: Mutex::default(),
            streams: Mutex::default(),
            spin: Mutex::new(Spin::new(spins)),
            unwritten: AtomicUsize::new(0),
            over: OnceLock::new(),
        })
    }

    pub(super) fn process(&self) -> &str {
        &self.process
    }

    pub(super) fn generation(&self) -> u64 {
        self.stdin.generation()
    }

    pub(super) fn ids(&self) -> &Arc<Ids> {
        &self.ids
    }

    pub(super) fn peer(&self) -> Option<Peer> {
        self.peer.get().copied()
    }

    /// Asks the backend which frames it writes.
    pub(super) fn greet(self: &Arc<Self>) {
        let (number, answer) = self.calls.add();
        // The answer sets the peer; its content does not matter.
        drop(answer);
        self.post(frames::greeting(&self.id(number), &self.ids.endpoint));
    }

    /// The backend writes such frames.
    pub(super) fn settle(&self, peer: Peer) {
        // The first frame decides.
        let _ = self.peer.set(peer);
    }

    /// An answer of the backend has arrived.
    pub(super) fn deliver(self: &Arc<Self>, number: u64, answer: Answer) {
        if matches!(answer, Answer::Own(_)) && !self.peer.initialized() {
            self.settle(Peer::Own);
        }
        if let Delivered::TooLate(Answer::Own(rest)) = self.calls.deliver(number, answer) {
            self.discard(&rest);
        }
    }

    /// Releases what a late answer refers to.
    pub(super) fn discard(self: &Arc<Self>, rest: &[u8]) {
        let Ok(frame) = serde_json::from_slice::<Value>(&with_brace(rest)) else { return };
        if frame["x"] == 1 {
            self.release_all(&frame["v"]);
        }
    }

    pub(super) fn release_all(self: &Arc<Self>, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.release_all(item)),
            Value::Object(fields) => match (fields.get(args::KEY), fields.get("id")) {
                (Some(kind), Some(Value::String(id))) if kind == "function" => {
                    self.release_function(id);
                }
                (Some(kind), Some(Value::String(id))) if kind == "stream" => self.end_stream(id),
                _ => fields.values().for_each(|field| self.release_all(field)),
            },
            _ => {}
        }
    }

    /// Registers the callbacks of a value. Returns their ids, and its signals.
    pub(super) fn register(&self, references: Vec<Reference>) -> (Vec<String>, SentSignals) {
        let (mut callbacks, mut signals) = (Vec::new(), Vec::new());
        for reference in references {
            match reference {
                Reference::Callback(id, run) => {
                    self.callbacks.lock().insert(id.clone(), run);
                    callbacks.push(id);
                }
                Reference::Signal(id, signal) => signals.push((id, signal)),
            }
        }
        (callbacks, signals)
    }

    pub(super) fn callback(&self, id: &str) -> Option<Arc<CallbackFn>> {
        self.callbacks.lock().get(id).cloned()
    }

    pub(super) fn free_callback(&self, id: &str) {
        let removed = self.callbacks.lock().remove(id);
        // Dropped without the lock: the closure may own anything, even the supervisor.
        drop(removed);
    }

    pub(super) fn add_stream(&self, id: &str, buffer: &Arc<Buffer>) {
        self.streams.lock().insert(id.to_owned(), buffer.clone());
        if let Some(error) = self.over.get() {
            buffer.end(Some(error.clone()));
        }
    }

    pub(super) fn stream(&self, id: &str) -> Option<Arc<Buffer>> {
        self.streams.lock().get(id).cloned()
    }

    pub(super) fn has_stream(&self, id: &[u8]) -> bool {
        std::str::from_utf8(id).is_ok_and(|id| self.streams.lock().contains_key(id))
    }

    /// Forgets a stream that has ended.
    pub(super) fn remove_stream(&self, id: &str) {
        self.streams.lock().remove(id);
    }

    /// Ends a stream in the backend.
    pub(super) fn end_stream(self: &Arc<Self>, id: &str) {
        self.remove_stream(id);
        self.post(json!({ "t": "sq", "sid": id, "op": "return" }).to_string());
    }

    /// Items of a stream have arrived in a frame of so many bytes.
    pub(super) fn items_arrived(self: &Arc<Self>, mut frame: Value, bytes: usize) {
        let Some(id) = frame["sid"].as_str().map(str::to_owned) else { return };
        let Some(buffer) = self.stream(&id) else { return };
        let items = match frame["b"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        };
        let has_placeholders = frame["x"] == 1;
        if !buffer.receive(items, has_placeholders, bytes) {
            buffer.end(Some(Error::Overflow { process: self.process.clone() }));
            return self.end_stream(&id);
        }
        if frame["d"] == 1 {
            self.remove_stream(&id);
            buffer.end(frame.get_mut("e").map(|error| Error::from_wire(error.take())));
        }
    }

    pub(super) fn release_function(self: &Arc<Self>, id: &str) {
        let frame = json!({ "t": "cbr", "ids": [id] });
        match self.peer() {
            // It has no such frame.
            Some(Peer::Classic) => {}
            Some(Peer::Compact { is_superjson: true }) => {
                self.post(json!({ "json": frame }).to_string());
            }
            _ => self.post(frame.to_string()),
        }
    }

    /// Calls a function of the backend.
    pub(super) async fn call_function(
        self: &Arc<Self>,
        id: &str,
        args: &impl Serialize,
    ) -> Result<(), Error> {
        let encoded = args::encode_args(&self.ids, id, args)?;
        let frame = match self.peer() {
            Some(peer @ (Peer::Compact { .. } | Peer::Classic)) => {
                if encoded.placeholders.is_some() {
                    let feature = "callbacks, signals and binary data as arguments of callbacks";
                    return Err(Error::Unsupported { process: self.process.clone(), feature });
                }
                let args: Vec<Value> = serde_json::from_str(&encoded.json)
                    .map_err(|error| Error::arguments("a callback", &error))?;
                match peer {
                    Peer::Compact { is_superjson } => {
                        frames::compact_callback(id, args, is_superjson)
                    }
                    _ => frames::classic_callback(&self.ids.next(), id, &args),
                }
            }
            _ => format!(r#"{{"t":"cb","id":{}{}}}"#, json!(id), encoded.field("a")),
        };
        let (_, signals) = self.register(encoded.references);
        self.write(frame).await?;
        for (id, signal) in &signals {
            signal.sent(id, self);
        }
        Ok(())
    }

    /// The connection has ended: calls and streams fail with the error.
    pub(super) fn close(&self, error: Error) {
        let error = self.over.get_or_init(|| error);
        self.calls.fail_all(error);
        let callbacks = std::mem::take(&mut *self.callbacks.lock());
        drop(callbacks);
        let streams = std::mem::take(&mut *self.streams.lock());
        for buffer in streams.into_values() {
            buffer.end(Some(error.clone()));
        }
    }

    pub(super) async fn write(&self, frame: String) -> Result<(), Error> {
        let not_running = |error: crate::Error| {
            self.over.get().cloned().unwrap_or_else(|| Error::not_running(&self.process, &error))
        };
        let line = Bytes::from(frame + "\n");
        match self.stdin.try_write(line.clone()) {
            Ok(_) => Ok(()),
            Err(crate::Error::StdinFull { .. }) => {
                self.stdin.write(line).await.map_err(not_running)
            }
            Err(error) => Err(not_running(error)),
        }
    }

    /// Writes a frame in the background; it fails if the generation ends. Closes the connection if the backend
    /// does not read.
    pub(super) fn post(self: &Arc<Self>, frame: String) {
        let line = Bytes::from(frame + "\n");
        let Err(crate::Error::StdinFull { .. }) = self.stdin.try_write(line.clone()) else {
            return;
        };
        let cost = line.len();
        if self.unwritten.fetch_add(cost, Ordering::AcqRel) > MAX_UNWRITTEN {
            let message = format!("process '{}' does not read its stdin", self.process);
            self.close(Error::NotRunning { process: self.process.clone(), message });
        }
        let connection = self.clone();
        self.hub.spawn(async move {
            if connection.over.get().is_none() {
                // Fails if the generation ends before its stdin has room.
                let _ = connection.stdin.write(line).await;
            }
            connection.unwritten.fetch_sub(cost, Ordering::AcqRel);
        });
    }

    pub(super) fn id(&self, number: u64) -> String {
        format!("{}.{number}", self.ids.endpoint)
    }
}

/// The rest of an answer after its id as a frame of its own.
pub(super) fn with_brace(rest: &[u8]) -> Vec<u8> {
    let fields = rest.strip_prefix(b",").unwrap_or(rest);
    [b"{", fields].concat()
}
