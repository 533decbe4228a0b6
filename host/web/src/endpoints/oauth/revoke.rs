//! `POST /oauth/revoke` (RFC 7009). What is no token is ended already.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::client_auth::{Authorization, client_or_bearer, told};
use super::error::{OAuthError, uncached};
use super::form::Form;
use crate::app::App;
use crate::asker::Asker;

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    asker: Asker,
    authorization: Authorization,
    form: Result<Form, OAuthError>,
) -> Result<Response, OAuthError> {
    let mut form = form?;
    let caller = client_or_bearer(&app, &asker, &authorization, &mut form).await?;
    let token = form.take_secret("token").ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
    if app.authority.revoke_token(&caller, &token, asker.client).await.map_err(told(&asker))? {
        Ok(uncached(StatusCode::OK.into_response()))
    } else {
        // RFC 7009 §2.1: whoever ends another's is told.
        Err(OAuthError::new(400, "unauthorized_client", "the token was issued to another client"))
    }
}
