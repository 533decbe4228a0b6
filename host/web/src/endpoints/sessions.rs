//! `/v1/sessions`: sign in, give the second factor, list, end.

use std::sync::Arc;

use access_authority::sign_in::{FactorRequest, SignInRequest, actions};
use access_model::IdKind;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{Paging, id, json};
use crate::problem::Problem;
use crate::segments::Segments;
use crate::visiting::Visiting;

/// What is to be known of signing in.
pub(crate) const NOTES: &str = "Whatever is wrong, the answer is the same (401 `sign_in_failed`) after the same work: an \
    address that nobody has, a wrong password, a wrong code, a locked account. Attempts are counted first: so many at one \
    address (whether or not somebody has it), or at one second factor, lock it for a while, and a network that tries too often \
    waits (429). `factor` says `needed` where the second factor was not given yet; give it at `/v1/sessions/current/factor`. A \
    session that is presented ends.";

/// Bytes of a body that nobody has been identified for: no address and password take more.
pub(crate) const BODY_BYTES: usize = 16_384;

pub(crate) async fn open(
    State(app): State<Arc<App>>,
    Visiting(visitor): Visiting,
    body: Body,
) -> Result<Response, Problem> {
    let request: SignInRequest = body.up_to(BODY_BYTES).open_json().await?;
    Ok(json(StatusCode::CREATED, &app.authority.sign_in(&request, &visitor).await?))
}

pub(crate) async fn list(State(app): State<Arc<App>>, asker: Asker, page: Paging) -> Result<Response, Problem> {
    let permit = app.permit_for_self(&asker, actions::LIST).await?;
    Ok(json(StatusCode::OK, &app.authority.list_sessions(&permit, &page.read()?).await?))
}

pub(crate) async fn current(State(app): State<Arc<App>>, asker: Asker) -> Result<Response, Problem> {
    let permit = app.permit_for_self(&asker, actions::GET).await?;
    Ok(json(StatusCode::OK, &app.authority.get_session(&permit).await?))
}

pub(crate) async fn step_up(
    State(app): State<Arc<App>>,
    asker: Asker,
    Visiting(visitor): Visiting,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit_for_self(&asker, actions::STEP_UP).await?;
    let request: FactorRequest = body.json(&permit).await?;
    Ok(json(StatusCode::CREATED, &app.authority.step_up(&permit, &request, &visitor).await?))
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
) -> Result<Response, Problem> {
    let permit = app.permit_for_self(&asker, actions::REVOKE).await?;
    let session = id(IdKind::Session, "session", &path?)?;
    Ok(json(StatusCode::OK, &app.authority.revoke_session(&permit, &session).await?))
}

pub(crate) async fn end(State(app): State<Arc<App>>, asker: Asker) -> Result<Response, Problem> {
    let permit = app.permit_for_self(&asker, actions::END).await?;
    Ok(json(StatusCode::OK, &app.authority.end_session(&permit).await?))
}
