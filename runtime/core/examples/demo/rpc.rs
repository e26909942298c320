//! Just enough of kkrpc's classic wire for a client in Rust: one JSON message a line.
//!
//! A page uses kkrpc itself; this stands in for it where there is no page.

use std::time::Duration;

use js_runtime::{Backpressure, Event, Subscription, Supervisor};
use serde_json::{Value, json};

use crate::Failure;

/// Calls one process.
pub(crate) struct Client<'a> {
    supervisor: &'a Supervisor,
    name: &'a str,
    events: Subscription,
    patience: Duration,
    calls: u64,
}

impl<'a> Client<'a> {
    pub(crate) fn connect(
        supervisor: &'a Supervisor,
        name: &'a str,
        patience: Duration,
    ) -> Result<Self, Failure> {
        // A lost frame would be a call that never returns.
        let events = supervisor.subscribe_with(name, Backpressure::Wait, false)?;
        Ok(Self { supervisor, name, events, patience, calls: 0 })
    }

    /// Calls `method` and waits for its result.
    pub(crate) async fn call(&mut self, method: &str, args: Value) -> Result<Value, Failure> {
        self.calls += 1;
        let id = self.calls.to_string();
        let message = json!({ "id": id, "method": method, "args": args, "type": "request", "version": "json" });
        self.supervisor.write_stdin(self.name, format!("{message}\n")).await?;
        loop {
            match self.next_event().await? {
                Event::Stdout(line) => {
                    if let Some(answer) = response_to(&id, &line) {
                        return answer;
                    }
                }
                Event::Stderr(line) => {
                    return Err(format!("{}: {}", self.name, String::from_utf8_lossy(&line)).into());
                }
                Event::Exit { reason, .. } => {
                    return Err(format!("{} ended: {reason:?}", self.name).into());
                }
                _ => {}
            }
        }
    }

    pub(crate) async fn next_event(&mut self) -> Result<Event, Failure> {
        let record = tokio::time::timeout(self.patience, self.events.recv()).await;
        match record {
            Ok(Some(record)) => Ok(record.event),
            Ok(None) => Err(format!("{} was removed", self.name).into()),
            Err(_) => Err(format!("{} does not answer", self.name).into()),
        }
    }
}

/// The result in `line`, if it is the response to `id`. A worker answers in superjson, whose payload
/// is under `json`; plain data needs none of its annotations.
fn response_to(id: &str, line: &[u8]) -> Option<Result<Value, Failure>> {
    let mut message: Value = serde_json::from_slice(line).ok()?;
    if let Some(payload) = message.get_mut("json") {
        message = payload.take();
    }
    if message["type"] != "response" || message["id"] != id {
        return None;
    }
    let mut outcome = message["args"].take();
    Some(match outcome.get("error") {
        Some(error) => Err(error.to_string().into()),
        None => Ok(outcome["result"].take()),
    })
}
