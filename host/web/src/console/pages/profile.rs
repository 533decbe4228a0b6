//! `/console/profile`: the account of whoever is signed in: factors, name, password, sessions.

use askama::Template;

use crate::console::frame::{Frame, Section};
use crate::console::parts::{Field, When};

/// The account.
#[derive(Template)]
#[template(path = "console/profile.html")]
pub(crate) struct ProfilePage {
    frame: Frame,
    email: String,
    roles: String,
    has_factor: bool,
    factor_since: Option<When>,
    recovery_left: String,
    problem: Option<String>,
    name_field: Field,
    password_fields: Vec<Field>,
    sessions: Vec<SessionRow>,
}

struct SessionRow {
    id: String,
    agent: String,
    ip: String,
    is_current: bool,
    since: When,
    seen: When,
}

/// The fields of a change of password.
fn password_fields() -> Vec<Field> {
    vec![
        Field::password("current", "Current password").autocomplete("current-password"),
        Field::password("new", "New password").hint("12 characters or more.").autocomplete("new-password"),
    ]
}

#[cfg(test)]
impl ProfilePage {
    /// Signed in twice.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let when = |seconds: i64| When::new(at(seconds), NOW);
        let session = |agent: &str, ip: &str, is_current, since, seen| SessionRow {
            id: format!("ses_07{since}"),
            agent: agent.to_owned(),
            ip: ip.to_owned(),
            is_current,
            since: when(since),
            seen: when(seen),
        };
        Self {
            frame: Frame::sample(Section::Profile),
            email: "owner@acme.example".to_owned(),
            roles: "owner".to_owned(),
            has_factor: true,
            factor_since: Some(when(-40 * 86_400)),
            recovery_left: "9 of 10 recovery codes are left.".to_owned(),
            problem: None,
            name_field: Field::text("name", "Your name").value("Ada Owner"),
            password_fields: password_fields(),
            sessions: vec![
                session("Chromium on Linux", "198.51.100.20", true, -3_600, -10),
                session("Firefox on Windows", "203.0.113.9", false, -80_000, -7_200),
            ],
        }
    }
}
