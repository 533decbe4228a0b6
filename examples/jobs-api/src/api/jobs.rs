//! `/v1/jobs`.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::Value;

use super::body::Body;
use super::page::Page;
use crate::door::Workspace;
use crate::plant::job::{Job, State as JobState};
use crate::plant::time::Moment;
use crate::plant::work::Work;
use crate::plant::{Plants, number, queue};
use crate::problem::Problem;

/// The longest delay: an hour.
const LONGEST_DELAY: u64 = 3_600;
/// Attempts at a job.
pub(super) const ATTEMPTS: std::ops::RangeInclusive<u32> = 1..=10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Submitted {
    r#type: String,
    #[serde(default)]
    payload: Value,
    queue: Option<String>,
    max_attempts: Option<u32>,
    #[serde(default)]
    delay_seconds: u64,
}

pub(super) async fn list(State(plants): State<Plants>, of: Workspace, page: Page) -> Result<Json<Value>, Problem> {
    let plant = plants.of(&of)?;
    Ok(plant.with(|floor| page.of(floor.jobs.iter().rev().map(|(number, job)| (*number, job)))))
}

pub(super) async fn create(
    State(plants): State<Plants>,
    of: Workspace,
    Body(submitted): Body<Submitted>,
) -> Result<impl IntoResponse, Problem> {
    let Submitted { r#type: kind, payload, queue, max_attempts, delay_seconds } = submitted;
    let work = Work::of(&kind, &payload)?;
    if max_attempts.is_some_and(|most| !ATTEMPTS.contains(&most)) {
        return Err(Problem::invalid("max_attempts", "must be 1 to 10"));
    }
    if delay_seconds > LONGEST_DELAY {
        return Err(Problem::invalid("delay_seconds", "must be 3600 at most"));
    }
    let plant = plants.of(&of)?;
    let job = plant.with(|floor| {
        let queue = queue.unwrap_or_else(|| queue::DEFAULT.to_owned());
        let known = floor.queues.get(&queue).ok_or_else(|| Problem::invalid("queue", "there is no such queue"))?;
        let job = Job {
            id: 0,
            kind,
            payload,
            work,
            state: JobState::Queued,
            attempts: 0,
            max_attempts: max_attempts.unwrap_or(known.max_attempts),
            queue,
            result: None,
            error: None,
            created_at: Moment::now(),
            ended_at: None,
            wait: 0,
        };
        floor.submit(&plant, job, Duration::from_secs(delay_seconds))
    })?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/v1/jobs/job_{}", job.id))], Json(job)))
}

pub(super) async fn show(
    State(plants): State<Plants>,
    of: Workspace,
    Path(id): Path<String>,
) -> Result<Json<Job>, Problem> {
    let job = plants.of(&of)?.with(|floor| floor.jobs.get(&read(&id)?).cloned().ok_or_else(none));
    job.map(Json)
}

pub(super) async fn delete(
    State(plants): State<Plants>,
    of: Workspace,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    plants.of(&of)?.with(|floor| {
        let id = read(&id)?;
        if !floor.jobs.get(&id).ok_or_else(none)?.state.has_ended() {
            return Err(Problem::conflict("the job has not ended; cancel it first"));
        }
        floor.jobs.remove(&id);
        Ok(StatusCode::NO_CONTENT)
    })
}

pub(super) async fn cancel(
    State(plants): State<Plants>,
    of: Workspace,
    Path(id): Path<String>,
) -> Result<Json<Job>, Problem> {
    plants.of(&of)?.with(|floor| floor.cancel(read(&id)?)).map(Json)
}

pub(super) async fn retry(
    State(plants): State<Plants>,
    of: Workspace,
    Path(id): Path<String>,
) -> Result<Json<Job>, Problem> {
    let plant = plants.of(&of)?;
    plant.with(|floor| floor.retry(&plant, read(&id)?)).map(Json)
}

fn read(id: &str) -> Result<u64, Problem> {
    number(id, "job").ok_or_else(none)
}

fn none() -> Problem {
    Problem::not_found("job")
}
