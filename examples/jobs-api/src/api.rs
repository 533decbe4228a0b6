//! The routes: all of the catalog's customer actions. Who may call them is decided before, and nowhere in here.

mod body;
mod executions;
mod jobs;
mod page;
mod queues;
mod webhooks;
mod workers;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::plant::Plants;
use crate::problem::Problem;

/// Bytes of a body.
const BODY: usize = 32 * 1024;

/// The API of these plants.
pub(crate) fn router(plants: Plants) -> Router {
    Router::new()
        .route("/v1/jobs", get(jobs::list).post(jobs::create))
        .route("/v1/jobs/{id}", get(jobs::show).delete(jobs::delete))
        .route("/v1/jobs/{id}/cancel", post(jobs::cancel))
        .route("/v1/jobs/{id}/retry", post(jobs::retry))
        .route("/v1/queues", get(queues::list).post(queues::create))
        .route("/v1/queues/{id}", get(queues::show).patch(queues::update).delete(queues::delete))
        .route("/v1/queues/{id}/pause", post(queues::pause))
        .route("/v1/executions", get(executions::list))
        .route("/v1/executions/{id}/logs", get(executions::logs))
        .route("/v1/workers", get(workers::list))
        .route("/v1/workers/metrics", get(workers::metrics))
        .route("/v1/workers/{id}/pause", post(workers::pause))
        .route("/v1/workers/{id}/resume", post(workers::resume))
        .route("/v1/workers/{id}/scale", post(workers::scale))
        .route("/v1/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/v1/webhooks/{id}", get(webhooks::show).patch(webhooks::update).delete(webhooks::delete))
        .fallback(async || Problem::new(404, "not_found", "nothing is served at this path"))
        .method_not_allowed_fallback(async || Problem::new(405, "method_not_allowed", "`Allow` says what it takes"))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(plants)
}
