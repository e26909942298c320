//! The measured backends and the frames that call them.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use js_runtime::Runtime;
use serde_json::json;

use crate::session::Session;

/// The folder of the bundled backends.
pub(crate) struct Backends(PathBuf);

impl Backends {
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// A backend on `serve` that imports nothing of Node.
    pub(crate) fn serve(&self) -> String {
        self.path("serve")
    }

    /// A backend on `serve` that uses modules of Node.
    pub(crate) fn serve_with_node_modules(&self) -> String {
        self.path("serve-node")
    }

    /// A backend on kkrpc with the adapter for a runtime.
    pub(crate) fn kkrpc(&self, adapter: Runtime) -> String {
        self.path(&format!("kkrpc-{adapter}"))
    }

    fn path(&self, name: &str) -> String {
        self.0.join(format!("{name}.mjs")).display().to_string()
    }
}

/// What the frames of a call look like.
#[derive(Clone, Copy)]
pub(crate) enum Wire {
    /// Frames of `connect`.
    Serve,
    /// Frames of kkrpc 0.2 with the serialization `json`, which its backends read faster than `superjson`.
    Kkrpc,
}

impl Wire {
    /// A call of `add(number, 1)`, with its line feed.
    pub(crate) fn add(self, number: usize) -> Bytes {
        let frame = match self {
            Self::Serve => json!({
                "t": "q", "js": 1, "id": format!("bench.{number}"), "op": "call", "p": ["add"],
                "a": [number, 1],
            }),
            Self::Kkrpc => json!({
                "id": format!("1-2-3-{number}"), "method": "add", "args": [number, 1], "type": "request",
                "callbackIds": [], "version": "json",
            }),
        };
        format!("{frame}\n").into()
    }

    /// Makes one call and checks its result.
    pub(crate) async fn check(self, session: &mut Session) {
        session.round_trip(&self.add(41)).await;
        let answer = String::from_utf8_lossy(session.answer());
        let expected = match self {
            Self::Serve => "\"v\":42",
            Self::Kkrpc => "\"result\":42",
        };
        assert!(answer.contains(expected), "the answer to a call: {answer}");
    }
}
