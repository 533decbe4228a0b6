//! `/v1/queues`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::body::Body;
use super::jobs::ATTEMPTS;
use super::page::whole;
use crate::door::Workspace;
use crate::plant::queue::Queue;
use crate::plant::{Plants, QUEUES};
use crate::problem::Problem;

/// Characters of a name.
const NAME: std::ops::RangeInclusive<usize> = 1..=64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    name: String,
    max_attempts: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    paused: Option<bool>,
    max_attempts: Option<u32>,
}

pub(super) async fn list(State(plants): State<Plants>, of: Workspace) -> Result<Json<Value>, Problem> {
    Ok(plants.of(&of)?.with(|floor| whole(floor.queues.values())))
}

pub(super) async fn create(
    State(plants): State<Plants>,
    of: Workspace,
    Body(New { name, max_attempts }): Body<New>,
) -> Result<(StatusCode, Json<Queue>), Problem> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_plain || !NAME.contains(&name.len()) {
        return Err(Problem::invalid("name", "must be 1 to 64 of a to z, 0 to 9 and `-`"));
    }
    plants.of(&of)?.with(|floor| {
        if floor.queues.contains_key(&name) {
            return Err(Problem::conflict("there is a queue of this name"));
        }
        if floor.queues.len() >= QUEUES {
            return Err(Problem::full("queues"));
        }
        let mut queue = Queue::new(name);
        change(&mut queue, None, max_attempts)?;
        floor.queues.insert(queue.id.clone(), queue.clone());
        Ok((StatusCode::CREATED, Json(queue)))
    })
}

pub(super) async fn show(
    State(plants): State<Plants>,
    of: Workspace,
    Path(id): Path<String>,
) -> Result<Json<Queue>, Problem> {
    plants.of(&of)?.with(|floor| floor.queues.get(&id).cloned()).map(Json).ok_or_else(none)
}

pub(super) async fn update(
    State(plants): State<Plants>,
    of: Workspace,
    Path(id): Path<String>,
    Body(Change { paused, max_attempts }): Body<Change>,
) -> Result<Json<Queue>, Problem> {
    plants.of(&of)?.with(|floor| {
        let queue = floor.queues.get_mut(&id).ok_or_else(none)?;
        change(queue, paused, max_attempts)?;
        Ok(Json(queue.clone()))
    })
}

pub(super) async fn pause(
    State(plants): State<Plants>,
    of: Workspace,
    Path(id): Path<String>,
) -> Result<Json<Queue>, Problem> {
    plants.of(&of)?.with(|floor| {
        let queue = floor.queues.get_mut(&id).ok_or_else(none)?;
        queue.paused = true;
        Ok(Json(queue.clone()))
    })
}

pub(super) async fn delete(
    State(plants): State<Plants>,
    of: Workspace,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    plants.of(&of)?.with(|floor| {
        if !floor.queues.contains_key(&id) {
            return Err(none());
        }
        if floor.jobs.values().any(|job| job.queue == id && !job.state.has_ended()) {
            return Err(Problem::conflict("jobs of this queue have not ended"));
        }
        floor.queues.remove(&id);
        Ok(StatusCode::NO_CONTENT)
    })
}

fn change(queue: &mut Queue, paused: Option<bool>, max_attempts: Option<u32>) -> Result<(), Problem> {
    if max_attempts.is_some_and(|most| !ATTEMPTS.contains(&most)) {
        return Err(Problem::invalid("max_attempts", "must be 1 to 10"));
    }
    queue.paused = paused.unwrap_or(queue.paused);
    queue.max_attempts = max_attempts.unwrap_or(queue.max_attempts);
    Ok(())
}

fn none() -> Problem {
    Problem::not_found("queue")
}
