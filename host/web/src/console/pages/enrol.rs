//! `/console/profile/authenticator`: setting up the second factor.

use askama::Template;

use crate::console::frame::Door;
use crate::console::parts::Field;

/// The form, with the secret as a picture and as text.
#[derive(Template)]
#[template(path = "console/enrol.html")]
pub(crate) struct EnrolPage {
    door: Door,
    next: String,
    is_required: bool,
    /// An SVG that was made here.
    qr: String,
    secret: String,
    problem: Option<String>,
    field: Field,
}

impl EnrolPage {
    fn new(door: Door, next: String, is_required: bool, qr: String, secret: String, problem: Option<String>) -> Self {
        let field = Field::digits("code", "Code").hint("The six digits that it shows now.");
        Self { door, next, is_required, qr, secret, problem, field }
    }
}

#[cfg(test)]
impl EnrolPage {
    /// What an admin sees at their first sign-in.
    pub(crate) fn sample() -> Self {
        let modules: String = (0..21 * 21)
            .filter(|at| (at * 7 + at / 21 * 3) % 5 < 2)
            .map(|at| format!("<rect x=\"{}\" y=\"{}\" width=\"1\" height=\"1\"/>", at % 21, at / 21))
            .collect();
        let qr = format!("<svg viewBox=\"0 0 21 21\" shape-rendering=\"crispEdges\">{modules}</svg>");
        Self::new(
            Door::sample(),
            "/console".to_owned(),
            true,
            qr,
            "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP".to_owned(),
            None,
        )
    }
}
