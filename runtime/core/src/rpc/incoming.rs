//! Requests of backends for exposed functions.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::args::{self, Encoded};
use super::connection::Connection;
use super::expose::Failure;
use super::frames::{self, Form};
use super::inbox::Inbox;

/// A parsed request.
pub(super) struct IncomingRequest {
    pub(super) id: Value,
    pub(super) function: String,
    pub(super) form: Form,
    pub(super) args: Vec<Value>,
    pub(super) has_placeholders: bool,
}

impl IncomingRequest {
    /// Parses a frame that [`FrameHead`] has recognized.
    ///
    /// # Errors
    /// The answer to a request whose arguments cannot be decoded: they are nested too deeply, or have half of a UTF-16
    /// pair.
    pub(super) fn parse(line: &[u8]) -> Result<Self, Option<String>> {
        let frame = match serde_json::from_slice(line) {
            Ok(frame) => frame,
            Err(error) => return Err(refusal(line, &error)),
        };
        let (mut frame, is_superjson) = frames::unwrapped(frame);
        let function = function_name(&frame);
        let form = request_form(frame["t"] == "q", frame["js"] == 1, is_superjson);
        let (args, has_placeholders) = request_args(&mut frame, form);
        Ok(Self { id: frame["id"].take(), function, form, args, has_placeholders })
    }
}

fn refusal(line: &[u8], error: &serde_json::Error) -> Option<String> {
    let outer: FrameHead<'_> = serde_json::from_slice(line).ok()?;
    let is_superjson = outer.json.is_some();
    let head = outer.inner();
    let form = request_form(head.t.is_some(), head.js == Some(1), is_superjson);
    let failure = Failure::named("TypeError", format!("the arguments cannot be decoded: {error}"));
    Some(frames::failure(form, &json!(head.id.as_deref()?), &failure.to_wire()))
}

/// The fields of a frame that say what it is for. Values are skipped, and may be ones that cannot be decoded.
#[derive(Deserialize)]
pub(super) struct FrameHead<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) sid: Option<Cow<'a, str>>,
    #[serde(default)]
    js: Option<u8>,
    #[serde(borrow, default)]
    pub(super) t: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    op: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    to: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    p: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) r#type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    json: Option<Box<FrameHead<'a>>>,
}

impl FrameHead<'_> {
    /// The id and the function of an unaddressed call.
    pub(super) fn call(&self) -> Option<(&str, String)> {
        let Self { id, t, op, to, p, method, r#type, .. } = self.inner();
        let id = id.as_deref()?;
        match (t.as_deref(), op.as_deref(), r#type.as_deref()) {
            (Some("q"), Some("call"), _) if to.is_none() => Some((id, p.as_ref()?.join("."))),
            (None, _, Some("request")) => Some((id, method.as_deref()?.to_owned())),
            _ => None,
        }
    }

    /// The frame without superjson's wrapper.
    pub(super) fn inner(&self) -> &Self {
        self.json.as_deref().filter(|_| self.t.is_none()).unwrap_or(self)
    }
}

fn function_name(frame: &Value) -> String {
    match &frame["p"] {
        Value::Array(path) => path.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("."),
        _ => frame["method"].as_str().unwrap_or_default().to_owned(),
    }
}

fn request_form(is_compact: bool, is_own: bool, is_superjson: bool) -> Form {
    match (is_compact, is_own) {
        (false, _) => Form::Classic { knows_errors: false },
        (true, true) => Form::Own,
        (true, false) => Form::Compact { is_superjson },
    }
}

/// The arguments of a request, with placeholders for the functions of kkrpc.
fn request_args(frame: &mut Value, form: Form) -> (Vec<Value>, bool) {
    let is_wrapped = frame.get("method").is_some();
    let key = if matches!(form, Form::Classic { .. }) { "args" } else { "a" };
    let args = match frame[key].take() {
        Value::Array(args) => args,
        _ => Vec::new(),
    };
    if form == Form::Own && !is_wrapped {
        return (args, frame["x"] == 1);
    }
    let callback_ids = frame["callbackIds"].take();
    let is_callback =
        |id: &str| callback_ids.as_array().is_some_and(|ids| ids.iter().any(|known| known == id));
    let function_of = |arg: &Value| match arg {
        Value::String(text) => {
            text.strip_prefix("__callback__").filter(|id| is_callback(id)).map(str::to_owned)
        }
        Value::Object(wrapper) if wrapper.get("__kkrpc_next_arg__")? == "callback" => {
            wrapper.get("id")?.as_str().map(str::to_owned)
        }
        _ => None,
    };
    let mut has_functions = false;
    let mut args: Vec<_> = args
        .into_iter()
        .map(|arg| match function_of(&arg) {
            Some(id) => {
                has_functions = true;
                Err(json!({ args::KEY: "function", "id": id }))
            }
            None => Ok(frames::argument(arg)),
        })
        .collect();
    if has_functions {
        args.iter_mut().flatten().for_each(args::wrap_data);
    }
    (args.into_iter().map(|arg| arg.unwrap_or_else(|function| function)).collect(), has_functions)
}

/// Answers a request when it is dropped, after a panic too.
pub(super) struct RequestAnswer {
    pub(super) inbox: Arc<Inbox>,
    pub(super) connection: Arc<Connection>,
    pub(super) form: Form,
    pub(super) id: Value,
    pub(super) result: Result<Encoded, Failure>,
}

impl Drop for RequestAnswer {
    fn drop(&mut self) {
        let result = std::mem::replace(&mut self.result, Err(Failure::new("")));
        let frame = match result {
            Ok(encoded) if encoded.placeholders.is_some() && self.form != Form::Own => {
                let failure = Failure::new(
                    "the result has callbacks or binary data, which kkrpc does not have",
                );
                frames::failure(self.form, &self.id, &failure.to_wire())
            }
            Ok(encoded) => {
                let value = if encoded.json == "null" { String::new() } else { encoded.field("v") };
                let (callbacks, signals) = self.connection.register(encoded.references);
                if signals.is_empty() {
                    frames::answer(self.form, &self.id, &value)
                } else {
                    for id in &callbacks {
                        self.connection.free_callback(id);
                    }
                    let failure = Failure::new("a result cannot have an AbortSignal");
                    frames::failure(self.form, &self.id, &failure.to_wire())
                }
            }
            Err(failure) => frames::failure(self.form, &self.id, &failure.to_wire()),
        };
        self.connection.post(frame);
        self.inbox.answered();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(frame: &Value) -> Option<(String, String)> {
        let line = frame.to_string();
        let head: FrameHead<'_> = serde_json::from_str(&line).expect("it is a frame");
        head.call().map(|(id, function)| (id.to_owned(), function))
    }

    #[test]
    fn unaddressed_calls_of_every_form_are_recognized() {
        let expected = Some(("x.1".to_owned(), "a.b".to_owned()));
        for frame in [
            json!({ "t": "q", "js": 1, "id": "x.1", "op": "call", "p": ["a", "b"], "a": [1] }),
            json!({ "t": "q", "id": "x.1", "op": "call", "p": ["a", "b"], "a": [] }),
            json!({ "id": "x.1", "method": "a.b", "args": [], "type": "request", "version": "json" }),
            json!({ "json": { "id": "x.1", "method": "a.b", "args": [], "type": "request" }, "meta": {} }),
        ] {
            assert_eq!(call(&frame), expected, "{frame}");
        }
        for frame in [
            json!({ "t": "q", "js": 1, "id": "x.1", "op": "call", "p": ["a"], "to": "window" }),
            json!({ "t": "q", "js": 1, "id": "x.1", "op": "get", "p": ["a"] }),
            json!({ "t": "r", "js": 1, "id": "x.1", "v": { "t": "q" } }),
            json!({ "id": "x.1", "method": "a", "args": [], "type": "get" }),
        ] {
            assert_eq!(call(&frame), None, "{frame}");
        }
    }

    #[test]
    fn functions_of_kkrpc_become_placeholders_and_data_does_not() {
        let data = json!({ "$": "function", "id": "data" });
        let classic = json!({
            "id": "1", "method": "f", "type": "request", "callbackIds": ["c"],
            "args": ["__callback__c", "__callback__other", data],
        });
        let compact = json!({
            "t": "q", "id": "1", "op": "call", "p": ["f"],
            "a": [
                { "__kkrpc_next_arg__": "callback", "id": "c" },
                { "__kkrpc_next_arg__": "value", "v": "__callback__other" },
                { "__kkrpc_next_arg__": "value", "v": data },
            ],
        });
        let expected = [
            json!({ "$": "function", "id": "c" }),
            json!("__callback__other"),
            json!({ "$": "object", "value": data }),
        ];
        for frame in [classic, compact] {
            let parsed = IncomingRequest::parse(frame.to_string().as_bytes());
            let Ok(request) = parsed else { panic!("{frame}") };
            assert_eq!((&*request.function, request.has_placeholders), ("f", true));
            assert_eq!(request.args, expected, "{frame}");
        }
    }
}
