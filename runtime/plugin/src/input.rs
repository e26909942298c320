//! Stdin from pages: the format of a `write` request, and the bounds of what waits.

use std::collections::{HashMap, VecDeque};

use parking_lot::{Mutex, MutexGuard};
use serde::Deserialize;
use tauri::ipc::{InvokeBody, Request};

use crate::error::Error;

/// Most writers of one window whose last request is recorded: those of its page and of the page before.
const MAX_WRITERS: usize = 256;

/// Most bytes of one window's `write_stdin` calls that wait for processes to read.
const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;

/// Most `drain` calls of one window that wait for room in a stdin queue.
const MAX_DRAINS: usize = 1024;

/// Bytes that a waiting `write_stdin` call counts at least, for its own memory.
const MIN_WAITING_BYTES: usize = 1024;

/// The writers and waiting calls of each window, by its label.
#[derive(Default)]
pub(crate) struct Writers(Mutex<HashMap<String, Window>>);

#[derive(Default)]
struct Window {
    /// The number of the last accepted request of each writer, the most recent writer last.
    ///
    /// When a page is reloaded, `WebKit` reports a request as failed although it has arrived, and Tauri sends
    /// it again.
    last_requests: VecDeque<(String, u64)>,
    /// Bytes of waiting `write_stdin` calls.
    waiting_bytes: usize,
    /// Waiting `drain` calls.
    drains: usize,
}

/// A waiting call. Dropping it releases its share of the bounds.
pub(crate) struct WaitingCall<'a> {
    writers: &'a Writers,
    label: String,
    bytes: usize,
    drains: usize,
}

impl Drop for WaitingCall<'_> {
    fn drop(&mut self) {
        if let Some(window) = self.writers.lock().get_mut(&self.label) {
            window.waiting_bytes = window.waiting_bytes.saturating_sub(self.bytes);
            window.drains = window.drains.saturating_sub(self.drains);
        }
    }
}

impl Writers {
    /// Calls `write` unless request `seq` of this writer, or a later one, was accepted before; then calls
    /// `repeated`. A request whose `write` failed does not count as accepted.
    pub(crate) fn once<T>(
        &self,
        label: &str,
        writer: &str,
        seq: u64,
        write: impl FnOnce() -> Result<T, Error>,
        repeated: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut windows = self.lock();
        let requests = &mut windows.entry(label.to_owned()).or_default().last_requests;
        let index = requests.iter().position(|(id, _)| id == writer);
        let last = index.and_then(|index| requests.remove(index)).map_or(0, |(_, last)| last);
        // Under the lock, so that two requests of one writer keep their order. `write` neither waits nor
        // takes this lock.
        let result = if seq <= last { repeated() } else { write() };
        requests.push_back((writer.to_owned(), if result.is_ok() { last.max(seq) } else { last }));
        if requests.len() > MAX_WRITERS {
            requests.pop_front();
        }
        result
    }

    /// Registers a `write_stdin` call of so many bytes. Fails if the window has too many waiting bytes;
    /// a single call may have any size.
    pub(crate) fn wait_to_write(
        &self,
        label: &str,
        name: &str,
        bytes: usize,
    ) -> Result<WaitingCall<'_>, Error> {
        let bytes = bytes.max(MIN_WAITING_BYTES);
        let mut windows = self.lock();
        let window = windows.entry(label.to_owned()).or_default();
        let waiting = window.waiting_bytes;
        if waiting > 0 && waiting.saturating_add(bytes) > MAX_WAITING_BYTES {
            let (name, limit) = (name.to_owned(), MAX_WAITING_BYTES);
            return Err(js_runtime::Error::StdinFull { name, limit, generation: None }.into());
        }
        window.waiting_bytes += bytes;
        Ok(WaitingCall { writers: self, label: label.to_owned(), bytes, drains: 0 })
    }

    /// Registers a `drain` call. Fails if the window has too many of them.
    pub(crate) fn wait_to_drain(&self, label: &str) -> Result<WaitingCall<'_>, Error> {
        let mut windows = self.lock();
        let window = windows.entry(label.to_owned()).or_default();
        if window.drains >= MAX_DRAINS {
            return Err(Error::invalid(format!(
                "window '{label}' has {MAX_DRAINS} waiting 'drain' calls already"
            )));
        }
        window.drains += 1;
        Ok(WaitingCall { writers: self, label: label.to_owned(), bytes: 0, drains: 1 })
    }

    pub(crate) fn windows_gone(&self, is_gone: impl Fn(&str) -> bool) {
        self.lock().retain(|label, _| !is_gone(label));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Window>> {
        self.0.lock()
    }
}

/// The HTTP headers of a `write` request.
pub(crate) struct WriteHeader {
    /// The process.
    pub(crate) name: String,
    /// Identifies the writer within its window.
    pub(crate) writer: String,
    /// The number of the request; the same when it is sent again.
    pub(crate) seq: u64,
    /// The generation that the input is for. `None` is the current one: pages of `tauri-plugin-js` do not
    /// send it.
    pub(crate) generation: Option<u64>,
}

impl WriteHeader {
    pub(crate) fn parse(request: &Request<'_>) -> Result<Self, Error> {
        let writer = header(request, "js-writer")?;
        check_id("header 'js-writer'", writer)?;
        let has_generation = request.headers().contains_key("js-generation");
        let generation = has_generation.then(|| number(request, "js-generation")).transpose()?;
        Ok(Self {
            name: percent_decoded(header(request, "js-name")?)?,
            writer: writer.to_owned(),
            seq: number(request, "js-seq")?,
            generation,
        })
    }
}

/// Bounds the length of an identifier that a page chooses and Rust stores.
pub(crate) fn check_id(what: &str, id: &str) -> Result<(), Error> {
    if (1..=64).contains(&id.len()) {
        return Ok(());
    }
    Err(Error::invalid(format!("the {what} must have 1 to 64 characters")))
}

fn number(request: &Request<'_>, name: &str) -> Result<u64, Error> {
    let invalid = |_| Error::invalid(format!("the header '{name}' must be a number"));
    header(request, name)?.parse().map_err(invalid)
}

fn header<'a>(request: &'a Request<'_>, name: &str) -> Result<&'a str, Error> {
    let value = request.headers().get(name).and_then(|value| value.to_str().ok());
    value.ok_or_else(|| Error::invalid(format!("'write' requires the header '{name}' in ASCII")))
}

/// The bytes of a `write` request. The isolation pattern and the fallback over `postMessage` send them as a
/// JSON array of numbers.
pub(crate) fn body(body: &InvokeBody) -> Result<Vec<u8>, Error> {
    match body {
        InvokeBody::Raw(data) => Ok(data.clone()),
        InvokeBody::Json(value) => Vec::deserialize(value)
            .map_err(|_| Error::invalid("the body of 'write' must be bytes (a Uint8Array)")),
    }
}

/// Reverses `encodeURIComponent`: names may contain any character, headers only ASCII.
fn percent_decoded(text: &str) -> Result<String, Error> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded
        .map(String::from)
        .map_err(|_| Error::invalid("the header 'js-name' must be encoded with encodeURIComponent"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_request_is_written_once() {
        let writers = Writers::default();
        let write = |writer: &str, seq| {
            writers.once("main", writer, seq, || Ok(true), || Ok(false)).expect("written")
        };
        assert!(write("a", 1));
        assert!(!write("a", 1));
        assert!(write("b", 1));
        assert!(write("a", 2));
        assert!(!write("a", 1));
        writers.windows_gone(|label| label == "main");
        assert!(write("a", 1));
    }

    #[test]
    fn a_failed_request_can_be_repeated() {
        let writers = Writers::default();
        let failed = || Err::<(), _>(Error::invalid("full"));
        assert!(writers.once("main", "a", 1, failed, || Ok(())).is_err());
        let mut written = false;
        let write = || {
            written = true;
            Ok(())
        };
        writers.once("main", "a", 1, write, || Ok(())).expect("written");
        assert!(written);
    }

    #[test]
    fn waiting_bytes_are_bounded_and_released() {
        let writers = Writers::default();
        let one = writers
            .wait_to_write("main", "p", MAX_WAITING_BYTES + 1)
            .expect("a single call may have any size");
        assert!(writers.wait_to_write("main", "p", 1).is_err());
        assert!(writers.wait_to_write("other", "p", 1).is_ok());
        drop(one);
        assert!(writers.wait_to_write("main", "p", 1).is_ok());
        let most = MAX_WAITING_BYTES / MIN_WAITING_BYTES;
        let empty: Vec<_> =
            (0..most).map_while(|_| writers.wait_to_write("main", "p", 0).ok()).collect();
        assert_eq!(empty.len(), most);
        assert!(writers.wait_to_write("main", "p", 0).is_err(), "empty calls count too");
    }

    #[test]
    fn drain_calls_are_bounded_and_released() {
        let writers = Writers::default();
        let wait = || writers.wait_to_drain("main").ok();
        let waiting: Vec<_> = std::iter::from_fn(wait).take(MAX_DRAINS + 1).collect();
        assert_eq!(waiting.len(), MAX_DRAINS);
        assert!(
            writers.wait_to_write("main", "p", 1).is_ok() && writers.wait_to_drain("other").is_ok()
        );
        drop(waiting);
        assert!(wait().is_some());
    }

    #[test]
    fn recorded_writers_are_bounded() {
        let writers = Writers::default();
        for number in 0..10_000 {
            writers.once("main", &number.to_string(), 1, || Ok(()), || Ok(())).expect("written");
        }
        assert_eq!(writers.lock()["main"].last_requests.len(), MAX_WRITERS);
    }

    #[test]
    fn names_are_percent_decoded() {
        for (text, name) in [("math", Some("math")), ("gr%C3%B6%C3%9Fe%20%25", Some("größe %"))] {
            assert_eq!(percent_decoded(text).ok().as_deref(), name);
        }
        assert!(percent_decoded("%FF").is_err());
    }
}
