//! Encoding of arguments and results.
//!
//! Values are JSON by serde. Callbacks, signals and binary data are placeholders, objects with the key `$`, which a
//! value can contain anywhere. A placeholder carries a random mark while it is encoded, so that data with the key `$`
//! is not mistaken for one.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::callback::{AbortSignal, CallbackFn};
use super::error::Error;

/// The key of placeholders.
pub(super) const KEY: &str = "$";

/// The key of the mark of a placeholder that is being encoded.
const MARK: &str = "$mark";

thread_local! {
    /// The encoding in progress on this thread.
    static CURRENT: RefCell<Option<Encoding>> = const { RefCell::new(None) };
}

/// A number that other code cannot guess.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

/// Eight characters that other endpoints of the process do not have.
pub(super) fn endpoint_id() -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut random = random();
    let mut id = String::new();
    for _ in 0..8 {
        // The remainder is less than 36.
        id.push(char::from(DIGITS[(random % 36) as usize]));
        random /= 36;
    }
    id
}

/// Ids of the references of one endpoint.
pub(super) struct Ids {
    pub(super) endpoint: String,
    last: AtomicU64,
}

impl Ids {
    pub(super) fn new(endpoint: String) -> Arc<Self> {
        Arc::new(Self { endpoint, last: AtomicU64::new(0) })
    }

    pub(super) fn next(&self) -> String {
        format!("{}.{}", self.endpoint, self.last.fetch_add(1, Ordering::Relaxed))
    }
}

/// Something of this side that the backend refers to by an id.
pub(super) enum Reference {
    Callback(String, Arc<CallbackFn>),
    Signal(String, AbortSignal),
}

/// An encoded value.
pub(super) struct Encoded {
    pub(super) json: String,
    /// The value with placeholders, if it has some.
    pub(super) placeholders: Option<Value>,
    pub(super) references: Vec<Reference>,
}

impl Encoded {
    /// The field `key` of a frame of this package with this value.
    pub(super) fn field(&self, key: &str) -> String {
        let mark = if self.placeholders.is_some() { ",\"x\":1" } else { "" };
        format!(",\"{key}\":{}{mark}", self.json)
    }
}

pub(super) struct Encoding {
    ids: Arc<Ids>,
    mark: String,
    has_placeholders: bool,
    references: Vec<Reference>,
}

impl Encoding {
    pub(super) fn endpoint(&self) -> &str {
        &self.ids.endpoint
    }

    pub(super) fn new_id(&self) -> String {
        self.ids.next()
    }

    pub(super) fn add(&mut self, reference: Reference) {
        self.references.push(reference);
    }
}

/// Restores the outer encoding of the thread, after a panic of a `Serialize` too.
struct Restore(Option<Encoding>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Encodes a value.
pub(super) fn encode(ids: &Arc<Ids>, value: &impl Serialize) -> Result<Encoded, serde_json::Error> {
    let encoding = Encoding {
        ids: ids.clone(),
        mark: String::new(),
        has_placeholders: false,
        references: Vec::new(),
    };
    let restore = Restore(CURRENT.replace(Some(encoding)));
    let json = serde_json::to_string(value);
    let encoding = CURRENT.take();
    drop(restore);
    let json = json?;
    match encoding {
        Some(Encoding { has_placeholders: true, mark, references, .. }) => {
            let mut value: Value = serde_json::from_str(&json)?;
            unmark(&mut value, Some(&mark));
            Ok(Encoded { json: value.to_string(), placeholders: Some(value), references })
        }
        _ => Ok(Encoded { json, placeholders: None, references: Vec::new() }),
    }
}

/// Encodes the arguments of a call. They are a tuple, a list, or `()`.
pub(super) fn encode_args(
    ids: &Arc<Ids>,
    method: &str,
    args: &impl Serialize,
) -> Result<Encoded, Error> {
    let mut encoded = encode(ids, args).map_err(|error| Error::arguments(method, &error))?;
    match encoded.json.as_bytes().first() {
        Some(b'[') => Ok(encoded),
        _ if encoded.json == "null" => {
            encoded.json.replace_range(.., "[]");
            Ok(encoded)
        }
        _ => Err(Error::arguments(method, &"give them as a tuple: `(argument,)` for one")),
    }
}

/// Removes the marks of placeholders, and wraps data that has their key.
fn unmark(value: &mut Value, mark: Option<&str>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| unmark(item, mark)),
        Value::Object(fields) => {
            if mark.is_some_and(|mark| fields.get(MARK).is_some_and(|own| own == mark)) {
                fields.remove(MARK);
                return;
            }
            fields.values_mut().for_each(|field| unmark(field, mark));
            if fields.contains_key(KEY) {
                let data = std::mem::take(fields);
                *value = json!({ KEY: "object", "value": data });
            }
        }
        _ => {}
    }
}

/// Wraps data that has the key of placeholders.
pub(super) fn wrap_data(value: &mut Value) {
    unmark(value, None);
}

/// Serializes a placeholder. `fields` makes its fields; the encoding of the thread takes its references.
pub(super) fn placeholder<S: Serializer>(
    serializer: S,
    kind: &'static str,
    fields: impl FnOnce(&mut Encoding) -> Vec<(&'static str, Value)>,
) -> Result<S::Ok, S::Error> {
    let made = CURRENT.with_borrow_mut(|current| {
        let encoding = current.as_mut()?;
        encoding.has_placeholders = true;
        if encoding.mark.is_empty() {
            encoding.mark = format!("{:x}", random());
        }
        Some((fields(encoding), encoding.mark.clone()))
    });
    let Some((fields, mark)) = made else {
        return Err(S::Error::custom(format!(
            "a {kind} value can only be sent by a call or an exposed function"
        )));
    };
    let mut map = serializer.serialize_map(Some(fields.len() + 2))?;
    map.serialize_entry(KEY, kind)?;
    for (key, value) in fields {
        map.serialize_entry(key, &value)?;
    }
    map.serialize_entry(MARK, &mark)?;
    map.end()
}

/// Binary data: a `Uint8Array` in the backend. Crosses as base64.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        placeholder(serializer, "bytes", |_| {
            vec![("type", "Uint8Array".into()), ("data", BASE64_STANDARD.encode(&self.0).into())]
        })
    }
}

impl<'de> Deserialize<'de> for Bytes {
    /// Reads every kind of buffer and view, and an array of bytes.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("binary data")
    }

    fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(Bytes(bytes))
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(bytes.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = items.next_element()? {
            bytes.push(byte);
        }
        Ok(Bytes(bytes))
    }
}

/// The bytes of a placeholder.
pub(super) fn decode_bytes(data: Option<&Value>) -> Result<Vec<u8>, serde_json::Error> {
    let text = data.and_then(Value::as_str).unwrap_or_default();
    let invalid = <serde_json::Error as serde::de::Error>::custom;
    BASE64_STANDARD.decode(text).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: &impl Serialize) -> Encoded {
        encode(&Ids::new("rust".to_owned()), value).expect("it can be sent")
    }

    #[test]
    fn plain_values_are_json_without_placeholders() {
        let encoded = encoded(&(1, "x", json!({ "$": "function", "id": "a" })));
        assert_eq!(encoded.json, r#"[1,"x",{"$":"function","id":"a"}]"#);
        assert!(encoded.placeholders.is_none());
        assert_eq!(encoded.field("a"), format!(",\"a\":{}", encoded.json));
    }

    #[test]
    fn data_that_looks_like_a_placeholder_is_wrapped_beside_real_ones() {
        let data = json!({ "$": "function", "id": "a", "$mark": "" });
        let encoded = encoded(&(Bytes(vec![1, 2]), &data));
        let expected = json!([
            { "$": "bytes", "type": "Uint8Array", "data": "AQI=" },
            { "$": "object", "value": data },
        ]);
        assert_eq!(encoded.placeholders, Some(expected));
    }

    #[test]
    fn a_placeholder_outside_a_call_is_an_error() {
        let error = serde_json::to_string(&Bytes(Vec::new())).expect_err("there is no call");
        assert!(error.to_string().contains("a bytes value can only be sent"), "{error}");
    }
}
