//! `/v1/organizations/{organization}/invitations`: invite, list, take back.

use std::sync::Arc;

use access_authority::invitations::{InvitationRequest, InvitationView, actions};
use access_authority::{Issued, Target};
use access_model::{Id, IdKind};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{Paging, id, json, organization};
use crate::idempotency::{IdempotencyKey, created};
use crate::if_match::with_tag;
use crate::problem::Problem;
use crate::segments::Segments;

/// An invitation with its secret, shown this once, and the link to send.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InvitationIssued")]
pub(crate) struct WithLink<'a> {
    /// The invitation.
    #[serde(flatten)]
    issued: &'a Issued<InvitationView>,
    /// Where whoever is invited accepts it; where the answer is told again, it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    link: Option<String>,
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    IdempotencyKey(key): IdempotencyKey,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::CREATE, organization(path)).await?;
    let (request, idempotency): (InvitationRequest, _) = body.keyed_json(&permit, key?).await?;
    let done = app.authority.invite(&permit, request, idempotency.as_ref()).await?;
    Ok(created(done, |issued| {
        let link = Some(app.public_url.at(&join_path(issued.secret.expose())));
        with_tag(json(StatusCode::CREATED, &WithLink { issued: &issued, link }), issued.version)
    }))
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    page: Paging,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::LIST, organization(path)).await?;
    Ok(json(StatusCode::OK, &app.authority.list_invitations(&permit, &page.read()?).await?))
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let ids = path.and_then(|(organization, invitation)| {
        let invitation: Id = id(IdKind::Invitation, "invitation", &invitation)?;
        Ok((id(IdKind::Organization, "organization", &organization)?, invitation))
    });
    let target = ids.as_ref().map(|(organization, invitation)| Target::invitation(*organization, invitation));
    let permit = app.permit(&asker, actions::REVOKE, target.map_err(Problem::clone)).await?;
    Ok(json(StatusCode::OK, &app.authority.revoke_invitation(&permit, &ids?.1).await?))
}

/// Where an invitation is accepted.
pub fn join_path(secret: &str) -> String {
    format!("/console/join?invitation={secret}")
}
