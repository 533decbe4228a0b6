//! `GET /.well-known/oauth-authorization-server` (RFC 8414): where everything is, for libraries.

use std::sync::Arc;

use access_model::Class;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::endpoints::json;

const METHODS: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// Metadata of the authorization server (RFC 8414 §2).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuthorizationServer")]
pub(crate) struct Metadata {
    /// The host.
    issuer: String,
    /// Where tokens are obtained.
    token_endpoint: String,
    /// How clients authenticate there.
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    /// Where tokens are asked about.
    introspection_endpoint: String,
    /// How clients authenticate there.
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    /// Where tokens are ended.
    revocation_endpoint: String,
    /// How clients authenticate there.
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    /// The one grant.
    grant_types_supported: Vec<&'static str>,
    /// None: there is no authorization endpoint.
    response_types_supported: Vec<&'static str>,
    /// What clients may hold.
    scopes_supported: Vec<String>,
    /// For people.
    service_documentation: String,
}

pub(crate) async fn show(State(app): State<Arc<App>>) -> Response {
    let url = &app.public_url;
    let kind = app.authority.catalog().kind_of_class(Class::Client);
    let metadata = Metadata {
        issuer: url.to_string(),
        token_endpoint: url.at("/oauth/token"),
        token_endpoint_auth_methods_supported: METHODS.to_vec(),
        introspection_endpoint: url.at("/oauth/introspect"),
        introspection_endpoint_auth_methods_supported: METHODS.to_vec(),
        revocation_endpoint: url.at("/oauth/revoke"),
        revocation_endpoint_auth_methods_supported: METHODS.to_vec(),
        grant_types_supported: vec!["client_credentials"],
        response_types_supported: Vec::new(),
        scopes_supported: kind.map(|kind| kind.scopes.clone()).unwrap_or_default(),
        service_documentation: url.at("/docs"),
    };
    json(StatusCode::OK, &metadata)
}
