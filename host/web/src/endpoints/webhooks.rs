//! `/v1/workspaces/{workspace}/webhooks`: create, list, show, change, delete, rotate, test; what became of messages; messages
//! of other services.

use std::sync::Arc;

use access_authority::webhooks::{
    MessageRequest, MessageView, RecoverRequest, WebhookRequest, WebhookUpdate, WebhookView, actions,
};
use access_authority::{Issued, Permit, Target};
use access_model::{Id, IdKind};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::asker::Asker;
use crate::body::Body;
use crate::endpoints::{Paging, id, json, place, workspace};
use crate::idempotency::{IdempotencyKey, created};
use crate::if_match::{Condition, tagged, with_tag};
use crate::problem::Problem;
use crate::segments::Segments;

/// What is to be known of deliveries.
pub(crate) const NOTES: &str = "Messages are POSTed as Standard Webhooks says: `webhook-id` (the same in every attempt), \
    `webhook-timestamp` and `webhook-signature`, and `X-CronFlow-Signature: t=<unix>,v1=<hex>`, an HMAC-SHA256 of `t.body` \
    under the secret as it was shown. Any 2xx is success. What fails is tried eleven times within some three days; a receiver \
    that answers 410, or fails for all of that, is disabled.";
/// How long the old secret signs where nobody says.
const OVERLAP_SECONDS: u64 = 86_400;

/// How a secret is to be rotated.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookRotation")]
pub(crate) struct RotateBody {
    /// Seconds that the old secret goes on signing beside the new one; a day when left out or null.
    #[serde(default)]
    #[schemars(extend("x-catalog" = "overlap_seconds"))]
    overlap_seconds: Option<u64>,
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    IdempotencyKey(key): IdempotencyKey,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::CREATE, workspace(path)).await?;
    let (request, idempotency): (WebhookRequest, _) = body.keyed_json(&permit, key?).await?;
    Ok(created(app.authority.create_webhook(&permit, request, idempotency.as_ref()).await?, issued))
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    page: Paging,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::LIST, workspace(path)).await?;
    Ok(json(StatusCode::OK, &app.authority.list_webhooks(&permit, &page.read()?).await?))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let (permit, webhook) = permit(&app, &asker, actions::GET, path).await?;
    Ok(tagged(StatusCode::OK, &app.authority.get_webhook(&permit, &webhook).await?))
}

pub(crate) async fn update(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    Condition(if_match): Condition,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, webhook) = permit(&app, &asker, actions::UPDATE, path).await?;
    let update: WebhookUpdate = body.json(&permit).await?;
    Ok(tagged(StatusCode::OK, &app.authority.update_webhook(&permit, &webhook, update, &if_match?).await?))
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    Condition(if_match): Condition,
) -> Result<Response, Problem> {
    let (permit, webhook) = permit(&app, &asker, actions::UPDATE, path).await?;
    app.authority.delete_webhook(&permit, &webhook, &if_match?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    Condition(if_match): Condition,
    IdempotencyKey(idempotency): IdempotencyKey,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, webhook) = permit(&app, &asker, actions::UPDATE, path).await?;
    let (RotateBody { overlap_seconds }, idempotency) = body.keyed_json_or_default(&permit, idempotency?).await?;
    let overlap = overlap_seconds.unwrap_or(OVERLAP_SECONDS.min(app.authority.catalog().limits.overlap_seconds));
    let (if_match, idempotency) = (if_match?, idempotency.as_ref());
    Ok(created(app.authority.rotate_webhook(&permit, &webhook, overlap, &if_match, idempotency).await?, issued))
}

pub(crate) async fn test(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let (permit, webhook) = permit(&app, &asker, actions::TEST, path).await?;
    Ok(json(StatusCode::OK, &app.authority.test_webhook(&permit, &webhook).await?))
}

pub(crate) async fn deliveries(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    page: Paging,
) -> Result<Response, Problem> {
    let (permit, webhook) = permit(&app, &asker, actions::LIST_DELIVERIES, path).await?;
    Ok(json(StatusCode::OK, &app.authority.list_deliveries(&permit, &webhook, &page.read()?).await?))
}

pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String, String)>,
) -> Result<Response, Problem> {
    let (path, delivery) = match path {
        Ok((workspace, webhook, delivery)) => (Ok((workspace, webhook)), Ok(delivery)),
        Err(problem) => (Err(problem.clone()), Err(problem)),
    };
    let (permit, webhook) = permit(&app, &asker, actions::REPLAY, path).await?;
    let delivery = id(IdKind::Delivery, "delivery", &delivery?)?;
    Ok(json(StatusCode::OK, &app.authority.replay_delivery(&permit, &webhook, &delivery).await?))
}

pub(crate) async fn recover(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (permit, webhook) = permit(&app, &asker, actions::RECOVER, path).await?;
    let request: RecoverRequest = body.json(&permit).await?;
    Ok(json(StatusCode::OK, &app.authority.recover_deliveries(&permit, &webhook, &request).await?))
}

pub(crate) async fn send(
    State(app): State<Arc<App>>,
    asker: Asker,
    Segments(path): Segments<String>,
    IdempotencyKey(key): IdempotencyKey,
    body: Body,
) -> Result<Response, Problem> {
    let permit = app.permit(&asker, actions::SEND, workspace(path)).await?;
    let (request, idempotency): (MessageRequest, _) = body.keyed_json(&permit, key?).await?;
    let taken = |message: MessageView| json(StatusCode::CREATED, &message);
    Ok(created(app.authority.send_message(&permit, request, idempotency.as_ref()).await?, taken))
}

fn issued(issued: Issued<WebhookView>) -> Response {
    with_tag(json(StatusCode::CREATED, &issued), issued.version)
}

async fn permit(
    app: &App,
    asker: &Asker,
    action: &str,
    path: Result<(String, String), Problem>,
) -> Result<(Permit, Id), Problem> {
    let ids = path.and_then(|(workspace, webhook)| Ok((place(&workspace)?, id(IdKind::Webhook, "webhook", &webhook)?)));
    let target = ids.as_ref().map(|(workspace, webhook)| Target::webhook(*workspace, webhook)).map_err(Problem::clone);
    Ok((app.permit(asker, action, target).await?, ids?.1))
}
