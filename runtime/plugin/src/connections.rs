//! Support for RPC connections of pages, without reading a frame.
//!
//! - Every window that is attached to a process receives its requests. The first window that claims a request answers
//!   it.
//! - A page registers a line for each connection. The plugin writes it to the process when the page closes the
//!   connection, is left or loses its window, so that the process ends what the page has asked for.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;

use crate::error::Error;

/// Most claimed requests that are remembered for one process. Windows claim a request as soon as it arrives.
const MAX_CLAIMS: usize = 1024;

/// Most open connections of one window. The oldest is forgotten for a further one.
const MAX_CONNECTIONS: usize = 256;

/// Most bytes of the last line of a connection.
const MAX_LINE_BYTES: usize = 256;

/// The RPC connections of all windows.
#[derive(Default)]
pub(crate) struct Connections {
    claims: Mutex<HashMap<String, Claims>>,
    /// By the label of the window, oldest first.
    open: Mutex<HashMap<String, VecDeque<Connection>>>,
}

/// The claimed requests of one generation.
#[derive(Default)]
struct Claims {
    generation: u64,
    requests: VecDeque<String>,
}

/// A connection to one generation of a process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) generation: u64,
    /// The line to write when the connection ends.
    pub(crate) last_line: String,
}

impl Connections {
    /// Claims a request of a process for the caller. Returns whether the caller is the first. `is_listed` tells
    /// whether a process exists: claims of others are dropped.
    pub(crate) fn claim(
        &self,
        name: &str,
        generation: u64,
        request: String,
        is_listed: impl Fn(&str) -> bool,
    ) -> bool {
        let mut all = self.claims.lock();
        all.retain(|other, _| other == name || is_listed(other));
        let claims = all.entry(name.to_owned()).or_default();
        if generation < claims.generation {
            return false;
        }
        if generation > claims.generation {
            *claims = Claims { generation, requests: VecDeque::new() };
        }
        if claims.requests.contains(&request) {
            return false;
        }
        if claims.requests.len() == MAX_CLAIMS {
            claims.requests.pop_front();
        }
        claims.requests.push_back(request);
        true
    }

    /// Claims a request for a function that Rust exposes.
    pub(crate) fn claim_for_rust(&self, name: &str, generation: u64, request: &str) -> bool {
        // The process has just sent the request, so it exists.
        self.claim(name, generation, request.to_owned(), |_| true)
    }

    /// Registers a connection of a window.
    ///
    /// # Errors
    /// If the last line is too long.
    pub(crate) fn open(&self, label: &str, connection: Connection) -> Result<(), Error> {
        if connection.last_line.len() > MAX_LINE_BYTES {
            return Err(Error::invalid(format!(
                "the last line of a connection may have at most {MAX_LINE_BYTES} bytes"
            )));
        }
        let mut open = self.open.lock();
        let connections = open.entry(label.to_owned()).or_default();
        connections.retain(|other| other.id != connection.id);
        if connections.len() == MAX_CONNECTIONS {
            connections.pop_front();
        }
        connections.push_back(connection);
        Ok(())
    }

    /// Removes a connection of a window.
    pub(crate) fn close(&self, label: &str, id: &str) -> Option<Connection> {
        let mut open = self.open.lock();
        let connections = open.get_mut(label)?;
        let index = connections.iter().position(|connection| connection.id == id)?;
        connections.remove(index)
    }

    /// Removes all connections of the windows for which `is_gone` is true.
    pub(crate) fn take_gone(&self, is_gone: impl Fn(&str) -> bool) -> Vec<Connection> {
        let mut gone = Vec::new();
        self.open.lock().retain(|label, connections| {
            let is_gone = is_gone(label);
            if is_gone {
                gone.extend(connections.drain(..));
            }
            !is_gone
        });
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(connections: &Connections, name: &str, generation: u64, request: &str) -> bool {
        connections.claim(name, generation, request.to_owned(), |name| name != "removed")
    }

    fn connection(id: &str) -> Connection {
        Connection {
            id: id.to_owned(),
            name: "p".to_owned(),
            generation: 1,
            last_line: "bye\n".to_owned(),
        }
    }

    #[test]
    fn the_first_claim_of_a_request_succeeds() {
        let connections = Connections::default();
        assert!(claim(&connections, "p", 1, "a"));
        assert!(!claim(&connections, "p", 1, "a"));
        assert!(claim(&connections, "p", 1, "b"));
        assert!(claim(&connections, "q", 1, "a"));
        assert!(claim(&connections, "p", 2, "a"));
        assert!(!claim(&connections, "p", 1, "c"), "the generation is over");
    }

    #[test]
    fn claims_are_bounded() {
        let connections = Connections::default();
        for request in 0..=MAX_CLAIMS {
            assert!(claim(&connections, "p", 1, &request.to_string()));
        }
        assert_eq!(connections.claims.lock()["p"].requests.len(), MAX_CLAIMS);
        assert!(claim(&connections, "removed", 1, "a"));
        assert!(claim(&connections, "p", 1, "a"));
        assert_eq!(connections.claims.lock().len(), 1);
    }

    #[test]
    fn a_connection_is_closed_once() {
        let connections = Connections::default();
        connections.open("main", connection("a")).expect("short");
        assert_eq!(connections.close("other", "a"), None);
        assert_eq!(connections.close("main", "a"), Some(connection("a")));
        assert_eq!(connections.close("main", "a"), None);
    }

    #[test]
    fn connections_of_a_window_are_bounded_and_end_with_it() {
        let connections = Connections::default();
        for id in 0..=MAX_CONNECTIONS {
            connections.open("main", connection(&id.to_string())).expect("short");
        }
        connections.open("other", connection("x")).expect("short");
        assert_eq!(connections.take_gone(|label| label == "main").len(), MAX_CONNECTIONS);
        assert_eq!(connections.take_gone(|label| label == "main"), []);
        assert_eq!(connections.take_gone(|_| true), [connection("x")]);
    }

    #[test]
    fn a_long_last_line_is_refused() {
        let last_line = "x".repeat(MAX_LINE_BYTES + 1);
        let refused =
            Connections::default().open("main", Connection { last_line, ..connection("a") });
        assert!(refused.expect_err("too long").to_string().contains("at most 256 bytes"));
    }
}
