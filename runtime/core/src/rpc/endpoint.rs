//! The endpoint of Rust for one process, over all its generations.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use memchr::memmem;
use parking_lot::Mutex;
use serde_json::Value;

use super::args::{self, Ids};
use super::callback::report_arguments;
use super::connection::{Connection, Peer};
use super::error::Error;
use super::expose::{Failure, Incoming};
use super::frames::{self, Form};
use super::hub::Hub;
use super::inbox::{self, Inbox, Item};
use super::incoming::{FrameHead, IncomingRequest, RequestAnswer};
use super::request::Answer;
use crate::io::frame_sink::FrameSink;
use crate::io::history::WeakHistory;
use crate::io::stdin::Stdin;
use crate::wire::ExitReason;

/// The stdin of the current generation.
pub(crate) type StdinSource = Box<dyn Fn() -> Result<Stdin, crate::Error> + Send + Sync>;

pub(crate) struct Endpoint {
    process: String,
    ids: Arc<Ids>,
    hub: Arc<Hub>,
    stdin: StdinSource,
    history: WeakHistory,
    inbox: Arc<Inbox>,
    /// How an answer of `serve` to a call of this endpoint starts.
    answer_start: String,
    /// How its ids start in a frame.
    id_start: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Connections whose generation has not ended.
    connections: Vec<Arc<Connection>>,
    /// The latest generation that has ended, and why. Its item may still wait.
    exit: Option<(u64, Error)>,
}

impl Endpoint {
    pub(crate) fn new(
        process: String,
        hub: &Arc<Hub>,
        stdin: StdinSource,
        history: WeakHistory,
    ) -> Arc<Self> {
        let id = args::endpoint_id();
        let inbox = Arc::new(Inbox::default());
        let endpoint = Arc::new(Self {
            process,
            hub: hub.clone(),
            stdin,
            history,
            inbox: inbox.clone(),
            answer_start: format!(r#"{{"t":"r","js":1,"id":"{id}."#),
            id_start: format!("\"{id}."),
            ids: Ids::new(id),
            state: Mutex::default(),
        });
        hub.spawn(handle_items(inbox, Arc::downgrade(&endpoint)));
        endpoint
    }

    pub(super) fn process(&self) -> &str {
        &self.process
    }

    pub(super) fn ids(&self) -> &Arc<Ids> {
        &self.ids
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The connection to the current generation.
    pub(super) fn connection(&self) -> Result<Arc<Connection>, Error> {
        let not_running = |error| Error::not_running(&self.process, &error);
        let stdin = (self.stdin)().map_err(not_running)?;
        let generation = stdin.generation();
        let mut state = self.state.lock();
        if let Some(known) = find(&state, generation) {
            return Ok(known);
        }
        if let Some((ended, error)) = &state.exit
            && generation <= *ended
        {
            return Err(error.clone());
        }
        let (ids, hub) = (self.ids.clone(), self.hub.clone());
        let connection = Connection::new(&self.process, stdin, self.history.clone(), ids, hub);
        state.connections.push(connection.clone());
        drop(state);
        connection.greet();
        Ok(connection)
    }

    /// The connection of a request or a frame. It may be the first use of the generation.
    fn connection_of(&self, generation: u64) -> Option<Arc<Connection>> {
        let known = find(&self.state.lock(), generation);
        known.or_else(|| {
            let current = self.connection().ok();
            current.filter(|connection| connection.generation() == generation)
        })
    }

    /// Whether a frame is for this endpoint, but not an answer of `serve`.
    fn concerns(&self, generation: u64, line: &[u8]) -> bool {
        if let Some(rest) = line.strip_prefix(br#"{"t":"sr","sid":""#) {
            let end = memchr::memchr(b'"', rest).unwrap_or_default();
            let connection = find(&self.state.lock(), generation);
            return connection.is_some_and(|connection| connection.has_stream(&rest[..end]));
        }
        memmem::find(line, self.id_start.as_bytes()).is_some()
    }

    /// Whether a frame is a request that this endpoint answers.
    fn takes_request(&self, generation: u64, line: &[u8]) -> bool {
        if !self.hub.serves(&self.process) {
            return false;
        }
        let may_be = |text: &str| memmem::find(line, text.as_bytes()).is_some();
        if !may_be(r#""t":"q""#) && !may_be(r#""request""#) {
            return false;
        }
        let Ok(head) = serde_json::from_slice::<FrameHead<'_>>(line) else { return false };
        let Some((id, function)) = head.call() else { return false };
        // Its answer is a greeting of Rust.
        function == frames::HELLO
            || self.hub.function(&self.process, &function).is_some()
                && self.hub.may_answer(&self.process, generation, id)
    }

    fn handle(self: &Arc<Self>, item: Item) {
        match item {
            Item::Frame(generation, line) => {
                let connection = find(&self.state.lock(), generation);
                if let Some(connection) = connection {
                    self.handle_frame(&connection, &line);
                }
            }
            Item::Request(generation, line) => {
                // A new connection greets the backend.
                if let Some(connection) = self.connection_of(generation) {
                    self.handle_request(&connection, &line);
                }
            }
            Item::Exited(generation, error) => {
                let is_over =
                    |connection: &mut Arc<Connection>| connection.generation() <= generation;
                let over: Vec<_> = self.state.lock().connections.extract_if(.., is_over).collect();
                for connection in over {
                    connection.close(error.clone());
                }
            }
            Item::Closed => {}
        }
    }

    fn handle_frame(&self, connection: &Arc<Connection>, line: &Bytes) {
        if let Some((number, rest)) = self.own_answer(line) {
            return connection.deliver(number, Answer::Own(rest));
        }
        let frame = match serde_json::from_slice::<Value>(line) {
            Ok(frame) => frame,
            Err(error) => return self.refuse(connection, line, &error),
        };
        let (mut frame, is_superjson) = frames::unwrapped(frame);
        let text = |key: &str| frame[key].as_str().map(str::to_owned);
        let id = text("id").unwrap_or_default();
        match (text("t").as_deref(), text("type").as_deref()) {
            (Some("r"), _) => {
                let is_own = frame["js"] == 1;
                connection.settle(if is_own { Peer::Own } else { Peer::Compact { is_superjson } });
                let answer = match frame.get_mut("e") {
                    Some(error) => Err(error.take()),
                    None => Ok(frame["v"].take()),
                };
                self.deliver(connection, &id, answer);
            }
            (None, Some("response")) => {
                connection.settle(Peer::Classic);
                let mut field =
                    |key| frame["args"].get_mut(key).map(Value::take).unwrap_or_default();
                let answer = match field("error") {
                    Value::Null => Ok(field("result")),
                    error => Err(error),
                };
                self.deliver(connection, &id, answer);
            }
            (Some("cb"), _) => {
                let has_placeholders = frame["x"] == 1;
                let args = match frame["a"].take() {
                    Value::Array(args) => args.into_iter().map(frames::argument).collect(),
                    _ => Value::Array(Vec::new()),
                };
                run_callback(connection, &id, args, has_placeholders);
            }
            (None, Some("callback")) => {
                let method = text("method").unwrap_or_default();
                run_callback(connection, &method, frame["args"].take(), false);
            }
            (Some("cbr"), _) => {
                let ids = frame["ids"].as_array().into_iter().flatten();
                ids.filter_map(Value::as_str).for_each(|id| connection.free_callback(id));
            }
            (Some("sr"), _) => connection.items_arrived(frame, line.len()),
            _ => {}
        }
    }

    fn deliver(&self, connection: &Arc<Connection>, id: &str, answer: Result<Value, Value>) {
        if let Some(number) = self.number(id) {
            connection.deliver(number, Answer::Kkrpc(answer));
        }
    }

    /// The number of the call that has this id.
    fn number(&self, id: &str) -> Option<u64> {
        id.strip_prefix(&self.id_start[1..])?.parse().ok()
    }

    /// Fails what waits for a frame that cannot be decoded: it is nested too deeply, or has half of a UTF-16 pair.
    fn refuse(&self, connection: &Arc<Connection>, line: &[u8], error: &serde_json::Error) {
        let Ok(head) = serde_json::from_slice::<FrameHead<'_>>(line) else { return };
        let head = head.inner();
        let text = |field: &Option<Cow<'_, str>>| field.as_deref().unwrap_or_default().to_owned();
        match (head.t.as_deref(), head.r#type.as_deref()) {
            (Some("r"), _) | (None, Some("response")) => {
                if let Some(number) = self.number(&text(&head.id)) {
                    connection.deliver(number, Answer::Failed(Error::answer("the call", error)));
                }
            }
            (Some("sr"), _) => {
                let id = text(&head.sid);
                if let Some(buffer) = connection.stream(&id) {
                    buffer.end(Some(Error::answer("an async iterable", error)));
                    connection.end_stream(&id);
                }
            }
            (Some("cb"), _) | (None, Some("callback")) => report_arguments(&self.process, error),
            _ => {}
        }
    }

    /// The number of the call that a frame answers, and the rest of the frame after the id.
    fn own_answer(&self, line: &Bytes) -> Option<(u64, Bytes)> {
        let rest = line.strip_prefix(self.answer_start.as_bytes())?;
        let digits = memchr::memchr(b'"', rest)?;
        let number = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        Some((number, line.slice(self.answer_start.len() + digits + 1..)))
    }

    fn handle_request(self: &Arc<Self>, connection: &Arc<Connection>, line: &[u8]) {
        let request = match IncomingRequest::parse(line) {
            Ok(request) => request,
            Err(frame) => return frame.into_iter().for_each(|frame| connection.post(frame)),
        };
        let IncomingRequest { id, function, form, args, has_placeholders } = request;
        let Some(run) = self.hub.function(&self.process, &function).cloned() else { return };
        connection.settle(match form {
            Form::Own => Peer::Own,
            Form::Compact { is_superjson } => Peer::Compact { is_superjson },
            Form::Classic { .. } => Peer::Classic,
        });
        let has_room = self.inbox.starts();
        let mut answer = RequestAnswer {
            inbox: self.inbox.clone(),
            connection: connection.clone(),
            form,
            id,
            result: Err(Failure::new(format!(
                "the exposed function '{function}' has panicked or was dropped"
            ))),
        };
        if !has_room {
            let message =
                format!("more than {} exposed functions run for this backend", inbox::MAX_RUNNING);
            answer.result = Err(Failure::new(message).field("kind", "tooMany"));
            return;
        }
        let call = Incoming { connection: connection.clone(), has_placeholders };
        self.hub.spawn_function(async move {
            let mut answer = answer;
            answer.result = match catch_unwind(AssertUnwindSafe(|| run(args, call))) {
                Ok(running) => running.await.map(|outgoing| outgoing.0),
                // The panic hook has reported it, and the failure above is the answer.
                Err(_) => return,
            };
        });
    }

    fn has_room(&self) {
        if let Some(history) = self.history.upgrade() {
            history.sink_has_room();
        }
    }
}

impl FrameSink for Endpoint {
    fn frame(&self, generation: u64, line: &Bytes) {
        if let Some((number, rest)) = self.own_answer(line) {
            // Callbacks before the answer run before it.
            if self.inbox.is_idle() {
                let connection = find(&self.state.lock(), generation);
                if let Some(connection) = connection {
                    connection.deliver(number, Answer::Own(rest));
                }
                return;
            }
        } else if line.starts_with(br#"{"t":"r","js":1,"#) {
            // It answers a window.
            return;
        } else if !self.concerns(generation, line) {
            if self.takes_request(generation, line) {
                self.inbox.push(Item::Request(generation, line.clone()));
            }
            return;
        }
        self.inbox.push(Item::Frame(generation, line.clone()));
    }

    fn is_full(&self) -> bool {
        self.inbox.is_full()
    }

    fn exited(&self, generation: u64, reason: &ExitReason, code: Option<i32>) {
        let (process, reason) = (self.process.clone(), reason.clone());
        let error = Error::Exited { process, generation, reason, code };
        self.state.lock().exit = Some((generation, error.clone()));
        self.inbox.push(Item::Exited(generation, error));
    }

    /// Closes the connections at once: the thread of the hub may end before it handles further items.
    fn removed(&self) {
        let (connections, exit) = {
            let mut state = self.state.lock();
            (std::mem::take(&mut state.connections), state.exit.clone())
        };
        let error = match exit {
            Some((_, error)) => error,
            None => {
                Error::not_running(&self.process, &crate::Error::NotFound(self.process.clone()))
            }
        };
        for connection in connections {
            connection.close(error.clone());
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.inbox.push(Item::Closed);
    }
}

/// Handles the items of an endpoint in order, until the endpoint is gone.
async fn handle_items(inbox: Arc<Inbox>, endpoint: Weak<Endpoint>) {
    loop {
        let item = inbox.next().await;
        let Some(endpoint) = endpoint.upgrade() else { return };
        let cost = item.cost();
        // The panic hook has reported a panic of a callback.
        let _ = catch_unwind(AssertUnwindSafe(|| endpoint.handle(item)));
        if inbox.handled(cost) {
            endpoint.has_room();
        }
        drop(endpoint);
        tokio::task::coop::consume_budget().await;
    }
}

fn find(state: &State, generation: u64) -> Option<Arc<Connection>> {
    state.connections.iter().find(|known| known.generation() == generation).cloned()
}

fn run_callback(connection: &Arc<Connection>, id: &str, args: Value, has_placeholders: bool) {
    if let Some(run) = connection.callback(id) {
        run(args, has_placeholders, connection);
    }
}
