//! `POST /oauth/introspect` (RFC 7662): for clients about their own tokens, for gateways about those of their organizations.

use std::sync::Arc;

use access_authority::oauth::TokenFacts;
use access_model::Id;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::client_auth::{Authorization, client_or_bearer, told};
use super::error::{OAuthError, uncached};
use super::form::Form;
use crate::app::App;
use crate::asker::Asker;
use crate::endpoints::json;

/// Which token; a form.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "TokenQuestion")]
#[expect(dead_code, reason = "its schema is what is used of it")]
pub(crate) struct TokenQuestion {
    /// The token.
    token: String,
    /// Not looked at: there is one type.
    token_type_hint: Option<String>,
    /// The client, where it is not in `Authorization`.
    client_id: Option<Id>,
    /// Its secret, where it is not in `Authorization`.
    client_secret: Option<String>,
}

/// What is told of a token (RFC 7662 §2.2). Of one that is not active, that alone.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "TokenFacts", example = serde_json::json!({ "active": false }))]
pub(crate) struct FactsBody<'a> {
    /// Whether it identifies somebody now.
    active: bool,
    /// What it may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// The client that it was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<Id>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<Id>,
    /// `Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// When it ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// When it was issued, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// This host.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    /// The token's public id.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<Id>,
    /// The workspace that it serves, where that is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    /// The client's owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<Id>,
}

pub(crate) async fn introspect(
    State(app): State<Arc<App>>,
    asker: Asker,
    authorization: Authorization,
    form: Result<Form, OAuthError>,
) -> Result<Response, OAuthError> {
    let mut form = form?;
    let caller = client_or_bearer(&app, &asker, &authorization, &mut form).await?;
    let token = form.take_secret("token").ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
    let known = app.authority.introspect(&caller, &token, asker.client).await.map_err(told(&asker))?;
    let body = known.map_or_else(FactsBody::default, |token| facts(&app, &token));
    Ok(uncached(json(StatusCode::OK, &body)))
}

fn facts<'a>(app: &'a App, token: &TokenFacts) -> FactsBody<'a> {
    FactsBody {
        active: true,
        scope: Some(token.scopes.join(" ")),
        client_id: Some(token.client),
        sub: Some(token.client),
        token_type: Some("Bearer"),
        exp: Some(token.expires_at.as_millis().div_euclid(1000)),
        iat: Some(token.created_at.as_millis().div_euclid(1000)),
        iss: Some(app.public_url.as_str()),
        jti: Some(token.id),
        aud: token.workspace.map(|id| app.public_url.at(&format!("/v1/workspaces/{id}"))),
        organization: Some(token.organization),
    }
}
