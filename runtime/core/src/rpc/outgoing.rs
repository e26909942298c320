//! Requests of Rust: their frames, and the wait for the answer.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use serde_json::Value;
use tokio::sync::oneshot;

use super::args::{self, Encoded};
use super::connection::{Connection, Peer, SentSignals};
use super::error::Error;
use super::frames::{self, Op};
use super::request::Answer;

impl Connection {
    /// Sends a request and waits for its answer. Dropping the future abandons the call.
    pub(super) async fn request(
        self: &Arc<Self>,
        op: Op,
        path: &[&str],
        mut args: Encoded,
    ) -> Result<Answer, Error> {
        let (number, receiver) = self.calls.add();
        let (callbacks, signals) = self.register(std::mem::take(&mut args.references));
        let mut call = Call { connection: self, number, receiver, unsent: callbacks, signals };
        // Ended connections fail the calls that they know.
        if let Some(error) = self.over.get() {
            return Err(error.clone());
        }
        let frame = if let Some(frame) = self.frame(number, op, path, &args)? {
            frame
        } else {
            let peer = tokio::select! {
                peer = self.peer.wait() => *peer,
                answer = &mut call.receiver => return self.finished(answer),
            };
            if peer != Peer::Own {
                let feature = "streams, signals, binary data and callbacks inside values";
                return Err(Error::Unsupported { process: self.process.clone(), feature });
            }
            frames::own_request(&self.id(number), op, path, &own_args(&args))
        };
        self.write(frame).await?;
        call.unsent.clear();
        for (id, signal) in &call.signals {
            signal.sent(id, self);
        }
        self.answered(&mut call.receiver).await
    }

    /// The frame of a request; `None` if it must wait until the peer is known.
    fn frame(
        &self,
        number: u64,
        op: Op,
        path: &[&str],
        args: &Encoded,
    ) -> Result<Option<String>, Error> {
        let id = self.id(number);
        if self.peer() == Some(Peer::Own) {
            return Ok(Some(frames::own_request(&id, op, path, &own_args(args))));
        }
        let callbacks = args.placeholders.is_some();
        let list: Vec<Value> = match &args.placeholders {
            None => serde_json::from_str(&args.json)
                .map_err(|error| Error::arguments(&path.join("."), &error))?,
            Some(Value::Array(list)) => list.clone(),
            Some(_) => return Ok(None),
        };
        let is_simple = |arg: &Value| frames::callback_id(arg).is_some() || !has_placeholder(arg);
        if callbacks && !list.iter().all(is_simple) {
            return Ok(None);
        }
        Ok(Some(frames::hybrid_request(&id, op, path, &list, callbacks)))
    }

    async fn answered(&self, receiver: &mut oneshot::Receiver<Answer>) -> Result<Answer, Error> {
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
        let answer = receiver.await;
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
}

/// The field of the arguments in a request of this package; empty for none.
fn own_args(args: &Encoded) -> String {
    if args.json == "[]" { String::new() } else { args.field("a") }
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

/// A call under way. Dropping it abandons the call, and aborts its signals.
struct Call<'a> {
    connection: &'a Arc<Connection>,
    number: u64,
    receiver: oneshot::Receiver<Answer>,
    /// The callbacks of a frame that was not written.
    unsent: Vec<String>,
    signals: SentSignals,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        for id in &self.unsent {
            self.connection.free_callback(id);
        }
        if self.receiver.is_terminated() {
            return;
        }
        self.connection.calls.abandon(self.number);
        self.receiver.close();
        if let Ok(Answer::Own(rest)) = self.receiver.try_recv() {
            self.connection.discard(&rest);
        }
        for (_, signal) in &self.signals {
            signal.abort();
        }
    }
}
