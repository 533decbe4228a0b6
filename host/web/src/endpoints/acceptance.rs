//! `POST /v1/invitations/accept`: somebody who was invited becomes a member.

use std::sync::Arc;

use access_authority::sign_in::InvitationAcceptance;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::sessions::BODY_BYTES;
use crate::app::App;
use crate::body::Body;
use crate::endpoints::json;
use crate::problem::Problem;
use crate::visiting::Visiting;

pub(crate) async fn accept(
    State(app): State<Arc<App>>,
    Visiting(visitor): Visiting,
    body: Body,
) -> Result<Response, Problem> {
    let request: InvitationAcceptance = body.up_to(BODY_BYTES).open_json().await?;
    Ok(json(StatusCode::CREATED, &app.authority.accept_invitation(&request, &visitor).await?))
}
