//! Free values. Attributes of policies are flat (a scalar, or a list of strings), and what is stated here may be any JSON.
//! Nothing is lost on the way, since a policy may forbid by it:
//!
//! - a member of an object is an attribute of its own: `{"owner": {"team": "a"}}` is `owner.team`;
//! - of a list, what is no string is told as its JSON text: `[1, "a", {"b": 2}]` is `["1", "a", "{\"b\":2}"]`;
//! - null states nothing, as the specification has it.
//!
//! Two that would become one (`{"a.b": 1, "a": {"b": 2}}`) can't both be told, and are refused.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use cronflow_policy_cases::{Attributes, Value, distinct};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Free values by name.
#[derive(Clone, Default)]
pub(crate) struct Properties(BTreeMap<String, Json>);

/// Any JSON, in which no name stands twice. It may be a secret, so there is no `Debug`.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Json {
    Null,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Properties {
    /// Takes one out.
    pub(super) fn take(&mut self, name: &str) -> Option<Json> {
        self.0.remove(name).filter(|value| !matches!(value, Json::Null))
    }

    /// Takes one out that is a text, if it is there. `at` is where it stands, for errors.
    pub(super) fn take_text(&mut self, at: &str, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{at}.{name}` must be a string")),
        }
    }

    /// All of them, as policies know them. `at` is where they stand, for errors.
    pub(super) fn into_attributes(self, at: &str) -> Result<Attributes, String> {
        let mut attributes = Attributes::new();
        for (name, value) in self.0 {
            flatten(name, value, &mut attributes)
                .map_err(|()| format!("`{at}`: two of its values would be told by one name, `a.b`; name them apart"))?;
        }
        Ok(attributes)
    }
}

fn flatten(name: String, value: Json, into: &mut Attributes) -> Result<(), ()> {
    let value = match value {
        Json::Null => return Ok(()),
        Json::Object(members) => {
            return members
                .into_iter()
                .try_for_each(|(member, value)| flatten(format!("{name}.{member}"), value, into));
        }
        Json::Boolean(value) => Value::Boolean(value),
        Json::Integer(value) => Value::Integer(value),
        Json::Double(value) => Value::Double(value),
        Json::Text(text) => Value::Text(text),
        Json::List(items) => Value::Texts(items.into_iter().map(Json::into_text).collect()),
    };
    if into.insert(name, value).is_some() { Err(()) } else { Ok(()) }
}

impl Json {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            other => serde_json::to_string(&other).unwrap_or_default(),
        }
    }
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        distinct(deserializer).map(Self)
    }
}

impl JsonSchema for Properties {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Properties".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON in which no name stands twice")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        #[expect(clippy::cast_precision_loss, reason = "beyond 63 bits JSON's numbers are doubles (RFC 7493)")]
        Ok(i64::try_from(value).map_or(Json::Double(value as f64), Json::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Double(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Json, A::Error> {
        distinct(MapAccessDeserializer::new(entries)).map(Json::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Result<serde_json::Value, String> {
        let properties: Properties = serde_json::from_str(text).map_err(|error| error.to_string())?;
        properties.into_attributes("x").map(|attributes| json!(attributes))
    }

    #[test]
    fn nothing_that_is_stated_is_lost() {
        let stated = r#"{"role":"admin","soft":true,"age":3,"rate":0.5,"big":18446744073709551615,"none":null,
            "tags":["a","b"],"empty":[],"mixed":[1,"a",null,{"b":[2]}],"owner":{"team":{"id":7},"gone":null}}"#;
        let attributes = json!({
            "role": "admin", "soft": true, "age": 3, "rate": 0.5, "big": 18_446_744_073_709_551_615_u64 as f64,
            "tags": ["a", "b"], "empty": [], "mixed": ["1", "a", "null", "{\"b\":[2]}"], "owner.team.id": 7,
        });
        assert_eq!(read(stated).unwrap(), attributes);
    }

    #[test]
    fn what_can_not_be_told_apart_is_refused() {
        assert!(read(r#"{"a.b":1,"a":{"b":2}}"#).unwrap_err().contains("two of its values"));
        for doubled in [r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"b":1}}"#, r#"{"a":[{"b":1,"b":2}]}"#] {
            assert!(read(doubled).unwrap_err().starts_with("duplicate field"), "{doubled}");
        }
        for other in ["[]", "1", "null", "\"a\""] {
            assert!(read(other).is_err(), "{other}");
        }
    }
}
