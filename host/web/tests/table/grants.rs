//! What is handed out, asked about a second time: each thing × every role × every state of the second factor, with bodies that
//! are right. What is expected is read from the policies' own data.

use serde_json::{Value, json};

use crate::people::{Factor, Town};
use crate::roles::{Level, Matrix, ROLES, make_own_role, rights};

/// Something that is handed out.
struct Given {
    action: &'static str,
    method: &'static str,
    path: String,
    body: Value,
    /// The kind of a credential; none: roles.
    kind: Option<&'static str>,
}

async fn all(town: &Town) -> Vec<Given> {
    let below = |what: &str| format!("/v1/organizations/{}/{what}", town.demo.organization);
    let key = |kind| Given {
        action: "keys.issue",
        method: "POST",
        path: format!("/v1/workspaces/{}/keys", town.demo.workspace),
        body: json!({ "kind": kind, "name": "ci", "scopes": ["jobs:read"] }),
        kind: Some(kind),
    };
    let viewer = town.person(&town.demo.organization.to_string(), &rights("viewer", None), Factor::None).await;
    let to_somebody = format!("{}@acme.example", town.next_name());
    let of_roles = |action, method, path, body| Given { action, method, path, body, kind: None };
    vec![
        key("production"),
        key("staging"),
        key("read_only"),
        Given {
            action: "clients.register",
            method: "POST",
            path: below("clients"),
            body: json!({ "name": "billing", "scopes": ["jobs:read"], "workspaces": [town.demo.workspace] }),
            kind: Some("client"),
        },
        of_roles(
            "invitations.create",
            "POST",
            below("invitations"),
            json!({ "email": to_somebody, "roles": ["viewer"] }),
        ),
        of_roles(
            "members.update",
            "PUT",
            below(&format!("members/{}", viewer.id)),
            json!({ "name": town.next_name(), "roles": ["viewer"] }),
        ),
        of_roles("roles.put", "PUT", below("roles/night-shift"), json!({ "actions": ["keys.list"] })),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_out_asks_for_the_factor_that_the_policies_data_says() {
    let matrix = Matrix::new(true);
    for factor in Factor::ALL {
        let town = Town::new(None).await;
        make_own_role(&town).await;
        for role in ROLES {
            for given in all(&town).await {
                let organization = town.demo.organization.to_string();
                let person = town.person(&organization, &rights(role, None), factor).await;
                let body = given.body.to_string();
                let told = town.send(given.method, &given.path, Some(&person.secret), &body).await;
                let problem: Value = serde_json::from_str(&told.body).unwrap_or_default();
                let code = if told.status < 300 { "allowed" } else { problem["code"].as_str().unwrap_or_default() };
                let what = format!("{role} {factor:?} {} {:?}: {}", given.action, given.kind, told.body);
                assert_eq!(code, matrix.of_giving(given.action, role, given.kind, factor), "{what}");
            }
        }
    }
}

impl Matrix {
    /// What comes of handing something out.
    fn of_giving(&self, action: &str, role: &str, kind: Option<&str>, factor: Factor) -> &'static str {
        let level = if action.starts_with("keys.") { Level::Workspace } else { Level::Organization };
        let is_sensitive = kind.is_none_or(|kind| self.is_sensitive_kind(kind));
        match factor {
            _ if !self.permits(action, role, true, level) => "role_not_allowed",
            Factor::None if is_sensitive || !self.is_satisfied(action, role, true, level, factor) => "factor_missing",
            Factor::Given if is_sensitive => "factor_stale",
            _ => "allowed",
        }
    }
}
