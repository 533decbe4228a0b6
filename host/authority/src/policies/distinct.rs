//! JSON in which no name comes twice: which of the two was meant, nobody can say.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A value whose objects, at any depth, have each name once.
struct Distinct(Value);

/// Reads a list of such values.
///
/// # Errors
/// When a name comes twice, or it is no list.
pub(super) fn values<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    let values = Vec::<Distinct>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|Distinct(value)| value).collect())
}

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON in which each name of an object comes once")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Distinct(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Value, A::Error> {
        let map: BTreeMap<String, Distinct> = cronflow_policy_cases::distinct(MapAccessDeserializer::new(entries))?;
        Ok(map.into_iter().map(|(name, Distinct(value))| (name, value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> serde_json::Result<Vec<Value>> {
        values(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn a_name_that_comes_twice_is_refused_at_any_depth() {
        for twice in [r#"[{"a": 1, "a": 1}]"#, r#"[{"a": {"b": [{"c": 1, "\u0063": 2}]}}]"#] {
            assert!(read(twice).unwrap_err().to_string().contains("duplicate field"), "{twice}");
        }
    }

    #[test]
    fn everything_else_is_what_it_is() {
        let json = r#"[null, true, -3, 18446744073709551615, 1.5, "ü", [[]], {"a": {"b": [{"a": ""}]}}]"#;
        assert_eq!(read(json).unwrap(), serde_json::from_str::<Vec<Value>>(json).unwrap());
        assert!(read(r#"{"a": 1}"#).is_err());
    }
}
