//! A client as it is shown: everything but its secrets.

use std::borrow::Cow;

use access_model::{AllowList, Client, ClientSecret, Id, IdKind, PlainSecret, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};

/// An OAuth2 client as it is shown. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Client", example = example())]
pub struct ClientView {
    /// Public id, which is its `client_id`.
    pub client_id: Id,
    /// A name for people.
    pub name: String,
    /// `active`, `disabled` or `revoked`.
    #[schemars(extend("enum" = ["active", "disabled", "revoked"]))]
    pub state: &'static str,
    /// The owner.
    pub organization: Id,
    /// Scopes that its tokens may hold.
    pub scopes: Vec<String>,
    /// Workspaces that its tokens may serve.
    pub workspaces: Vec<Id>,
    /// Environments that its tokens may act in.
    pub environments: Vec<String>,
    /// Networks that it and its tokens may be used from; null means no restriction.
    pub ip_allow: Option<Vec<String>>,
    /// Since when it is inactive: neither it nor a token of it was used for as long as its kind allows. Absent where it is not,
    /// and where a client is changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactive_since: Option<Timestamp>,
    /// Its secrets that are not ended, oldest first.
    pub secrets: Vec<SecretView>,
    /// The member that registered it or rotated its secret last; null: it was no member.
    pub issued_by: Option<Id>,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// A client's secret as it is shown: not the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ClientSecret")]
pub struct SecretView {
    /// Its number among the client's.
    pub number: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// The end of its overlap, where it was rotated.
    pub expires_at: Option<Timestamp>,
    /// When it last authenticated the client, to about a second; absent where it never did, and where a client is changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

impl ClientView {
    pub(crate) fn new(client: &Client, now: Timestamp) -> Self {
        let shown = |secret: &ClientSecret| SecretView {
            number: secret.number,
            created_at: secret.created_at,
            expires_at: secret.expires_at,
            last_used_at: None,
        };
        Self {
            client_id: client.id,
            name: client.terms.name.clone(),
            state: client.state_name(),
            organization: client.organization,
            scopes: client.terms.scopes.clone(),
            workspaces: client.terms.workspaces.clone(),
            environments: client.terms.environments.clone(),
            ip_allow: client.terms.ip_allow.as_ref().map(AllowList::to_strings),
            inactive_since: None,
            secrets: client.secrets.iter().filter(|secret| secret.is_live_at(now)).map(shown).collect(),
            issued_by: client.issued_by,
            created_at: client.created_at,
        }
    }
}

/// A client that was just registered or rotated, with the secret that is shown this once.
#[derive(Debug)]
pub struct ClientIssued {
    /// The client.
    pub shown: ClientView,
    /// Its newest secret.
    pub secret: PlainSecret,
    /// The version that names it.
    pub version: u64,
}

/// What goes out.
#[derive(Serialize, JsonSchema)]
struct WithSecret<'a> {
    #[serde(flatten)]
    shown: &'a ClientView,
    /// The secret, shown this once: where the answer is told again, it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    client_secret: Option<&'a str>,
    /// How to get another secret, where the answer is told again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    hint: Option<&'a str>,
}

impl Serialize for ClientIssued {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let client_secret = Some(self.secret.expose());
        WithSecret { shown: &self.shown, client_secret, hint: None }.serialize(serializer)
    }
}

impl JsonSchema for ClientIssued {
    fn schema_name() -> Cow<'static, str> {
        "IssuedClient".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = WithSecret::json_schema(generator);
        schema.insert("description".into(), "An OAuth2 client with its newest secret, shown this once.".into());
        let mut example = example();
        if let Some(fields) = example.as_object_mut() {
            fields.insert("client_secret".into(), "cf_cs_…".into());
        }
        schema.insert("examples".into(), vec![example].into());
        schema
    }
}

fn example() -> Value {
    json!({
        "client_id": Id::example(IdKind::Client),
        "name": "billing",
        "state": "active",
        "organization": Id::example(IdKind::Organization),
        "scopes": ["jobs:read", "jobs:write"],
        "workspaces": [Id::example(IdKind::Workspace)],
        "environments": ["*"],
        "ip_allow": null,
        "secrets": [{ "number": 1, "created_at": "2026-01-31T12:00:00.000Z", "expires_at": null }],
        "issued_by": null,
        "created_at": "2026-01-31T12:00:00.000Z",
    })
}
