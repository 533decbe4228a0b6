//! What was just issued, with its secret: the one way that a secret leaves the authority after a beginning.

use std::borrow::Cow;

use access_model::PlainSecret;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

/// A credential as it is shown, and its secret, shown this once.
#[derive(Debug)]
pub struct Issued<T> {
    /// The credential.
    pub shown: T,
    /// Its secret.
    pub secret: PlainSecret,
}

/// What goes out.
#[derive(Serialize, JsonSchema)]
struct WithSecret<'a, T> {
    #[serde(flatten)]
    shown: &'a T,
    /// The secret, shown this once.
    secret: &'a str,
}

impl<T: Serialize> Serialize for Issued<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WithSecret { shown: &self.shown, secret: self.secret.expose() }.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Issued<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Issued{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        WithSecret::<T>::json_schema(generator)
    }
}
