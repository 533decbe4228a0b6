//! Issuing and changing keys, as the operator.

use serde_json::{Value, json};

use crate::host::Host;
use crate::http::{Request, Response};

/// Characters of an id's body, which a secret carries right after its prefix.
const ID_BODY: usize = 18;

/// A key, with its secret.
#[derive(Debug, Clone)]
pub struct Key {
    /// Public id.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// As it was shown.
    pub view: Value,
}

impl Key {
    /// Reads the answer to issuing or rotating.
    #[track_caller]
    pub fn of(view: Value) -> Self {
        let text = |field: &str| view[field].as_str().expect("a key has an id and a secret").to_owned();
        Self { id: text("id"), secret: text("secret"), view }
    }
}

impl Host {
    /// A key of the demo.
    #[track_caller]
    pub fn demo_key(&self, kind: &str) -> Key {
        let secret = self.identity().keys.get(kind).expect("the demo has a key of each kind").clone();
        let tail = secret.rsplit('_').next().expect("a prefix");
        Key { id: format!("key_{}", &tail[..ID_BODY]), secret: secret.clone(), view: Value::Null }
    }

    /// Asks for a key in the first workspace.
    #[track_caller]
    pub fn try_issue(&self, body: &Value) -> Response {
        self.operator().post(&self.workspace("/keys"), body)
    }

    /// Issues a key in the first workspace.
    #[track_caller]
    pub fn issue(&self, kind: &str, scopes: &[&str]) -> Key {
        self.issue_with(kind, scopes, &json!({}))
    }

    /// Issues production keys that may read jobs, and waits but once until every process knows them.
    #[track_caller]
    pub fn issue_many(&self, count: usize) -> Vec<Key> {
        let operator = self.manager().client(Some(&self.identity().operator_token));
        let body = json!({ "kind": "production", "name": "e2e", "scopes": ["jobs:read"] });
        let issued = || Key::of(operator.post(&self.workspace("/keys"), &body).check_json(201));
        let keys = (0..count).map(|_| issued()).collect();
        self.wait_until_all_know();
        keys
    }

    /// Issues a key with further fields.
    #[track_caller]
    pub fn issue_with(&self, kind: &str, scopes: &[&str], further: &Value) -> Key {
        let mut body = json!({ "kind": kind, "name": "e2e", "scopes": scopes });
        for (name, value) in further.as_object().expect("fields") {
            body[name] = value.clone();
        }
        Key::of(self.try_issue(&body).check_json(201))
    }

    /// Asks for a rotation.
    #[track_caller]
    pub fn try_rotate(&self, key: &Key, overlap_seconds: u64) -> Response {
        self.operator().post(&self.key(key, "/rotate"), &json!({ "overlap_seconds": overlap_seconds }))
    }

    /// Rotates a key; the successor.
    #[track_caller]
    pub fn rotate(&self, key: &Key, overlap_seconds: u64) -> Key {
        Key::of(self.try_rotate(key, overlap_seconds).check_json(201))
    }

    /// Asks to `revoke`, `disable` or `enable` a key.
    #[track_caller]
    pub fn try_change(&self, key: &Key, change: &str) -> Response {
        self.operator().post(&self.key(key, &format!("/{change}")), &json!({}))
    }

    /// Revokes, disables or enables a key; as it is shown afterwards.
    #[track_caller]
    pub fn change(&self, key: &Key, change: &str) -> Value {
        self.try_change(key, change).check_json(200)
    }

    /// A key as it is shown.
    #[track_caller]
    pub fn show(&self, key: &Key) -> Value {
        self.operator().get(&self.key(key, "")).check_json(200)
    }

    /// An instant so many hours from now (or before), by the dev clock.
    #[track_caller]
    pub fn hours_from_now(&self, hours: i8) -> String {
        let clock = self.operator().post("/v1/dev/clock", &json!({ "advance_seconds": 0 })).check_json(200);
        let now = clock["now"].as_str().expect("an instant");
        // The same time of day, further west: so many hours later.
        let sign = if hours < 0 { '+' } else { '-' };
        now.replace('Z', &format!("{sign}{:02}:00", hours.unsigned_abs()))
    }

    /// The path of a key, and what follows it.
    pub fn key(&self, key: &Key, then: &str) -> String {
        self.workspace(&format!("/keys/{}{then}", key.id))
    }

    /// Obtains a token with these scopes, as the demo's client.
    #[track_caller]
    pub fn token(&self, scopes: &[&str]) -> String {
        let client = &self.identity().client;
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
            client.client_id,
            client.client_secret,
            scopes.join("+"),
        );
        let request = Request::new("POST", "/oauth/token").body("application/x-www-form-urlencoded", form);
        let answer = self.client(None).send(&request).check_json(200);
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// Creates an organization; its public id.
    #[track_caller]
    pub fn create_organization(&self, name: &str) -> String {
        self.create("/v1/organizations", name)
    }

    /// Creates a workspace; its public id.
    #[track_caller]
    pub fn create_workspace(&self, organization: &str, name: &str) -> String {
        self.create(&format!("/v1/organizations/{organization}/workspaces"), name)
    }

    #[track_caller]
    fn create(&self, path: &str, name: &str) -> String {
        let made = self.operator().post(path, &json!({ "name": name })).check_json(201);
        made["id"].as_str().expect("an id").to_owned()
    }
}
