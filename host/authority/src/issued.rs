//! What was just issued, with its secret: the one way that a secret leaves the authority after a beginning.

use access_model::PlainSecret;
use serde::Serialize;

/// A credential as it is shown, and its secret, shown this once.
#[derive(Debug)]
pub struct Issued<T> {
    /// The credential.
    pub shown: T,
    /// Its secret.
    pub secret: PlainSecret,
}

impl<T: Serialize> Serialize for Issued<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct WithSecret<'a, T> {
            #[serde(flatten)]
            shown: &'a T,
            secret: &'a str,
        }
        WithSecret { shown: &self.shown, secret: self.secret.expose() }.serialize(serializer)
    }
}
