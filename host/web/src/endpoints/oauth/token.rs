//! `POST /oauth/token`: the client-credentials grant (RFC 6749 §4.4), for one workspace where `resource` names it (RFC 8707).

use std::sync::Arc;

use access_authority::oauth::TokenRequest;
use access_model::{Id, IdKind};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::client_auth::{Authorization, client};
use super::error::{OAuthError, uncached};
use super::form::Form;
use crate::app::App;
use crate::asker::Asker;
use crate::endpoints::json;

/// What a workspace's resource indicator is, below the issuer.
const RESOURCE: &str = "/v1/workspaces/";
/// Scopes that are asked for at once.
const MOST_SCOPES: usize = 64;

/// What is asked for; a form.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "TokenRequest")]
#[expect(dead_code, reason = "its schema is what is used of it")]
pub(crate) struct TokenForm {
    /// `client_credentials`.
    #[schemars(extend("enum" = ["client_credentials"]))]
    grant_type: String,
    /// Scopes, by spaces; left out: all that the client holds.
    scope: Option<String>,
    /// The workspace that the token is to serve, alone: `{issuer}/v1/workspaces/{id}`, or its id.
    resource: Option<String>,
    /// The client, where it is not in `Authorization`.
    client_id: Option<String>,
    /// Its secret, where it is not in `Authorization`.
    client_secret: Option<String>,
}

/// A token (RFC 6749 §5.1).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Token", example = serde_json::json!({
    "access_token": "cf_at_…", "token_type": "Bearer", "expires_in": 3600, "scope": "jobs:read",
}))]
pub(crate) struct TokenBody {
    /// The token, shown this once.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds that it lives.
    expires_in: u64,
    /// What it may do.
    scope: String,
}

pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    asker: Asker,
    authorization: Authorization,
    form: Result<Form, OAuthError>,
) -> Result<Response, OAuthError> {
    let mut form = form?;
    let grant_type = form.take("grant_type").ok_or_else(|| OAuthError::invalid_request("grant_type is missing"))?;
    let caller = client(&app, &asker, &authorization, &mut form).await?;
    if grant_type != "client_credentials" {
        return Err(OAuthError::new(400, "unsupported_grant_type", "grant_type must be client_credentials"));
    }
    let scopes = form.take("scope").map(|text| scopes(&text)).transpose()?;
    let workspace = form.take("resource").map(|text| workspace(&app, &text)).transpose()?;
    let issued = app.authority.issue_token(&caller, TokenRequest { scopes, workspace }, asker.client).await?;
    let body = TokenBody {
        access_token: issued.secret.expose().to_owned(),
        token_type: "Bearer",
        expires_in: issued.lifetime.as_secs(),
        scope: issued.scopes.join(" "),
    };
    Ok(uncached(json(StatusCode::OK, &body)))
}

/// RFC 6749 §3.3.
fn scopes(text: &str) -> Result<Vec<String>, OAuthError> {
    let legal = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let mut scopes: Vec<String> = text.split(' ').map(str::to_owned).collect();
    if scopes.len() > MOST_SCOPES || scopes.iter().any(|scope| scope.is_empty() || !scope.bytes().all(legal)) {
        return Err(OAuthError::new(400, "invalid_scope", "scope must be names of scopes with one space between them"));
    }
    scopes.sort();
    scopes.dedup();
    Ok(scopes)
}

fn workspace(app: &App, text: &str) -> Result<Id, OAuthError> {
    let id = text.strip_prefix(&app.public_url.at(RESOURCE)).unwrap_or(text);
    id.parse().ok().filter(|id: &Id| id.kind() == IdKind::Workspace).ok_or_else(|| {
        let like = app.public_url.at(RESOURCE);
        OAuthError::new(400, "invalid_target", &format!("resource must be a workspace: {like}ws_..."))
    })
}
