//! Decoding of values with placeholders, by the type that the caller expects.

use std::cell::RefCell;
use std::sync::Arc;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Map, Value};

use super::args::{self, KEY};
use super::connection::Connection;

/// The names of the newtypes by which `Function` and `RemoteStream` ask for a reference.
pub(super) const FUNCTION: &str = "$js_runtime::rpc::Function";
pub(super) const STREAM: &str = "$js_runtime::rpc::RemoteStream";

thread_local! {
    /// The connection of the value that is being decoded on this thread.
    static CURRENT: RefCell<Option<Arc<Connection>>> = const { RefCell::new(None) };
}

struct Restore(Option<Arc<Connection>>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Decodes a value. `has_placeholders` says whether objects with the key `$` are placeholders.
pub(super) fn decode<T: DeserializeOwned>(
    value: Value,
    has_placeholders: bool,
    connection: Option<&Arc<Connection>>,
) -> Result<T, Error> {
    if !has_placeholders {
        return serde_json::from_value(value);
    }
    let _restore = Restore(CURRENT.replace(connection.cloned()));
    T::deserialize(Decoder(value))
}

/// The id of a function or stream, and its connection.
pub(super) fn reference<'de, D: Deserializer<'de>>(
    deserializer: D,
    kind: &'static str,
) -> Result<(String, Arc<Connection>), D::Error> {
    let id = deserializer.deserialize_newtype_struct(kind, IdVisitor(kind))?;
    let connection = CURRENT.with_borrow(Clone::clone);
    Ok((id, connection.ok_or_else(|| D::Error::custom("the value came over no connection"))?))
}

struct IdVisitor(&'static str);

impl Visitor<'_> for IdVisitor {
    type Value = String;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.0 == FUNCTION { "a function" } else { "an async iterable" })
    }

    fn visit_str<E: serde::de::Error>(self, id: &str) -> Result<String, E> {
        Ok(id.to_owned())
    }
}

macro_rules! number_keys {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            bigint(self.0, visitor)
        }
    )*};
}

struct Decoder(Value);

impl Decoder {
    /// The kind of the placeholder; `None` for data.
    fn kind(&self) -> Option<&str> {
        self.0.as_object()?.get(KEY)?.as_str()
    }
}

impl IntoDeserializer<'_, Error> for Decoder {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Reads the number -0 as 0: JavaScript computes it from integers.
macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            if self.kind() == Some("number") && self.0.get("value").is_some_and(|value| value == "-0") {
                return visitor.visit_i64(0);
            }
            self.deserialize_any(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Decoder {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => sequence(items, visitor),
            Value::Object(fields) if fields.contains_key(KEY) => placeholder(fields, visitor),
            Value::Object(fields) => object(fields, visitor),
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() || self.kind() == Some("undefined") {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let wanted = match name {
            FUNCTION => "function",
            STREAM => "stream",
            _ => return visitor.visit_newtype_struct(self),
        };
        match self.0.get("id").and_then(Value::as_str) {
            Some(id) if self.kind() == Some(wanted) => visitor.visit_str(id),
            _ => Err(Error::custom(format!("expected a {wanted} of the backend"))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(fields) if !fields.contains_key(KEY) => {
                visitor.visit_enum(MapAccessDeserializer::new(entries(fields)))
            }
            plain => plain.deserialize_enum(name, variants, visitor),
        }
    }

    /// Fields that the type does not have may hold anything.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.kind() != Some("bytes") {
            return self.deserialize_any(visitor);
        }
        let bytes = args::decode_bytes(self.0.get("data"))?;
        let array = self.0.get("type").and_then(Value::as_str).unwrap_or_default();
        elements(array, bytes, visitor)
    }

    integers!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128);
    integers!(deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);

    forward_to_deserialize_any! {
        bool f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier
    }
}

fn sequence<'de, V: Visitor<'de>>(items: Vec<Value>, visitor: V) -> Result<V::Value, Error> {
    SeqDeserializer::new(items.into_iter().map(Decoder)).deserialize_any(visitor)
}

fn object<'de, V: Visitor<'de>>(fields: Map<String, Value>, visitor: V) -> Result<V::Value, Error> {
    entries(fields).deserialize_any(visitor)
}

fn entries<'de>(
    fields: Map<String, Value>,
) -> MapDeserializer<'de, impl Iterator<Item = (Key, Decoder)>, Error> {
    MapDeserializer::new(fields.into_iter().map(|(key, value)| (Key(key), Decoder(value))))
}

/// The elements of a typed array.
fn elements<'de, V: Visitor<'de>>(
    array: &str,
    bytes: Vec<u8>,
    visitor: V,
) -> Result<V::Value, Error> {
    macro_rules! of {
        ($element:ty) => {{
            let (elements, _) = bytes.as_chunks::<{ size_of::<$element>() }>();
            let elements = elements.iter().map(|bytes| <$element>::from_le_bytes(*bytes));
            SeqDeserializer::new(elements).deserialize_seq(visitor)
        }};
    }
    match array {
        "Int8Array" => of!(i8),
        "Int16Array" => of!(i16),
        "Uint16Array" => of!(u16),
        "Int32Array" => of!(i32),
        "Uint32Array" => of!(u32),
        "Float32Array" => of!(f32),
        "Float64Array" => of!(f64),
        "BigInt64Array" => of!(i64),
        "BigUint64Array" => of!(u64),
        _ => SeqDeserializer::new(bytes.into_iter()).deserialize_seq(visitor),
    }
}

/// The key of an object, which may stand for a number.
struct Key(String);

impl IntoDeserializer<'_, Error> for Key {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Key {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        Value::String(self.0).deserialize_enum(name, variants, visitor)
    }

    number_keys!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64);
    number_keys!(deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

fn placeholder<'de, V: Visitor<'de>>(
    mut fields: Map<String, Value>,
    visitor: V,
) -> Result<V::Value, Error> {
    let kind = fields.remove(KEY);
    let value = fields.remove("value").unwrap_or_default();
    match (kind.as_ref().and_then(Value::as_str).unwrap_or_default(), value) {
        ("undefined", _) | ("date", Value::Null) => visitor.visit_unit(),
        ("object", Value::Object(fields)) => object(fields, visitor),
        ("bytes", _) => visitor.visit_byte_buf(args::decode_bytes(fields.get("data"))?),
        ("number", Value::String(text)) => visitor.visit_f64(text.parse().map_err(Error::custom)?),
        ("bigint", Value::String(text)) => bigint(text, visitor),
        ("date" | "url", Value::String(text)) => visitor.visit_string(text),
        ("set", Value::Array(items)) => sequence(items, visitor),
        ("map", Value::Array(pairs)) => {
            let pairs = pairs.into_iter().map(|pair| match pair {
                Value::Array(mut pair) if pair.len() == 2 => {
                    let value = pair.pop().unwrap_or_default();
                    (Decoder(pair.pop().unwrap_or_default()), Decoder(value))
                }
                other => (Decoder(other), Decoder(Value::Null)),
            });
            MapDeserializer::new(pairs).deserialize_any(visitor)
        }
        ("error", Value::Object(mut error)) => {
            let mut field = |key| error.remove(key).unwrap_or_default();
            let [name, message] = [("name", field("n")), ("message", field("m"))];
            object(
                [name, message].map(|(key, value)| (key.to_owned(), value)).into_iter().collect(),
                visitor,
            )
        }
        ("regexp", _) => {
            let part = |key| fields.get(key).and_then(Value::as_str).unwrap_or_default();
            visitor.visit_string(format!("/{}/{}", part("source"), part("flags")))
        }
        (kind, _) => {
            Err(Error::custom(format!("the value has a {kind}, which is not expected here")))
        }
    }
}

/// The smallest type that has the number; a text for larger ones.
fn bigint<'de, V: Visitor<'de>>(text: String, visitor: V) -> Result<V::Value, Error> {
    match (text.parse::<i64>(), text.parse::<u64>(), text.parse::<i128>()) {
        (Ok(number), ..) => visitor.visit_i64(number),
        (_, Ok(number), _) => visitor.visit_u64(number),
        (.., Ok(number)) => visitor.visit_i128(number),
        _ => visitor.visit_string(text),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::rpc::{Bytes, Function};

    fn decoded<T: DeserializeOwned>(value: Value) -> T {
        decode(value, true, None).expect("the value has the type")
    }

    #[test]
    fn rich_values_become_the_expected_types() {
        let bytes = json!({ "$": "bytes", "type": "Uint8Array", "data": "AQI=" });
        assert_eq!(decoded::<Bytes>(bytes.clone()), Bytes(vec![1, 2]));
        assert_eq!(decoded::<Vec<u8>>(bytes), [1, 2]);
        assert_eq!(decoded::<Bytes>(json!([1, 2])), Bytes(vec![1, 2]));
        assert!(decoded::<f64>(json!({ "$": "number", "value": "NaN" })).is_nan());
        assert!(decoded::<f64>(json!({ "$": "number", "value": "-Infinity" })).is_infinite());
        assert_eq!(decoded::<Option<u8>>(json!({ "$": "undefined" })), None);
        decoded::<()>(json!({ "$": "undefined" }));
        assert_eq!(
            decoded::<u64>(json!({ "$": "bigint", "value": u64::MAX.to_string() })),
            u64::MAX
        );
        assert_eq!(decoded::<String>(json!({ "$": "url", "value": "https://a/" })), "https://a/");
        assert_eq!(
            decoded::<String>(json!({ "$": "regexp", "source": "a", "flags": "g" })),
            "/a/g"
        );
        let floats =
            json!({ "$": "bytes", "type": "Float64Array", "data": "AAAAAAAA+D8AAAAAAAAAQA==" });
        assert_eq!(decoded::<Vec<f64>>(floats), [1.5, 2.0]);
        assert_eq!(decoded::<i32>(json!({ "$": "number", "value": "-0" })), 0);
        let result = json!({ "Ok": { "$": "bytes", "type": "Uint8Array", "data": "AQ==" } });
        assert_eq!(decoded::<Result<Bytes, String>>(result), Ok(Bytes(vec![1])));
        let keys = json!({ "7": { "$": "set", "value": [] } });
        assert_eq!(decoded::<BTreeMap<u32, Vec<u8>>>(keys), BTreeMap::from([(7, Vec::new())]));
        let map = json!({ "$": "map", "value": [["a", { "$": "set", "value": [1] }]] });
        assert_eq!(
            decoded::<BTreeMap<String, Vec<u8>>>(map),
            BTreeMap::from([("a".to_owned(), vec![1])])
        );
        let object = json!({ "$": "object", "value": { "$": "function", "id": "x" } });
        let expected = BTreeMap::from([
            ("$".to_owned(), "function".to_owned()),
            ("id".to_owned(), "x".to_owned()),
        ]);
        assert_eq!(decoded::<BTreeMap<String, String>>(object), expected);
    }

    #[test]
    fn a_reference_is_taken_only_by_its_type() {
        let function = json!({ "$": "function", "id": "a.1" });
        assert!(decode::<String>(function.clone(), true, None).is_err());
        let error = decode::<Function>(function, true, None).err().expect("there is no connection");
        assert!(error.to_string().contains("no connection"), "{error}");
        for value in [json!("text"), json!({ "$": "stream", "id": "a.1" }), json!(FUNCTION)] {
            assert!(decode::<Function>(value.clone(), true, None).is_err(), "{value}");
            assert!(decode::<Function>(value, false, None).is_err());
        }
    }
}
