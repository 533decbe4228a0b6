//! `…/members/{member}`: one person, their roles, and what they issued beyond their rights.

use askama::Template;

use crate::console::frame::{Frame, Section};
use crate::console::parts::{Badge, Choice, Field, When};

/// A member.
#[derive(Template)]
#[template(path = "console/member.html")]
pub(crate) struct MemberPage {
    frame: Frame,
    here: String,
    version: String,
    name: String,
    email: String,
    state: Badge,
    has_factor: bool,
    is_active: bool,
    is_suspended: bool,
    is_removed: bool,
    since: When,
    problem: Option<String>,
    beyond: Vec<Beyond>,
    fields: Vec<Field>,
    /// Action, and the roles that it comes by.
    permissions: Vec<(String, String)>,
}

/// Something that a member issued, and could not any more.
struct Beyond {
    href: String,
    name: String,
    what: String,
}

#[cfg(test)]
impl MemberPage {
    /// Somebody who was an admin before.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let frame = Frame::sample(Section::Members);
        let roles = ["owner", "admin", "developer", "viewer", "auditor"]
            .map(|role| Choice::new(role, role, "A built-in role").chosen(role == "developer"));
        Self {
            here: frame.org("/members/mem_07grace"),
            version: "7".to_owned(),
            name: "Grace Builder".to_owned(),
            email: "grace@acme.example".to_owned(),
            state: Badge::state("active"),
            has_factor: false,
            is_active: true,
            is_suspended: false,
            is_removed: false,
            since: When::new(at(-90 * 86_400), NOW),
            problem: None,
            beyond: vec![Beyond {
                href: frame.at("/keys/key_07"),
                name: "nightly-export".to_owned(),
                what: "production key of main, with policies:write".to_owned(),
            }],
            fields: vec![
                Field::text("name", "Name").value("Grace Builder"),
                Field::boxes("roles", "Roles in the whole organization", roles.to_vec()),
            ],
            permissions: vec![
                ("keys.list".to_owned(), "developer".to_owned()),
                ("keys.issue".to_owned(), "developer".to_owned()),
            ],
            frame,
        }
    }
}
