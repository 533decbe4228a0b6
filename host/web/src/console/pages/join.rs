//! `/console/join`: what an invitation leads to, the first owner's included.

use askama::Template;

use crate::console::frame::Door;
use crate::console::parts::{Field, When};

/// The form.
#[derive(Template)]
#[template(path = "console/join.html")]
pub(crate) struct JoinPage {
    door: Door,
    organization: String,
    email: String,
    roles: String,
    invited_by: String,
    is_setup: bool,
    expires: When,
    invitation: String,
    problem: Option<String>,
    fields: Vec<Field>,
}

/// The fields, as they were filled in.
fn fields(name: &str) -> Vec<Field> {
    vec![
        Field::text("name", "Your name").value(name).hint("As others see it.").autocomplete("name"),
        Field::password("password", "Password")
            .hint("12 characters or more; a few words that only you put together are good.")
            .autocomplete("new-password"),
    ]
}

#[cfg(test)]
impl JoinPage {
    /// A developer's.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        Self {
            door: Door::sample(),
            organization: "acme".to_owned(),
            email: "dev@acme.example".to_owned(),
            roles: "developer".to_owned(),
            invited_by: "Ada Owner".to_owned(),
            is_setup: false,
            expires: When::new(at(6 * 86_400), NOW),
            invitation: "cf_inv_sample".to_owned(),
            problem: None,
            fields: fields(""),
        }
    }

    /// The first owner's.
    pub(crate) fn setup() -> Self {
        Self { is_setup: true, ..Self::sample() }
    }
}
