//! A secret on its only page.

use std::fmt;

use access_model::PlainSecret;

use super::{Escaped, icon};

/// A secret that is shown this once, with a button that copies it.
pub(crate) struct ShownOnce {
    /// What it is: `Secret`, `Client secret`.
    pub(crate) label: &'static str,
    /// The secret.
    pub(crate) secret: PlainSecret,
}

impl fmt::Debug for ShownOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShownOnce").field("label", &self.label).finish_non_exhaustive()
    }
}

impl fmt::Display for ShownOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label;
        write!(
            f,
            "<div class=\"secret\"><h2>{label}, shown this once</h2>\
             <p>Copy it now and keep it in a secret store. It is not kept here, and can't be shown again.</p>\
             <div class=\"value\"><code id=\"secret\" tabindex=\"0\" aria-label=\"{label}\">{}</code>\
             <button type=\"button\" data-copy=\"secret\" hidden>{}<span aria-live=\"polite\">Copy</span></button></div></div>",
            Escaped(self.secret.expose()),
            icon("copy"),
        )
    }
}

impl askama::filters::HtmlSafe for ShownOnce {}
