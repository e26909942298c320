//! A page's end of a stream: Tauri's Channel, which lets the page fetch what is large, or one that evaluates
//! everything.

use tauri::ipc::{Channel, InvokeResponseBody, Response};
use tauri::{Runtime, Webview};

/// Whether a page has large messages sooner when they are evaluated than when it fetches them: with `WebKitGTK`.
///
/// Measured there: a megabyte is evaluated in a third of the time in which it is fetched, as it is fetched in
/// pieces of 8 KiB, each by way of the main thread.
const EVALUATES: bool = cfg!(all(unix, not(target_vendor = "apple"), not(target_os = "android")));

/// From here on Tauri lets the page fetch a message instead of evaluating it, and then raw bytes save
/// an escape and a parse.
const FETCHED: usize = 8 * 1024;

/// Where messages for a page go.
pub(crate) enum PageChannel {
    /// Tauri's own.
    Fetched(Channel<Response>),
    /// One that evaluates everything.
    Evaluated(Evaluated),
}

impl PageChannel {
    /// What serves a page that listens at `channel`, or at the callback `evaluated`.
    pub(crate) fn new<R: Runtime>(
        channel: Channel<Response>,
        evaluated: Option<u32>,
        webview: &Webview<R>,
    ) -> Self {
        let evaluated = evaluated.map(|id| {
            let webview = webview.clone();
            Evaluated::new(id, move |script| {
                let _ = webview.eval(script);
            })
        });
        // The one that is dropped tells the page that nothing comes there.
        match evaluated {
            Some(evaluated) if EVALUATES => Self::Evaluated(evaluated),
            _ => Self::Fetched(channel),
        }
    }

    /// Sends to the page. That it is gone is learnt from Tauri's events, not from here: nothing that
    /// is evaluated can tell.
    pub(super) fn send(&mut self, text: String) {
        match self {
            Self::Evaluated(channel) => channel.send(&text),
            Self::Fetched(channel) => {
                let body = if text.len() < FETCHED {
                    InvokeResponseBody::Json(serde_json::Value::String(text).to_string())
                } else {
                    InvokeResponseBody::Raw(text.into_bytes())
                };
                let _ = channel.send(Response::new(body));
            }
        }
    }
}

/// Speaks to a Channel of the page as Tauri does when messages are small.
pub(crate) struct Evaluated {
    id: u32,
    evaluate: Box<dyn Fn(String) + Send>,
    /// How many messages were sent: each says its number, and the last word how many there were.
    sent: u64,
}

impl Evaluated {
    fn new(id: u32, evaluate: impl Fn(String) + Send + 'static) -> Self {
        Self { id, evaluate: Box::new(evaluate), sent: 0 }
    }

    fn send(&mut self, text: &str) {
        // It may be megabytes, and some of it is escaped.
        self.run(text.len() + text.len() / 16 + 16, |script| {
            script.push_str("message: ");
            push_literal(script, text);
        });
        self.sent += 1;
    }

    /// Calls the page's function with what is pushed, for which it makes room at once.
    fn run(&self, room: usize, push: impl FnOnce(&mut String)) {
        let Self { id, evaluate, sent } = self;
        let mut script = format!("window.__TAURI_INTERNALS__.runCallback({id}, {{ index: {sent}, ");
        script.reserve(room);
        push(&mut script);
        script.push_str(" })");
        evaluate(script);
    }
}

impl Drop for Evaluated {
    fn drop(&mut self) {
        self.run(16, |script| script.push_str("end: true"));
    }
}

/// Text in JavaScript's source. Much of what backends print is JSON, full of double quotes, each of which
/// would have to be escaped: so it is in single ones.
fn push_literal(out: &mut String, text: &str) {
    let bytes = text.as_bytes();
    if memchr::memchr2(b'\r', b'\0', bytes).is_some() {
        out.push_str(&serde_json::Value::from(text).to_string());
        return;
    }
    out.push('\'');
    let mut begin = 0;
    for at in memchr::memchr3_iter(b'\'', b'\\', b'\n', bytes) {
        out.push_str(&text[begin..at]);
        let is_line_end = bytes[at] == b'\n';
        out.push_str(if is_line_end { "\\n" } else { "\\" });
        // A quote or a backslash follows what escapes it.
        begin = at + usize::from(is_line_end);
    }
    out.push_str(&text[begin..]);
    out.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn messages_are_numbered_and_the_end_says_how_many_there_were() {
        let (sender, scripts) = mpsc::channel();
        let mut channel = Evaluated::new(7, move |script| {
            // The test ends when it has seen everything.
            let _ = sender.send(script);
        });
        channel.send("a");
        channel.send(&"b".repeat(2 * FETCHED));
        drop(channel);
        let inner = |script: String| {
            let call = "window.__TAURI_INTERNALS__.runCallback(7, { index: ";
            let rest = script.strip_prefix(call).and_then(|rest| rest.strip_suffix(" })"));
            rest.expect("a call").to_owned()
        };
        let scripts: Vec<String> = scripts.iter().map(inner).collect();
        let long = format!("1, message: '{}'", "b".repeat(2 * FETCHED));
        assert_eq!(scripts, ["0, message: 'a'", &long, "2, end: true"]);
    }

    #[test]
    fn a_literal_means_its_text_whatever_that_is() {
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
