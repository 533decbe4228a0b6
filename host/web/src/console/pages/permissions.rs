//! `…/permissions`: the matrix of roles and actions.

use askama::Template;

use crate::console::frame::{Frame, Section};

/// The matrix.
#[derive(Template)]
#[template(path = "console/permissions.html")]
pub(crate) struct PermissionsPage {
    frame: Frame,
    roles: Vec<Role>,
    groups: Vec<Group>,
    custom_is_empty: bool,
}

struct Role {
    name: String,
    is_custom: bool,
}

struct Group {
    name: String,
    rows: Vec<Row>,
}

struct Row {
    action: String,
    may: Vec<bool>,
}

#[cfg(test)]
impl PermissionsPage {
    /// The built-in roles, and one more.
    pub(crate) fn sample() -> Self {
        let roles = ["owner", "admin", "developer", "viewer", "auditor", "key-rotator"];
        let row = |action: &str, may: &[bool]| Row { action: action.to_owned(), may: may.to_vec() };
        let groups = vec![
            Group {
                name: "keys".to_owned(),
                rows: vec![
                    row("keys.list", &[true, true, true, true, false, true]),
                    row("keys.issue", &[true, true, true, false, false, false]),
                    row("keys.rotate", &[true, true, true, false, false, true]),
                ],
            },
            Group {
                name: "members".to_owned(),
                rows: vec![row("invitations.create", &[true, true, false, false, false, false])],
            },
        ];
        let role = |name: &str| Role { name: name.to_owned(), is_custom: name == "key-rotator" };
        let frame = Frame::sample(Section::Members);
        Self { frame, roles: roles.map(role).into(), groups, custom_is_empty: false }
    }
}
