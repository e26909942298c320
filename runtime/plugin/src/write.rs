//! Input on its way from a page: the raw command, and what keeps a resent request from counting twice.

use std::collections::{HashMap, VecDeque};

use parking_lot::{Mutex, MutexGuard};
use serde::Deserialize;
use tauri::ipc::{InvokeBody, Request};

use crate::error::Error;

/// How many writers of one window are remembered: the open streams of its page and of the one before.
const WRITERS: usize = 256;

/// Most bytes of one window's `write_stdin` calls that may wait for processes to read.
const MOST_WAITING: usize = 64 * 1024 * 1024;

/// Most calls of one window that may wait until some stdin has room.
const MOST_DRAINS: usize = 1024;

/// What a call that waits takes at the least, whatever it has to write.
const LEAST_WAITING: usize = 1024;

/// What is known of the windows that write.
#[derive(Default)]
pub(crate) struct Writers(Mutex<HashMap<String, Window>>);

#[derive(Default)]
struct Window {
    /// The last request of each writer, the latest writer last. `WebKit` lets a request fail when a page
    /// is reloaded, and Tauri then sends it again, although it has arrived.
    writers: VecDeque<(String, u64)>,
    /// Bytes that wait in commands.
    waiting: usize,
    /// Calls that wait for room.
    drains: usize,
}

/// Bytes or a call that wait, until it is dropped.
pub(crate) struct Waiting<'a> {
    writers: &'a Writers,
    label: String,
    bytes: usize,
    drains: usize,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(window) = self.writers.lock().get_mut(&self.label) {
            window.waiting = window.waiting.saturating_sub(self.bytes);
            window.drains = window.drains.saturating_sub(self.drains);
        }
    }
}

impl Writers {
    /// Does `write` unless this request, the writer's `seq`th, was done before. One that failed was not.
    pub(crate) fn once<T>(
        &self,
        label: &str,
        writer: &str,
        seq: u64,
        write: impl FnOnce() -> Result<T, Error>,
        again: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut windows = self.lock();
        let known = &mut windows.entry(label.to_owned()).or_default().writers;
        let index = known.iter().position(|(id, _)| id == writer);
        let last = index.and_then(|index| known.remove(index)).map_or(0, |(_, last)| last);
        // Writing neither waits nor calls back, so the lock may be held: two requests of one writer
        // must not overtake each other here.
        let done = if seq <= last { again() } else { write() };
        known.push_back((writer.to_owned(), if done.is_ok() { last.max(seq) } else { last }));
        if known.len() > WRITERS {
            known.pop_front();
        }
        done
    }

    /// Lets so many bytes wait for a process, unless too many of that window do already.
    pub(crate) fn wait(&self, label: &str, name: &str, bytes: usize) -> Result<Waiting<'_>, Error> {
        let bytes = bytes.max(LEAST_WAITING);
        let mut windows = self.lock();
        let window = windows.entry(label.to_owned()).or_default();
        if window.waiting > 0 && window.waiting.saturating_add(bytes) > MOST_WAITING {
            let name = name.to_owned();
            let full = js_runtime::Error::StdinFull { name, limit: MOST_WAITING, generation: None };
            return Err(full.into());
        }
        window.waiting += bytes;
        Ok(Waiting { writers: self, label: label.to_owned(), bytes, drains: 0 })
    }

    /// Lets a call wait for room, unless too many of that window do already.
    pub(crate) fn wait_for_room(&self, label: &str) -> Result<Waiting<'_>, Error> {
        let mut windows = self.lock();
        let window = windows.entry(label.to_owned()).or_default();
        if window.drains >= MOST_DRAINS {
            return Err(Error::invalid(format!(
                "{MOST_DRAINS} calls of window '{label}' wait for room in stdin already"
            )));
        }
        window.drains += 1;
        Ok(Waiting { writers: self, label: label.to_owned(), bytes: 0, drains: 1 })
    }

    pub(crate) fn windows_gone(&self, is_gone: impl Fn(&str) -> bool) {
        self.lock().retain(|label, _| !is_gone(label));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Window>> {
        self.0.lock()
    }
}

/// What a `write` request says about its body.
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) writer: String,
    pub(crate) seq: u64,
    /// The start of the process that it is for; `None` for the one that it meets, as pages of
    /// `tauri-plugin-js` know nothing of it.
    pub(crate) generation: Option<u64>,
}

impl Head {
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

/// Refuses what a page calls its writer or its attachment by if it is a burden to remember.
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
    value.ok_or_else(|| Error::invalid(format!("'write' needs the header '{name}' (ASCII)")))
}

/// The bytes of a request. The isolation pattern and the fallback over `postMessage` turn them into a list of
/// numbers.
pub(crate) fn body(body: &InvokeBody) -> Result<Vec<u8>, Error> {
    match body {
        InvokeBody::Raw(data) => Ok(data.clone()),
        InvokeBody::Json(value) => Vec::deserialize(value)
            .map_err(|_| Error::invalid("'write' takes bytes (a Uint8Array)")),
    }
}

/// The inverse of `encodeURIComponent`: headers are ASCII, names are not.
fn percent_decoded(text: &str) -> Result<String, Error> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded
        .map(String::from)
        .map_err(|_| Error::invalid("the header 'js-name' must be made with encodeURIComponent"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_comes_again_counts_once() {
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
    fn a_request_that_failed_may_come_again() {
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
    fn bytes_that_wait_are_bounded_and_given_back() {
        let writers = Writers::default();
        let one = writers.wait("main", "p", MOST_WAITING + 1).expect("one of any size");
        assert!(writers.wait("main", "p", 1).is_err());
        assert!(writers.wait("other", "p", 1).is_ok());
        drop(one);
        assert!(writers.wait("main", "p", 1).is_ok());
        let most = MOST_WAITING / LEAST_WAITING;
        let empty: Vec<_> = (0..most).map_while(|_| writers.wait("main", "p", 0).ok()).collect();
        assert_eq!(empty.len(), most);
        assert!(writers.wait("main", "p", 0).is_err(), "calls that write nothing wait too");
    }

    #[test]
    fn calls_that_wait_for_room_are_bounded_and_given_back() {
        let writers = Writers::default();
        let wait = || writers.wait_for_room("main").ok();
        let waiting: Vec<_> = std::iter::from_fn(wait).take(MOST_DRAINS + 1).collect();
        assert_eq!(waiting.len(), MOST_DRAINS);
        assert!(writers.wait("main", "p", 1).is_ok() && writers.wait_for_room("other").is_ok());
        drop(waiting);
        assert!(wait().is_some());
    }

    #[test]
    fn the_writers_that_are_remembered_are_bounded() {
        let writers = Writers::default();
        for number in 0..10_000 {
            writers.once("main", &number.to_string(), 1, || Ok(()), || Ok(())).expect("written");
        }
        assert_eq!(writers.lock()["main"].writers.len(), WRITERS);
    }

    #[test]
    fn names_survive_the_header() {
        for (text, name) in [("math", Some("math")), ("gr%C3%B6%C3%9Fe%20%25", Some("größe %"))] {
            assert_eq!(percent_decoded(text).ok().as_deref(), name);
        }
        assert!(percent_decoded("%FF").is_err());
    }
}
