//! Calls of Rust that wait for their answers.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::oneshot;

use super::args;
use super::error::Error;

/// The most abandoned calls whose late answers are awaited. References in further late answers stay in the backend
/// until the connection ends.
const MAX_ABANDONED: usize = 4096;

/// The answer to a call.
pub(super) enum Answer {
    /// Of this package: the rest of the frame, after the id.
    Own(Bytes),
    /// The result or the error of kkrpc.
    Kkrpc(Result<Value, Value>),
    /// There is none.
    Failed(Error),
}

enum Call {
    Waiting(oneshot::Sender<Answer>),
    /// The caller has given up. The references of a late answer are released.
    Abandoned,
}

#[derive(Default)]
pub(super) struct PendingCalls(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    /// By a random number, which pages that write to the backend cannot guess: otherwise they could make it answer in
    /// place of the called function.
    by_id: HashMap<u64, Call>,
    abandoned: usize,
}

/// What became of an answer.
pub(super) enum Delivered {
    /// A caller has it, or the id is unknown.
    Yes,
    /// The caller has given up.
    TooLate(Answer),
}

impl PendingCalls {
    /// Adds a call, and returns the number of its id.
    pub(super) fn add(&self) -> (u64, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        let id = args::random();
        self.0.lock().by_id.insert(id, Call::Waiting(sender));
        (id, receiver)
    }

    pub(super) fn deliver(&self, id: u64, answer: Answer) -> Delivered {
        let call = {
            let mut calls = self.0.lock();
            let call = calls.by_id.remove(&id);
            calls.abandoned -= usize::from(matches!(call, Some(Call::Abandoned)));
            call
        };
        match call {
            Some(Call::Waiting(sender)) => match sender.send(answer) {
                Ok(()) => Delivered::Yes,
                Err(answer) => Delivered::TooLate(answer),
            },
            Some(Call::Abandoned) => Delivered::TooLate(answer),
            None => Delivered::Yes,
        }
    }

    /// The caller of a call has given up.
    pub(super) fn abandon(&self, id: u64) {
        let mut calls = self.0.lock();
        let Calls { by_id, abandoned, .. } = &mut *calls;
        if *abandoned >= MAX_ABANDONED {
            by_id.remove(&id);
        } else if let Some(call) = by_id.get_mut(&id) {
            *call = Call::Abandoned;
            *abandoned += 1;
        }
    }

    /// Fails all calls.
    pub(super) fn fail_all(&self, error: &Error) {
        let calls = {
            let mut calls = self.0.lock();
            calls.abandoned = 0;
            std::mem::take(&mut calls.by_id)
        };
        for call in calls.into_values() {
            if let Call::Waiting(sender) = call {
                // The caller may have given up.
                let _ = sender.send(Answer::Failed(error.clone()));
            }
        }
    }

    /// The number of callers that wait.
    pub(super) fn len(&self) -> usize {
        let calls = self.0.lock();
        calls.by_id.len() - calls.abandoned
    }
}
