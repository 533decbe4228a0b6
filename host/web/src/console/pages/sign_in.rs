//! `/console/sign-in`: e-mail and password.

use askama::Template;

use crate::console::frame::Door;
use crate::console::parts::Field;

/// The form.
#[derive(Template)]
#[template(path = "console/sign_in.html")]
pub(crate) struct SignInPage {
    door: Door,
    next: String,
    problem: Option<String>,
    fields: Vec<Field>,
}

impl SignInPage {
    fn new(door: Door, next: String, email: &str, problem: Option<String>) -> Self {
        let fields = vec![
            Field::email("email", "E-mail").value(email).autocomplete("username"),
            Field::password("password", "Password").autocomplete("current-password"),
        ];
        Self { door, next, problem, fields }
    }
}

#[cfg(test)]
impl SignInPage {
    /// After a wrong password.
    pub(crate) fn sample() -> Self {
        let problem = Some("That e-mail and password do not go together.".to_owned());
        Self::new(Door::sample(), "/console".to_owned(), "owner@acme.example", problem)
    }
}
