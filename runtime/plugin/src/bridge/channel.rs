//! The connection to a page: Tauri's Channel, from which the page fetches large messages, or a channel that
//! evaluates all messages.

use tauri::ipc::{Channel, InvokeResponseBody, Response};
use tauri::{Runtime, Webview};

/// Whether evaluating a large message is faster than fetching it: with `WebKitGTK`.
///
/// There, evaluating a megabyte takes a third of the time of fetching it: a fetch transfers pieces of 8 KiB,
/// each through the main thread.
const EVALUATES: bool = cfg!(all(unix, not(target_vendor = "apple"), not(target_os = "android")));

/// Messages of this many bytes are fetched by Tauri's Channel, not evaluated. Sent as raw bytes, they are
/// neither escaped nor parsed.
const FETCH_BYTES: usize = 8 * 1024;

/// A channel to a page.
pub(crate) enum PageChannel {
    /// Tauri's Channel.
    Fetched(Channel<Response>),
    /// A channel that evaluates all messages.
    Evaluated(EvalChannel),
}

impl PageChannel {
    /// A channel to a page that listens at `channel`, and at the callback `evaluated` if there is one.
    pub(crate) fn new<R: Runtime>(
        channel: Channel<Response>,
        evaluated: Option<u32>,
        webview: &Webview<R>,
    ) -> Self {
        let evaluated = evaluated.map(|id| {
            let webview = webview.clone();
            EvalChannel::new(id, move |script| {
                let _ = webview.eval(script);
            })
        });
        // The unused one is dropped, which tells the page that it gets no messages there.
        match evaluated {
            Some(evaluated) if EVALUATES => Self::Evaluated(evaluated),
            _ => Self::Fetched(channel),
        }
    }

    /// Sends to the page. Errors are ignored: Tauri's events report that a page is gone.
    pub(super) fn send(&mut self, text: String) {
        match self {
            Self::Evaluated(channel) => channel.send(&text),
            Self::Fetched(channel) => {
                let body = if text.len() < FETCH_BYTES {
                    InvokeResponseBody::Json(serde_json::Value::String(text).to_string())
                } else {
                    InvokeResponseBody::Raw(text.into_bytes())
                };
                let _ = channel.send(Response::new(body));
            }
        }
    }
}

/// Calls the callback of a page's Channel as Tauri does for small messages.
pub(crate) struct EvalChannel {
    id: u32,
    evaluate: Box<dyn Fn(String) + Send>,
    /// Messages sent so far: the index of the next message, and of the end.
    sent: u64,
}

impl EvalChannel {
    fn new(id: u32, evaluate: impl Fn(String) + Send + 'static) -> Self {
        Self { id, evaluate: Box::new(evaluate), sent: 0 }
    }

    fn send(&mut self, text: &str) {
        // Room for the text and some escapes.
        self.call(text.len() + text.len() / 16 + 16, |script| {
            script.push_str("message: ");
            push_literal(script, text);
        });
        self.sent += 1;
    }

    /// Calls the page's callback with the fields that `push` writes. `room` is their expected size in bytes.
    fn call(&self, room: usize, push: impl FnOnce(&mut String)) {
        let Self { id, evaluate, sent } = self;
        let mut script = format!("window.__TAURI_INTERNALS__.runCallback({id}, {{ index: {sent}, ");
        script.reserve(room);
        push(&mut script);
        script.push_str(" })");
        evaluate(script);
    }
}

impl Drop for EvalChannel {
    fn drop(&mut self) {
        self.call(16, |script| script.push_str("end: true"));
    }
}

/// Writes a JavaScript string literal. It has single quotes: output is often JSON, whose double quotes then
/// need no escapes.
fn push_literal(out: &mut String, text: &str) {
    let bytes = text.as_bytes();
    if memchr::memchr2(b'\r', b'\0', bytes).is_some() {
        out.push_str(&serde_json::Value::from(text).to_string());
        return;
    }
    out.push('\'');
    let mut start = 0;
    for at in memchr::memchr3_iter(b'\'', b'\\', b'\n', bytes) {
        out.push_str(&text[start..at]);
        let is_line_end = bytes[at] == b'\n';
        out.push_str(if is_line_end { "\\n" } else { "\\" });
        // The quote or backslash itself is pushed with the text that follows.
        start = at + usize::from(is_line_end);
    }
    out.push_str(&text[start..]);
    out.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn messages_are_numbered_and_the_end_has_their_count() {
        let (sender, scripts) = mpsc::channel();
        let mut channel = EvalChannel::new(7, move |script| {
            // Fails only if the receiver below is gone.
            let _ = sender.send(script);
        });
        channel.send("a");
        channel.send(&"b".repeat(2 * FETCH_BYTES));
        drop(channel);
        let inner = |script: String| {
            let call = "window.__TAURI_INTERNALS__.runCallback(7, { index: ";
            let rest = script.strip_prefix(call).and_then(|rest| rest.strip_suffix(" })"));
            rest.expect("a call").to_owned()
        };
        let scripts: Vec<String> = scripts.iter().map(inner).collect();
        let long = format!("1, message: '{}'", "b".repeat(2 * FETCH_BYTES));
        assert_eq!(scripts, ["0, message: 'a'", &long, "2, end: true"]);
    }

    #[test]
    fn a_literal_evaluates_to_its_text() {
        for (text, source) in [
            ("", "''"),
            (r#"{"a":"é"}"#, r#"'{"a":"é"}'"#),
            ("it's\n\n\\n", r"'it\'s\n\n\\n'"),
            ("'\u{2028}</script>'", "'\\'\u{2028}</script>\\''"),
            ("'\r\0\"", r#""'\r\u0000\"""#),
        ] {
            let mut literal = String::new();
            push_literal(&mut literal, text);
            assert_eq!(literal, source);
        }
    }
}
