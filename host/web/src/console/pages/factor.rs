//! `/console/factor`: the second factor, at sign-in and before what is sensitive.

use askama::Template;

use crate::console::frame::Door;
use crate::console::parts::Field;

/// The form.
#[derive(Template)]
#[template(path = "console/factor.html")]
pub(crate) struct FactorPage {
    door: Door,
    next: String,
    heading: &'static str,
    lede: &'static str,
    problem: Option<String>,
    field: Field,
    button: &'static str,
    by_recovery_code: bool,
}

impl FactorPage {
    fn new(door: Door, next: String, is_step_up: bool, by_recovery_code: bool, problem: Option<String>) -> Self {
        let field = if by_recovery_code {
            Field::text("recovery_code", "Recovery code").hint("One of the ten that you kept. It works once.")
        } else {
            Field::digits("code", "Code").hint("The six digits that your authenticator shows now.")
        };
        let (heading, lede, button) = if is_step_up {
            ("Confirm that it is you", "What you are about to do asks for a fresh code.", "Confirm")
        } else {
            ("Second step", "Your password is right. Now the code of your authenticator.", "Sign in")
        };
        Self { door, next, heading, lede, problem, field, button, by_recovery_code }
    }
}

#[cfg(test)]
impl FactorPage {
    /// Before something sensitive.
    pub(crate) fn sample() -> Self {
        Self::new(Door::sample(), "/console".to_owned(), true, false, None)
    }

    /// A recovery code that was used before.
    pub(crate) fn recovery() -> Self {
        let problem = Some("That is not one of your codes, or it was used before.".to_owned());
        Self::new(Door::sample(), "/console".to_owned(), false, true, problem)
    }
}
