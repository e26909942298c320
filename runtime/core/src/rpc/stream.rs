//! Async iterables of a backend, read by Rust.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use parking_lot::{Mutex, MutexGuard};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::{Value, json};

use super::connection::Connection;
use super::decode::{self, STREAM};
use super::error::Error;

/// Items that are asked for first, and the most that are on their way or wait.
const FIRST_WINDOW: usize = 8;
const MAX_WINDOW: usize = 512;

/// Bytes that may be on their way or wait: the window shrinks when items are large.
const WINDOW_BYTES: usize = 1 << 20;

/// The items of an async iterable of a backend. At most 512 items or about 1 MiB wait here; then the backend's
/// generator waits. Dropping the stream ends it in the backend, as `break` in `for await` does.
///
/// Made by [`Remote::stream`](super::Remote::stream), or a part of an answer.
pub struct RemoteStream<T> {
    id: String,
    connection: Arc<Connection>,
    buffer: Arc<Buffer>,
    item: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> RemoteStream<T> {
    /// The next item; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        std::future::poll_fn(|context| self.poll_item(context)).await
    }

    fn poll_item(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        match self.buffer.poll(context.waker()) {
            Next::Item(item, has_placeholders, ask) => {
                self.ask(ask);
                let item = decode::decode(item, has_placeholders, Some(&self.connection));
                Poll::Ready(Some(item.map_err(|error| Error::answer("an async iterable", &error))))
            }
            Next::Wait(ask) => {
                self.ask(ask);
                Poll::Pending
            }
            Next::End(error) => Poll::Ready(error.map(Err)),
        }
    }

    fn ask(&self, count: usize) {
        if count > 0 {
            let frame = json!({ "t": "sq", "sid": self.id, "op": "pull", "n": count });
            self.connection.post(frame.to_string());
        }
    }
}

impl<T: DeserializeOwned> Stream for RemoteStream<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_item(context)
    }
}

impl<T> Drop for RemoteStream<T> {
    fn drop(&mut self) {
        if !self.buffer.has_ended() {
            self.connection.end_stream(&self.id);
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for RemoteStream<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (id, connection) = decode::reference(deserializer, STREAM)?;
        let buffer = Arc::new(Buffer::default());
        connection.add_stream(&id, &buffer);
        Ok(Self { id, connection, buffer, item: PhantomData })
    }
}

/// Items that have arrived and were not read yet.
#[derive(Default)]
pub(super) struct Buffer(Mutex<State>);

struct State {
    /// The items, and whether they have placeholders.
    items: VecDeque<(Value, bool)>,
    /// Items that were asked for and have not arrived.
    asked: usize,
    window: usize,
    end: End,
    reader: Option<Waker>,
}

/// Whether further items follow.
enum End {
    Open,
    /// The stream has failed, and the reader does not know it yet.
    Failed(Error),
    Ended,
}

impl Default for State {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            asked: 0,
            window: FIRST_WINDOW,
            end: End::Open,
            reader: None,
        }
    }
}

enum Next {
    /// The item, whether it has placeholders, and the number of items to ask for.
    Item(Value, bool, usize),
    Wait(usize),
    End(Option<Error>),
}

impl Buffer {
    fn poll(&self, reader: &Waker) -> Next {
        let mut state = self.0.lock();
        if let Some((item, has_placeholders)) = state.items.pop_front() {
            return Next::Item(item, has_placeholders, state.ask());
        }
        match std::mem::replace(&mut state.end, End::Ended) {
            End::Failed(error) => return Next::End(Some(error)),
            End::Ended => return Next::End(None),
            End::Open => state.end = End::Open,
        }
        let earlier = state.reader.replace(reader.clone());
        let next = Next::Wait(state.ask());
        drop(state);
        drop(earlier);
        next
    }

    /// Items have arrived in a frame of so many bytes. Returns `false` if there are more than were asked for.
    pub(super) fn receive(&self, items: Vec<Value>, has_placeholders: bool, bytes: usize) -> bool {
        let mut state = self.0.lock();
        if items.len() > state.asked {
            return false;
        }
        state.asked -= items.len();
        if !items.is_empty() {
            let most = WINDOW_BYTES * items.len() / bytes.max(1);
            state.window = (state.window * 2).min(most).clamp(1, MAX_WINDOW);
        }
        state.items.extend(items.into_iter().map(|item| (item, has_placeholders)));
        wake(state);
        true
    }

    /// No item follows.
    pub(super) fn end(&self, error: Option<Error>) {
        let mut state = self.0.lock();
        if matches!(state.end, End::Open) {
            state.end = error.map_or(End::Ended, End::Failed);
        }
        wake(state);
    }

    fn has_ended(&self) -> bool {
        !matches!(self.0.lock().end, End::Open)
    }
}

impl State {
    /// The number of items to ask for: when half of the window is free.
    fn ask(&mut self) -> usize {
        let free = self.window.saturating_sub(self.asked + self.items.len());
        if !matches!(self.end, End::Open) || free < (self.window / 2).max(1) {
            return 0;
        }
        self.asked += free;
        free
    }
}

/// Wakes the reader without the lock: waking may drop the stream.
fn wake(mut state: MutexGuard<'_, State>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(next: &Next) -> usize {
        match next {
            Next::Item(_, _, ask) | Next::Wait(ask) => *ask,
            Next::End(_) => 0,
        }
    }

    #[test]
    fn the_window_grows_with_small_items_and_shrinks_with_large_ones() {
        let buffer = Buffer::default();
        let poll = || buffer.poll(Waker::noop());
        assert_eq!(asked(&poll()), FIRST_WINDOW);
        assert!(buffer.receive(vec![json!(1); 8], false, 80));
        let asks = (0..8).map(|_| asked(&poll())).sum::<usize>();
        assert_eq!(asks, FIRST_WINDOW + 1, "half of twice the window is free after the first item");
        assert!(buffer.receive(vec![json!("large")], false, WINDOW_BYTES));
        assert_eq!(asked(&poll()), 0, "the rest of the first window is on its way");
    }

    #[test]
    fn more_items_than_were_asked_for_are_refused() {
        let buffer = Buffer::default();
        assert!(!buffer.receive(vec![json!(1)], false, 10));
        assert!(matches!(buffer.poll(Waker::noop()), Next::Wait(FIRST_WINDOW)));
        assert!(!buffer.receive(vec![json!(1); FIRST_WINDOW + 1], false, 10));
    }

    #[test]
    fn the_error_of_a_stream_follows_its_items_once() {
        let buffer = Buffer::default();
        assert!(matches!(buffer.poll(Waker::noop()), Next::Wait(_)));
        assert!(buffer.receive(vec![json!(1)], false, 10));
        buffer.end(Some(Error::from_wire(json!({ "n": "E", "m": "no" }))));
        assert!(matches!(buffer.poll(Waker::noop()), Next::Item(..)));
        assert!(matches!(buffer.poll(Waker::noop()), Next::End(Some(_))));
        assert!(matches!(buffer.poll(Waker::noop()), Next::End(None)));
    }
}
