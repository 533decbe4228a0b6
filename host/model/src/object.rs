//! A JSON object, read as one. Serde's derived readers also take a list, field after field; a document that says "object"
//! means it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

/// A struct that is read from an object alone. Wraps what is read, wherever it stands: a whole body, a field, an item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(AsMap(deserializer)).map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for Object<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Whatever is asked for, hands out a map.
struct AsMap<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AsMap<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Point {
        #[serde(default)]
        x: u8,
        #[serde(default)]
        inner: Option<Object<Inner>>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Inner {
        y: u8,
    }

    #[test]
    fn a_list_is_no_object() {
        let read = |text: &str| serde_json::from_str::<Object<Point>>(text).map(|point| point.0);
        assert_eq!(read(r#"{"x":1,"inner":{"y":2}}"#).unwrap(), Point { x: 1, inner: Some(Object(Inner { y: 2 })) });
        assert_eq!(read(r#"{"inner":null}"#).unwrap(), Point::default());
        for refused in ["[]", "[1]", r#"{"inner":[2]}"#, r#"{"z":1}"#, "null", "1"] {
            assert!(read(refused).is_err(), "{refused}");
        }
        assert!(serde_json::from_str::<Point>("[1]").is_ok(), "serde takes lists no more; this module can go");
    }
}
