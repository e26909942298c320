//! The connection of Rust to one generation of a process.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{SetOnce, oneshot};

use super::args::{self, Encoded, Ids, Reference};
use super::callback::{AbortSignal, CallbackFn};
use super::error::Error;
use super::frames::{self, Op};
use super::hub::Hub;
use super::request::{Answer, Delivered, PendingCalls};
use super::stream::Buffer;
use crate::io::history::WeakHistory;
use crate::io::spin::Spin;
use crate::io::stdin::Stdin;

/// How the backend writes frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// It runs `serve`.
    Own,
    /// kkrpc from 1.0 on.
    Compact,
    /// Earlier kkrpc.
    Classic,
}

pub(super) struct Connection {
    process: String,
    stdin: Stdin,
    history: WeakHistory,
    ids: Arc<Ids>,
    hub: Arc<Hub>,
    peer: SetOnce<Peer>,
    calls: PendingCalls,
    /// The closures that the backend can call, by id.
    callbacks: Mutex<HashMap<String, Arc<CallbackFn>>>,
    /// The streams of the backend that are being read, by id.
    streams: Mutex<HashMap<String, Arc<Buffer>>>,
    /// The backing-off of calls that spin for their answer.
    spin: Mutex<Spin>,
    /// Why the connection has ended.
    over: OnceLock<Error>,
}

impl Connection {
    pub(super) fn new(
        process: &str,
        stdin: Stdin,
        history: WeakHistory,
        ids: Arc<Ids>,
        hub: Arc<Hub>,
    ) -> Arc<Self> {
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
            spin: Mutex::default(),
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
    pub(super) fn greet(&self) {
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

    /// Sends a request and waits for its answer. Dropping the future abandons the call.
    pub(super) async fn request(
        self: &Arc<Self>,
        op: Op,
        path: &[&str],
        args: Encoded,
    ) -> Result<Answer, Error> {
        let (number, mut receiver) = self.calls.add();
        let signals = self.register(args.references);
        let args = Args { json: args.json, placeholders: args.placeholders };
        let mut call = Call { connection: self, number: Some(number), signals };
        // Ended connections fail the calls that they know.
        if let Some(error) = self.over.get() {
            return Err(error.clone());
        }
        let frame = if let Some(frame) = self.frame(number, op, path, &args) {
            frame
        } else {
            let peer = tokio::select! {
                peer = self.peer.wait() => *peer,
                answer = &mut receiver => return self.finished(answer),
            };
            if peer != Peer::Own {
                let feature = "streams, signals, binary data and callbacks inside values";
                return Err(Error::Unsupported { process: self.process.clone(), feature });
            }
            frames::own_request(&self.id(number), op, path, &args.own())
        };
        self.write(frame).await?;
        for (id, signal) in &call.signals {
            signal.sent(id, self);
        }
        let answer = self.answered(receiver).await;
        call.number = None;
        answer
    }

    /// The frame of a request; `None` if it must wait until the peer is known.
    fn frame(&self, number: u64, op: Op, path: &[&str], args: &Args) -> Option<String> {
        let id = self.id(number);
        if self.peer() == Some(Peer::Own) {
            return Some(frames::own_request(&id, op, path, &args.own()));
        }
        let list = match &args.placeholders {
            None => serde_json::from_str(&args.json).unwrap_or_default(),
            Some(Value::Array(list)) => list.clone(),
            Some(_) => return None,
        };
        let is_simple = |arg: &Value| frames::callback_id(arg).is_some() || !has_placeholder(arg);
        if args.placeholders.is_some() && !list.iter().all(is_simple) {
            return None;
        }
        Some(frames::hybrid_request(&id, op, path, &list))
    }

    async fn answered(&self, mut receiver: oneshot::Receiver<Answer>) -> Result<Answer, Error> {
        // Calls that are made together are sent before the first of them waits.
        let mut has_yielded = false;
        poll_fn(|context| {
            if has_yielded || !receiver.is_empty() {
                return Poll::Ready(());
            }
            has_yielded = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        if receiver.is_empty()
            && self.calls.len() == 1
            && let Some(mut spin) = self.spin.try_lock()
            && let Some(history) = self.history.upgrade()
        {
            history.spin_until(&mut spin, true, || !receiver.is_empty());
        }
        let answer = (&mut receiver).await;
        self.finished(answer)
    }

    fn finished(&self, answer: Result<Answer, oneshot::error::RecvError>) -> Result<Answer, Error> {
        match answer {
            Ok(Answer::Failed(error)) => Err(error),
            Ok(answer) => Ok(answer),
            Err(_) => Err(self.over.get().cloned().unwrap_or_else(|| {
                Error::not_running(&self.process, &crate::Error::NotRunning(self.process.clone()))
            })),
        }
    }

    /// An answer of the backend has arrived.
    pub(super) fn deliver(&self, number: u64, answer: Answer) {
        let settled = match &answer {
            Answer::Own(_) => Some(Peer::Own),
            _ => None,
        };
        if let Some(peer) = settled.filter(|_| !self.peer.initialized()) {
            self.settle(peer);
        }
        if let Delivered::TooLate(Answer::Own(rest)) = self.calls.deliver(number, answer) {
            self.discard(&rest);
        }
    }

    /// Releases what a late answer refers to.
    fn discard(&self, rest: &[u8]) {
        let Ok(frame) = serde_json::from_slice::<Value>(&with_brace(rest)) else { return };
        if frame["x"] == 1 {
            self.release_all(&frame["v"]);
        }
    }

    fn release_all(&self, value: &Value) {
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

    /// Registers the callbacks of a value, and returns its signals.
    pub(super) fn register(&self, references: Vec<Reference>) -> Vec<(String, AbortSignal)> {
        let mut signals = Vec::new();
        for reference in references {
            match reference {
                Reference::Callback(id, run) => {
                    self.callbacks.lock().insert(id, run);
                }
                Reference::Signal(id, signal) => signals.push((id, signal)),
            }
        }
        signals
    }

    pub(super) fn callback(&self, id: &str) -> Option<Arc<CallbackFn>> {
        self.callbacks.lock().get(id).cloned()
    }

    pub(super) fn free_callback(&self, id: &str) {
        self.callbacks.lock().remove(id);
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
    pub(super) fn end_stream(&self, id: &str) {
        self.remove_stream(id);
        self.post(json!({ "t": "sq", "sid": id, "op": "return" }).to_string());
    }

    pub(super) fn release_function(&self, id: &str) {
        if self.peer() != Some(Peer::Classic) {
            self.post(json!({ "t": "cbr", "ids": [id] }).to_string());
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
            Some(peer @ (Peer::Compact | Peer::Classic)) => {
                if encoded.placeholders.is_some() {
                    let feature = "callbacks, signals and binary data as arguments of callbacks";
                    return Err(Error::Unsupported { process: self.process.clone(), feature });
                }
                let args: Vec<Value> = serde_json::from_str(&encoded.json).unwrap_or_default();
                let is_compact = peer == Peer::Compact;
                frames::kkrpc_callback(is_compact, &self.ids.next(), id, args)
            }
            _ => format!(r#"{{"t":"cb","id":{}{}}}"#, json!(id), encoded.field("a")),
        };
        let signals = self.register(encoded.references);
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
        self.callbacks.lock().clear();
        let streams = std::mem::take(&mut *self.streams.lock());
        for buffer in streams.into_values() {
            buffer.end(Some(error.clone()));
        }
    }

    async fn write(&self, frame: String) -> Result<(), Error> {
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

    /// Writes a frame whose failure nobody waits for: the end of the generation.
    pub(super) fn post(&self, frame: String) {
        let line = Bytes::from(frame + "\n");
        if let Err(crate::Error::StdinFull { .. }) = self.stdin.try_write(line.clone()) {
            let stdin = self.stdin.clone();
            self.hub.spawn(async move {
                // Fails if the generation ends before its stdin has room.
                let _ = stdin.write(line).await;
            });
        }
    }

    fn id(&self, number: u64) -> String {
        format!("{}.{number}", self.ids.endpoint)
    }
}

struct Args {
    json: String,
    placeholders: Option<Value>,
}

impl Args {
    fn own(&self) -> String {
        if self.json == "[]" {
            return String::new();
        }
        let mark = if self.placeholders.is_some() { ",\"x\":1" } else { "" };
        format!(",\"a\":{}{mark}", self.json)
    }
}

/// Whether a value with placeholders has one inside. Wrapped data is one too.
fn has_placeholder(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_placeholder),
        Value::Object(fields) => {
            fields.contains_key(args::KEY) || fields.values().any(has_placeholder)
        }
        _ => false,
    }
}

/// The rest of an answer after its id as a frame of its own.
pub(super) fn with_brace(rest: &[u8]) -> Vec<u8> {
    let fields = rest.strip_prefix(b",").unwrap_or(rest);
    [b"{", fields].concat()
}

/// A call under way. Dropping it abandons the call, and aborts its signals.
struct Call<'a> {
    connection: &'a Connection,
    /// `None` when the call has its answer.
    number: Option<u64>,
    signals: Vec<(String, AbortSignal)>,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.connection.calls.abandon(number);
            self.signals.iter().for_each(|(_, signal)| signal.abort());
        }
    }
}
