//! Tenants: workspaces of the demo's organization, each with a key and with policies of its own.

use harness::Client;
use serde_json::{Value, json};

/// A workspace, and the secret of its one key.
pub(crate) struct Tenant {
    pub(crate) workspace: String,
    pub(crate) secret: String,
}

impl Tenant {
    /// Makes one, as the operator.
    pub(crate) fn create(operator: &Client, organization: &str, name: &str) -> Self {
        let workspaces = format!("/v1/organizations/{organization}/workspaces");
        let made = operator.post(&workspaces, &json!({ "name": name })).check_json(201);
        let workspace = text(&made["id"]);
        let body = json!({ "kind": "production", "name": "bench", "scopes": ["jobs:read", "jobs:write"] });
        let key = operator.post(&format!("/v1/workspaces/{workspace}/keys"), &body).check_json(201);
        Self { workspace, secret: text(&key["secret"]) }
    }

    /// Puts a policy of its own in force.
    pub(crate) fn publish(&self, operator: &Client, upload: &Value) {
        let path = format!("/v1/workspaces/{}/policies/measured?publish=true", self.workspace);
        operator.put(&path, upload).check_json(200);
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// A policy in CEL that objects to nothing that is asked here, and is like no other.
pub(crate) fn cel(number: usize) -> Value {
    let source = format!("action.name == \"never.{number}\" ? forbid(\"never\", \"not here\") : no_match()");
    json!({ "engine": "cel", "source": source })
}
