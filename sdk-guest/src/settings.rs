//! A binding's settings: a flat list of attributes, read into whatever struct the policy names.

use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::facts::{Attribute, Value};

/// Why settings can't be read, as a sentence.
#[derive(Debug)]
struct Unreadable(String);

/// Reads settings. One that the struct does not know is refused: it would mean nothing, and look as if it did.
///
/// # Errors
/// A sentence that says which setting is missing, unknown or of a wrong type.
pub fn settings<'de, T: Deserialize<'de>>(settings: &'de [Attribute]) -> Result<T, String> {
    T::deserialize(Settings(settings)).map_err(|error| error.0)
}

/// Refuses settings of a policy that has none.
///
/// # Errors
/// When there is any.
pub fn no_settings(settings: &[Attribute]) -> Result<(), String> {
    match settings.first() {
        None => Ok(()),
        Some(setting) => Err(["unknown setting `", &setting.name, "`; this policy has no settings"].concat()),
    }
}

struct Settings<'de>(&'de [Attribute]);

impl<'de> Deserializer<'de> for Settings<'de> {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_map(Entries(self.0))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        match self.0.iter().find(|setting| !fields.contains(&setting.name.as_str())) {
            Some(unknown) => Err(Unreadable(
                ["unknown setting `", &unknown.name, "`; this policy knows [", &fields.join(", "), "]"].concat(),
            )),
            None => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Those that are still to be read.
struct Entries<'de>(&'de [Attribute]);

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        self.0.first().map(|setting| seed.deserialize(BorrowedStrDeserializer::new(&setting.name))).transpose()
    }

    /// Whatever is wrong with a value, the setting's name stands before it.
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unreadable> {
        let Some((setting, rest)) = self.0.split_first() else { return Err(Unreadable::custom("no setting is left")) };
        self.0 = rest;
        let named = |error: Unreadable| Unreadable(["setting `", &setting.name, "`: ", &error.0].concat());
        seed.deserialize(Setting(&setting.value)).map_err(named)
    }
}

struct Setting<'de>(&'de Value);

impl<'de> Deserializer<'de> for Setting<'de> {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Double(value) => visitor.visit_f64(*value),
            Value::Text(value) => visitor.visit_borrowed_str(value),
            Value::Texts(values) => visitor.visit_seq(SeqDeserializer::new(values.iter().map(|text| Text(text)))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Text(name) => visitor.visit_enum(StrDeserializer::new(name)),
            _ => Err(Unreadable::custom("not a string")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// A text of a list, borrowed from the settings.
struct Text<'de>(&'de str);

impl<'de> IntoDeserializer<'de, Unreadable> for Text<'de> {
    type Deserializer = BorrowedStrDeserializer<'de, Unreadable>;

    fn into_deserializer(self) -> Self::Deserializer {
        Self::Deserializer::new(self.0)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

impl serde::de::Error for Unreadable {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self(["the setting `", field, "` is missing"].concat())
    }
}

#[cfg(test)]
mod tests;
