//! What was just issued, with its secret: the one way that a secret leaves the authority after a beginning.

use std::borrow::Cow;

use access_model::PlainSecret;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// A credential as it is shown, and its secret, shown this once.
#[derive(Debug)]
pub struct Issued<T> {
    /// The credential.
    pub shown: T,
    /// Its secret.
    pub secret: PlainSecret,
    /// The version that names it.
    pub version: u64,
}

/// What goes out.
#[derive(Serialize, JsonSchema)]
struct WithSecret<'a, T> {
    #[serde(flatten)]
    shown: &'a T,
    /// The secret, shown this once: where the answer is told again, it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    secret: Option<&'a str>,
    /// How to get another secret, where the answer is told again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    hint: Option<&'a str>,
}

impl<T: Serialize> Serialize for Issued<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WithSecret { shown: &self.shown, secret: Some(self.secret.expose()), hint: None }.serialize(serializer)
    }
}

/// Writes a secret that is shown this once.
pub(crate) fn exposed<S: Serializer>(secret: &PlainSecret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// Writes several.
pub(crate) fn all_exposed<S: Serializer>(secrets: &[PlainSecret], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(secrets.iter().map(PlainSecret::expose))
}

impl<T: JsonSchema> JsonSchema for Issued<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Issued{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = WithSecret::<T>::json_schema(generator);
        let of = T::json_schema(generator);
        let about = of.get("description").and_then(Value::as_str).unwrap_or_default();
        schema.insert("description".into(), format!("{about} With its secret, shown this once.").into());
        if let Some(Value::Object(example)) = of.pointer("/examples/0") {
            let mut example = example.clone();
            example.insert("secret".into(), "cf_…".into());
            schema.insert("examples".into(), vec![Value::Object(example)].into());
        }
        schema
    }
}
