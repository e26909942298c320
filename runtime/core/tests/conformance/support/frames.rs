//! A client for kkrpc's wire as of 0.2.2: one JSON text per line.
//!
//! kkrpc answers in superjson in every case, which the Rust client of the crate `kkrpc` cannot read.

use std::collections::BTreeMap;

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::Run;

/// A process that answers kkrpc calls.
pub(crate) struct Rpc<'a> {
    pub(crate) run: Run<'a>,
    next_id: u64,
}

impl<'a> Rpc<'a> {
    pub(crate) fn new(run: Run<'a>) -> Self {
        Self { run, next_id: 1 }
    }

    /// Sends a call and returns its id.
    pub(crate) async fn send(&mut self, method: &str, args: Value) -> Result<String, Failed> {
        let (id, frame) = self.frame(method, &args, &json!([]));
        self.run.write(frame).await?;
        Ok(id)
    }

    /// A call as a line, without sending it.
    pub(crate) fn frame(
        &mut self,
        method: &str,
        args: &Value,
        callbacks: &Value,
    ) -> (String, String) {
        let id = format!("call-{}", self.next_id);
        self.next_id += 1;
        let frame = json!({
            "id": id, "method": method, "args": args, "type": "request",
            "callbackIds": callbacks, "version": "json",
        });
        (id, format!("{frame}\n"))
    }

    /// The next frame, decoded from superjson. Some adapters end a frame with two line ends.
    pub(crate) async fn receive(&mut self) -> Result<Value, Failed> {
        loop {
            let line = self.run.line().await?;
            if line.is_empty() {
                continue;
            }
            let no_frame = || format!("no frame: {}", String::from_utf8_lossy(&line));
            let mut frame: Value = serde_json::from_slice(&line).map_err(|_| no_frame())?;
            return match frame["json"].take() {
                Value::Null => Ok(frame),
                message => Ok(message),
            };
        }
    }

    /// Calls and waits for the answer, which must be the next frame.
    pub(crate) async fn call(&mut self, method: &str, args: Value) -> Result<Value, Failed> {
        let id = self.send(method, args).await?;
        let (answered, result) = self.answer().await?;
        assert_eq!(answered, id, "an answer to another call");
        result.map_err(|error| format!("{method} failed: {error}").into())
    }

    /// The next answer: the call's id, and its result or error.
    pub(crate) async fn answer(&mut self) -> Result<(String, Result<Value, Value>), Failed> {
        let frame = self.receive().await?;
        let id = frame["id"].as_str().unwrap_or_default().to_owned();
        match (frame["type"].as_str(), &frame["args"]) {
            (Some("response"), args) if !args["error"].is_null() => {
                Ok((id, Err(args["error"].clone())))
            }
            (Some("response"), args) => Ok((id, Ok(args["result"].clone()))),
            _ => Err(format!("not an answer: {frame}").into()),
        }
    }

    /// The next `count` answers by the call's id.
    pub(crate) async fn answers(
        &mut self,
        count: usize,
    ) -> Result<BTreeMap<String, Value>, Failed> {
        let mut answers = BTreeMap::new();
        while answers.len() < count {
            let (id, result) = self.answer().await?;
            let result = result.map_err(|error| format!("{id} failed: {error}"))?;
            assert!(answers.insert(id.clone(), result).is_none(), "two answers to {id}");
        }
        Ok(answers)
    }
}
