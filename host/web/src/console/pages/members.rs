//! `/console/organizations/{organization}/members`: people and invitations.

use askama::Template;

use super::Pager;
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Badge, When};

/// The lists.
#[derive(Template)]
#[template(path = "console/members.html")]
pub(crate) struct MembersPage {
    frame: Frame,
    organization: String,
    members: Vec<Row>,
    pager: Pager,
    invitations: Vec<Invited>,
}

struct Row {
    id: String,
    name: String,
    email: String,
    roles: Vec<String>,
    has_factor: bool,
    is_me: bool,
    state: Badge,
    since: When,
}

struct Invited {
    id: String,
    email: String,
    roles: String,
    state: Badge,
    is_open: bool,
    ends: When,
}

#[cfg(test)]
impl MembersPage {
    /// A small team.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let row = |name: &str, email: &str, roles: &[&str], has_factor, state: &str, days: i64| Row {
            id: format!("mem_07{}", email.replace(['@', '.'], "0")),
            name: name.to_owned(),
            email: email.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            has_factor,
            is_me: name == "Ada Owner",
            state: Badge::state(state),
            since: When::new(at(-days * 86_400), NOW),
        };
        let invited = |email: &str, state: &str, days: i64| Invited {
            id: format!("inv_07{}", email.len()),
            email: email.to_owned(),
            roles: "developer".to_owned(),
            state: Badge::state(state),
            is_open: state == "invited",
            ends: When::new(at(days * 86_400), NOW),
        };
        Self {
            frame: Frame::sample(Section::Members),
            organization: "acme".to_owned(),
            members: vec![
                row("Ada Owner", "owner@acme.example", &["owner"], true, "active", 400),
                row("Grace Builder", "grace@acme.example", &["developer", "key-rotator"], false, "active", 90),
                row("Otto Auditor", "otto@acme.example", &["auditor"], true, "suspended", 30),
            ],
            pager: Pager::default(),
            invitations: vec![invited("new@acme.example", "invited", 6), invited("late@acme.example", "expired", -2)],
        }
    }
}
