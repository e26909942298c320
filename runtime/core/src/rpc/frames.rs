//! The frames of the wire, as text.

use serde_json::{Value, json};

use super::error::WireError;

/// The method of the greeting.
pub(super) const HELLO: &str = "$hello";

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Call,
    Get,
    Set,
}

impl Op {
    /// The name on the wire of this package and of kkrpc from 1.0 on.
    fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Get => "get",
            Self::Set => "set",
        }
    }

    /// The type of a frame of earlier kkrpc.
    fn classic(self) -> &'static str {
        if self == Self::Call { "request" } else { self.name() }
    }
}

/// A request of this package. `args` is the field `,"a":[…]`.
pub(super) fn own_request(id: &str, op: Op, path: &[&str], args: &str) -> String {
    // A list of strings can be serialized.
    let path = serde_json::to_string(path).unwrap_or_default();
    format!(r#"{{"t":"q","js":1,"id":"{id}","op":"{}","p":{path}{args}}}"#, op.name())
}

/// A request that `serve` and kkrpc of both eras read. With `callbacks`, placeholders in `args` are callbacks.
pub(super) fn hybrid_request(
    id: &str,
    op: Op,
    path: &[&str],
    args: &[Value],
    callbacks: bool,
) -> String {
    let mut callback_ids = Vec::new();
    let (mut classic, mut compact) = (Vec::new(), Vec::new());
    for arg in args {
        if let Some(callback) = callback_id(arg).filter(|_| callbacks) {
            classic.push(json!(format!("__callback__{callback}")));
            compact.push(json!({ "__kkrpc_next_arg__": "callback", "id": callback }));
            callback_ids.push(callback);
        } else {
            classic.push(arg.clone());
            compact.push(json!({ "__kkrpc_next_arg__": "value", "v": arg }));
        }
    }
    let mut frame = json!({
        "id": id, "method": path.join("."), "type": op.classic(), "version": "json",
        "t": "q", "op": op.name(), "p": path, "js": 1,
    });
    if !callback_ids.is_empty() {
        frame["callbackIds"] = json!(callback_ids);
    }
    if op != Op::Call {
        frame["path"] = json!(path);
    }
    if op == Op::Set {
        let value = args.first().cloned().unwrap_or_default();
        frame["v"] = value.clone();
        frame["value"] = value;
        classic.clear();
    } else {
        frame["a"] = json!(compact);
    }
    frame["args"] = json!(classic);
    frame.to_string()
}

/// The first request of a connection. Rust offers nothing: windows that offer a function come first.
pub(super) fn greeting(id: &str, endpoint: &str) -> String {
    let args = [json!({ "from": endpoint, "offers": [] })];
    hybrid_request(id, Op::Call, &[HELLO], &args, false)
}

/// The id of a callback in the place of an argument.
pub(super) fn callback_id(arg: &Value) -> Option<&str> {
    let placeholder = arg.as_object()?;
    let is_function = placeholder.len() == 2 && placeholder.get("$")? == "function";
    is_function.then(|| placeholder.get("id")?.as_str()).flatten()
}

/// How the sender of a request reads its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Of this package.
    Own,
    /// Of kkrpc from 1.0 on.
    Compact { is_superjson: bool },
    /// Of earlier kkrpc. `knows_errors` is false for versions that take errors as texts.
    Classic { knows_errors: bool },
}

/// The answer to a request of a backend. `value` is the field `,"v":…`, empty for none.
pub(super) fn answer(form: Form, id: &Value, value: &str) -> String {
    match form {
        Form::Own => format!(r#"{{"t":"r","js":1,"id":{id}{value}}}"#),
        Form::Compact { is_superjson } => {
            wrapped(is_superjson, format!(r#"{{"t":"r","id":{id}{value}}}"#))
        }
        Form::Classic { .. } => {
            let result = value.strip_prefix(",\"v\":").map(|value| format!("\"result\":{value}"));
            classic_answer(id, &result.unwrap_or_default())
        }
    }
}

/// The answer to a request that has failed.
pub(super) fn failure(form: Form, id: &Value, error: &WireError<'_>) -> String {
    // Strings and JSON values can be serialized.
    let own = serde_json::to_value(error).unwrap_or_default();
    match form {
        Form::Own => json!({ "t": "r", "js": 1, "id": id, "e": own }).to_string(),
        Form::Compact { is_superjson } => {
            let mut flat = error.fields.clone();
            flat.insert("n".to_owned(), json!(error.name));
            flat.insert("m".to_owned(), json!(error.message));
            wrapped(is_superjson, json!({ "t": "r", "id": id, "e": flat }).to_string())
        }
        Form::Classic { knows_errors: false } => {
            classic_answer(id, &format!("\"error\":{}", json!(error.message)))
        }
        Form::Classic { knows_errors: true } => {
            let mut flat = error.fields.clone();
            flat.insert("name".to_owned(), json!(error.name));
            flat.insert("message".to_owned(), json!(error.message));
            classic_answer(id, &format!("\"error\":{}", Value::Object(flat)))
        }
    }
}

fn classic_answer(id: &Value, args: &str) -> String {
    format!(r#"{{"id":{id},"method":"","args":{{{args}}},"type":"response","version":"json"}}"#)
}

fn wrapped(is_superjson: bool, frame: String) -> String {
    if is_superjson { format!(r#"{{"json":{frame}}}"#) } else { frame }
}

/// A frame without superjson's wrapper, and whether it had one.
pub(super) fn unwrapped(mut frame: Value) -> (Value, bool) {
    match frame.get_mut("json") {
        Some(inner @ Value::Object(_)) => (inner.take(), true),
        _ => (frame, false),
    }
}

/// The call of a function of a backend on kkrpc from 1.0 on.
pub(super) fn compact_callback(function: &str, args: Vec<Value>, is_superjson: bool) -> String {
    let args: Vec<_> =
        args.into_iter().map(|arg| json!({ "__kkrpc_next_arg__": "value", "v": arg })).collect();
    wrapped(is_superjson, json!({ "t": "cb", "id": function, "a": args }).to_string())
}

/// The call of a function of a backend on earlier kkrpc.
pub(super) fn classic_callback(id: &str, function: &str, args: &[Value]) -> String {
    let frame = json!({ "id": id, "method": function, "args": args, "type": "callback", "version": "json" });
    frame.to_string()
}

/// The value of an argument: kkrpc from 1.0 on wraps it.
pub(super) fn argument(mut arg: Value) -> Value {
    match arg.get("__kkrpc_next_arg__").and_then(Value::as_str) {
        Some("value") => arg.get_mut("v").map(Value::take).unwrap_or_default(),
        _ => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hybrid_request_is_complete_in_each_form() {
        let args = [json!(1), json!({ "$": "function", "id": "r.0" })];
        let frame: Value =
            serde_json::from_str(&hybrid_request("r.1", Op::Call, &["a", "b"], &args, true))
                .expect("JSON");
        let expected = json!({
            "id": "r.1", "method": "a.b", "args": [1, "__callback__r.0"], "type": "request",
            "callbackIds": ["r.0"], "version": "json", "t": "q", "js": 1, "op": "call", "p": ["a", "b"],
            "a": [
                { "__kkrpc_next_arg__": "value", "v": 1 },
                { "__kkrpc_next_arg__": "callback", "id": "r.0" },
            ],
        });
        assert_eq!(frame, expected);
        let frame: Value =
            serde_json::from_str(&hybrid_request("r.2", Op::Set, &["v"], &[json!(2)], false))
                .expect("JSON");
        assert_eq!(
            (&frame["v"], &frame["value"], &frame["type"], frame.get("a")),
            (&json!(2), &json!(2), &json!("set"), None)
        );
    }

    #[test]
    fn answers_have_the_form_of_the_request() {
        let id = json!("x.1");
        for (form, expected) in [
            (Form::Own, r#"{"t":"r","js":1,"id":"x.1","v":3}"#),
            (Form::Compact { is_superjson: false }, r#"{"t":"r","id":"x.1","v":3}"#),
            (Form::Compact { is_superjson: true }, r#"{"json":{"t":"r","id":"x.1","v":3}}"#),
            (
                Form::Classic { knows_errors: false },
                r#"{"id":"x.1","method":"","args":{"result":3},"type":"response","version":"json"}"#,
            ),
        ] {
            assert_eq!(answer(form, &id, ",\"v\":3"), expected);
        }
    }

    #[test]
    fn failures_have_the_form_of_the_request() {
        let mut fields = serde_json::Map::new();
        fields.insert("code".to_owned(), json!(7));
        let error = WireError { name: "RangeError", message: "no", fields };
        for (form, error_of, expected) in [
            (Form::Own, "/e", json!({ "n": "RangeError", "m": "no", "f": { "code": 7 } })),
            (
                Form::Compact { is_superjson: false },
                "/e",
                json!({ "n": "RangeError", "m": "no", "code": 7 }),
            ),
            (
                Form::Compact { is_superjson: true },
                "/json/e",
                json!({ "n": "RangeError", "m": "no", "code": 7 }),
            ),
            (Form::Classic { knows_errors: false }, "/args/error", json!("no")),
            (
                Form::Classic { knows_errors: true },
                "/args/error",
                json!({ "name": "RangeError", "message": "no", "code": 7 }),
            ),
        ] {
            let frame: Value =
                serde_json::from_str(&failure(form, &json!("x"), &error)).expect("JSON");
            assert_eq!(frame.pointer(error_of), Some(&expected), "{frame}");
        }
    }
}
