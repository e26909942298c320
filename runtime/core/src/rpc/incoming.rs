//! Requests of backends for exposed functions.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

use super::args;
use super::frames::{self, Form};

/// A parsed request.
pub(super) struct IncomingRequest {
    pub(super) id: Value,
    pub(super) function: String,
    pub(super) form: Form,
    pub(super) args: Vec<Value>,
    pub(super) has_placeholders: bool,
}

impl IncomingRequest {
    /// Parses a frame that [`RequestHead`] has recognized.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let (mut frame, is_superjson) = frames::unwrapped(serde_json::from_slice(line).ok()?);
        let function = function_name(&frame);
        let form = request_form(&frame, is_superjson);
        let (args, has_placeholders) = request_args(&mut frame, form);
        Some(Self { id: frame["id"].take(), function, form, args, has_placeholders })
    }
}

/// The fields of a request that say whether Rust answers it. Its arguments are skipped.
#[derive(Deserialize)]
pub(super) struct RequestHead<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    t: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    op: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    to: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    p: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    json: Option<Box<RequestHead<'a>>>,
}

impl RequestHead<'_> {
    /// The id and the function of an unaddressed call.
    pub(super) fn call(&self) -> Option<(&str, String)> {
        if let Some(inner) = self.json.as_ref().filter(|_| self.t.is_none()) {
            return inner.call();
        }
        let id = self.id.as_deref()?;
        match (self.t.as_deref(), self.op.as_deref(), self.r#type.as_deref()) {
            (Some("q"), Some("call"), _) if self.to.is_none() => {
                Some((id, self.p.as_ref()?.join(".")))
            }
            (None, _, Some("request")) => Some((id, self.method.as_deref()?.to_owned())),
            _ => None,
        }
    }
}

fn function_name(frame: &Value) -> String {
    match &frame["p"] {
        Value::Array(path) => path.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("."),
        _ => frame["method"].as_str().unwrap_or_default().to_owned(),
    }
}

fn request_form(frame: &Value, is_superjson: bool) -> Form {
    if frame["t"] != "q" {
        Form::Classic { knows_errors: false }
    } else if frame["js"] == 1 {
        Form::Own
    } else {
        Form::Compact { is_superjson }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn call(frame: &Value) -> Option<(String, String)> {
        let line = frame.to_string();
        let head: RequestHead<'_> = serde_json::from_str(&line).expect("it is a frame");
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
            let request = IncomingRequest::parse(frame.to_string().as_bytes()).expect("it is one");
            assert_eq!((&*request.function, request.has_placeholders), ("f", true));
            assert_eq!(request.args, expected, "{frame}");
        }
    }
}
