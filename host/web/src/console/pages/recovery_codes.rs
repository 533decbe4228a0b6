//! Recovery codes, on the only page that shows them.

use std::fmt;

use access_model::PlainSecret;
use askama::Template;

use crate::console::frame::Door;

/// The codes.
#[derive(Template)]
#[template(path = "console/recovery_codes.html")]
pub(crate) struct RecoveryCodesPage {
    pub(crate) door: Door,
    pub(crate) next: String,
    pub(crate) codes: Vec<Code>,
}

/// A code, which nothing but its page shows.
pub(crate) struct Code(pub(crate) PlainSecret);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.expose())
    }
}

#[cfg(test)]
impl RecoveryCodesPage {
    /// Ten.
    pub(crate) fn sample() -> Self {
        let code = |number: u32| Code(PlainSecret::new(format!("k7m{number}q-2x9fp-vt4{number}r-w8s3n")));
        Self { door: Door::sample(), next: "/console".to_owned(), codes: (0..10).map(code).collect() }
    }
}
