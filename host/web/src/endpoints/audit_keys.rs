//! `GET /.well-known/cronflow-access-audit-keys`: what exports of audit trails are signed with. Open to all, so that who checks an
//! export need not be somebody here.

use std::sync::Arc;

use access_model::audit::key::PublicKey;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::endpoints::json;
use crate::request_id::RequestId;

/// The keys that checkpoints and exports are signed with.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditKeys", example = example())]
pub(crate) struct AuditKeys {
    /// `ed25519`.
    algorithm: &'static str,
    /// Public keys, 32 bytes in hexadecimal each; the first signs now.
    #[schemars(with = "Vec<String>")]
    keys: Vec<PublicKey>,
}

fn example() -> Value {
    json!({ "algorithm": "ed25519", "keys": ["3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"] })
}

pub(crate) async fn show(State(app): State<Arc<App>>, id: RequestId) -> Response {
    id.on(json(StatusCode::OK, &AuditKeys { algorithm: "ed25519", keys: app.authority.audit_keys() }))
}
