//! Support for RPC connections of pages, without reading a frame.
//!
//! - Every window that is attached to a process receives its requests. The first window that claims a request and offers
//!   its member answers it; if none offers it, the last window that declines.
//! - A page registers a line for each connection. The plugin writes it to the process when the page closes the
//!   connection, is left or loses its window, so that the process ends what the page has asked for.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;

use crate::error::Error;

/// How long the claims of a request are remembered, and for how many requests of one process. Windows claim a request as
/// soon as it arrives.
const CLAIM_TIME: Duration = Duration::from_mins(1);
const MAX_CLAIMS: usize = 65_536;

/// Most connections that are remembered to have declined one request.
const MAX_DECLINED: usize = 1024;

/// Most open connections of one window. The oldest is forgotten for a further one.
const MAX_CONNECTIONS: usize = 256;

/// Most bytes of the last line of a connection.
const MAX_LINE_BYTES: usize = 256;

/// The RPC connections of all windows.
#[derive(Default)]
pub(crate) struct Connections {
    /// By the name of the process.
    claims: Mutex<HashMap<String, Claims>>,
    /// By the label of the window, oldest first.
    open: Mutex<HashMap<String, VecDeque<Connection>>>,
    /// Ids of requests are remembered as hashes: a process may choose long ones.
    hasher: RandomState,
}

/// The requests of one generation that were claimed or declined.
#[derive(Default)]
struct Claims {
    generation: u64,
    requests: HashMap<u64, Claimed>,
    /// The keys of `requests`, oldest first.
    order: VecDeque<(Instant, u64)>,
}

enum Claimed {
    /// A connection answers.
    Granted,
    /// These connections do not offer the member.
    Declined(Vec<String>),
}

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Claim {
    /// The caller answers the request.
    Granted,
    /// Another connection answers it.
    Taken,
    /// Another connection may offer the member: the caller asks again.
    Wait,
}

/// A request of a process, as a connection that has received it claims it.
pub(crate) struct ClaimedRequest<'a> {
    pub(crate) name: &'a str,
    pub(crate) generation: u64,
    /// The id of the request.
    pub(crate) id: &'a str,
    /// The id of the connection.
    pub(crate) connection: &'a str,
    /// Whether the connection offers the member.
    pub(crate) offers: bool,
}

/// A connection to one generation of a process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) generation: u64,
    /// The line to write when the connection ends; empty for none.
    pub(crate) last_line: String,
    /// Whether the connection answers requests of the process.
    pub(crate) answers: bool,
}

impl Connection {
    fn has_last_line(&self) -> bool {
        !self.last_line.is_empty()
    }
}

impl Claims {
    /// Forgets the oldest requests.
    fn expire(&mut self, now: Instant) {
        while let Some((at, id)) = self.order.front() {
            let is_old = now.saturating_duration_since(*at) > CLAIM_TIME;
            if !is_old && self.order.len() < MAX_CLAIMS {
                break;
            }
            self.requests.remove(id);
            self.order.pop_front();
        }
    }
}

impl Connections {
    /// Claims a request of a process for a connection. `is_listed` tells whether a process exists: claims of others are
    /// dropped.
    pub(crate) fn claim(
        &self,
        request: &ClaimedRequest<'_>,
        now: Instant,
        is_listed: impl Fn(&str) -> bool,
    ) -> Claim {
        let &ClaimedRequest { name, generation, connection, .. } = request;
        let mut all = self.claims.lock();
        all.retain(|other, _| other == name || is_listed(other));
        let claims = all.entry(name.to_owned()).or_default();
        if generation < claims.generation {
            return Claim::Taken;
        }
        if generation > claims.generation {
            *claims = Claims { generation, ..Claims::default() };
        }
        let id = self.hasher.hash_one(request.id);
        if !claims.requests.contains_key(&id) {
            claims.expire(now);
            claims.order.push_back((now, id));
        }
        let claimed = claims.requests.entry(id).or_insert_with(|| Claimed::Declined(Vec::new()));
        let Claimed::Declined(declined) = claimed else { return Claim::Taken };
        if !request.offers {
            if declined.len() < MAX_DECLINED && !declined.iter().any(|other| other == connection) {
                declined.push(connection.to_owned());
            }
            if self.has_other(name, generation, declined) {
                return Claim::Wait;
            }
        }
        *claimed = Claimed::Granted;
        Claim::Granted
    }

    /// Whether a further connection than these answers requests of the process.
    fn has_other(&self, name: &str, generation: u64, declined: &[String]) -> bool {
        self.open.lock().values().flatten().any(|open| {
            open.answers
                && open.name == name
                && open.generation == generation
                && !declined.contains(&open.id)
        })
    }

    /// Claims a request for a function that Rust exposes.
    pub(crate) fn claim_for_rust(&self, name: &str, generation: u64, request: &str) -> bool {
        let request =
            ClaimedRequest { name, generation, id: request, connection: "", offers: true };
        // The process has just sent the request, so it exists.
        self.claim(&request, Instant::now(), |_| true) == Claim::Granted
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

    /// Removes a connection of a window. Returns it if it has a last line.
    pub(crate) fn close(&self, label: &str, id: &str) -> Option<Connection> {
        let mut open = self.open.lock();
        let connections = open.get_mut(label)?;
        let index = connections.iter().position(|connection| connection.id == id)?;
        connections.remove(index).filter(Connection::has_last_line)
    }

    /// Removes all connections of the windows for which `is_gone` is true. Returns those that have a last line.
    pub(crate) fn take_gone(&self, is_gone: impl Fn(&str) -> bool) -> Vec<Connection> {
        let mut gone = Vec::new();
        self.open.lock().retain(|label, connections| {
            let is_gone = is_gone(label);
            if is_gone {
                gone.extend(connections.drain(..).filter(Connection::has_last_line));
            }
            !is_gone
        });
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim_at(connections: &Connections, now: Instant, request: &ClaimedRequest<'_>) -> Claim {
        connections.claim(request, now, |name| name != "removed")
    }

    fn request<'a>(name: &'a str, generation: u64, id: &'a str) -> ClaimedRequest<'a> {
        ClaimedRequest { name, generation, id, connection: "a", offers: true }
    }

    fn claim(connections: &Connections, name: &str, generation: u64, id: &str) -> Claim {
        claim_at(connections, Instant::now(), &request(name, generation, id))
    }

    fn connection(id: &str) -> Connection {
        let last_line = "bye\n".to_owned();
        Connection {
            id: id.to_owned(),
            name: "p".to_owned(),
            generation: 1,
            last_line,
            answers: true,
        }
    }

    #[test]
    fn the_first_claim_of_a_request_succeeds() {
        let connections = Connections::default();
        let long = "x".repeat(100_000);
        for id in ["a", "b", &long] {
            assert_eq!(claim(&connections, "p", 1, id), Claim::Granted);
            assert_eq!(claim(&connections, "p", 1, id), Claim::Taken);
        }
        assert_eq!(claim(&connections, "q", 1, "a"), Claim::Granted);
        assert_eq!(claim(&connections, "p", 2, "a"), Claim::Granted);
        assert_eq!(claim(&connections, "p", 1, "c"), Claim::Taken, "the generation is over");
    }

    #[test]
    fn claims_are_bounded_by_count_and_time() {
        let connections = Connections::default();
        let start = Instant::now();
        let at = |seconds, id: &str| {
            claim_at(&connections, start + Duration::from_secs(seconds), &request("p", 1, id))
        };
        for id in 0..=MAX_CLAIMS {
            assert_eq!(at(0, &id.to_string()), Claim::Granted);
        }
        assert_eq!(connections.claims.lock()["p"].requests.len(), MAX_CLAIMS);
        assert_eq!(connections.claims.lock()["p"].order.len(), MAX_CLAIMS);
        assert_eq!(at(60, "1"), Claim::Taken);
        assert_eq!(at(61, "new"), Claim::Granted);
        assert_eq!(connections.claims.lock()["p"].requests.len(), 1);
        assert_eq!(claim(&connections, "removed", 1, "a"), Claim::Granted);
        assert_eq!(claim(&connections, "p", 1, "a"), Claim::Granted);
        assert_eq!(connections.claims.lock().len(), 1);
    }

    #[test]
    fn the_last_connection_that_declines_answers() {
        let connections = Connections::default();
        for id in ["a", "b"] {
            connections.open(id, connection(id)).expect("short");
        }
        let silent = Connection { answers: false, ..connection("c") };
        connections.open("c", silent).expect("short");
        let earlier = Connection { generation: 0, ..connection("d") };
        connections.open("d", earlier).expect("short");
        let claim = |connection, id, offers| {
            let request = ClaimedRequest { connection, offers, ..request("p", 1, id) };
            claim_at(&connections, Instant::now(), &request)
        };
        assert_eq!(claim("a", "1", false), Claim::Wait);
        assert_eq!(claim("a", "1", false), Claim::Wait);
        assert_eq!(claim("b", "1", false), Claim::Granted);
        assert_eq!(claim("a", "1", false), Claim::Taken);
        assert_eq!(claim("a", "2", false), Claim::Wait);
        assert_eq!(claim("b", "2", true), Claim::Granted);
        assert_eq!(claim("a", "2", false), Claim::Taken);
        assert_eq!(claim("a", "3", false), Claim::Wait);
        connections.close("b", "b");
        assert_eq!(claim("a", "3", false), Claim::Granted);
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
    fn a_connection_without_a_last_line_ends_silently() {
        let connections = Connections::default();
        let silent = || Connection { last_line: String::new(), ..connection("a") };
        connections.open("main", connection("a")).expect("short");
        // Replaces the earlier registration.
        connections.open("main", silent()).expect("short");
        assert_eq!(connections.close("main", "a"), None);
        connections.open("main", silent()).expect("short");
        assert_eq!(connections.take_gone(|_| true), []);
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
