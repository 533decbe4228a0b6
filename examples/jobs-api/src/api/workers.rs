//! `/v1/workers`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::Body;
use super::page::whole;
use crate::door::Workspace;
use crate::plant::worker::{MOST, Worker};
use crate::plant::{Plants, number};
use crate::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scale {
    concurrency: u32,
}

pub(super) async fn list(State(plants): State<Plants>, of: Workspace) -> Result<Json<Value>, Problem> {
    Ok(plants.of(&of)?.with(|floor| whole(floor.workers.values())))
}

pub(super) async fn metrics(State(plants): State<Plants>, of: Workspace) -> Result<Json<Value>, Problem> {
    Ok(plants.of(&of)?.with(|floor| {
        let mut jobs: BTreeMap<String, u64> = BTreeMap::new();
        for job in floor.jobs.values() {
            let state = serde_json::to_value(job.state).unwrap_or_default();
            *jobs.entry(state.as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let sum = |of: fn(&Worker) -> u64| floor.workers.values().map(of).sum::<u64>();
        Json(json!({
            "jobs": jobs,
            "busy": sum(|worker| worker.busy.into()),
            "concurrency": sum(|worker| worker.concurrency.into()),
            "succeeded": sum(|worker| worker.succeeded),
            "failed": sum(|worker| worker.failed),
        }))
    }))
}

pub(super) async fn pause(plants: State<Plants>, of: Workspace, id: Path<String>) -> Result<Json<Worker>, Problem> {
    change(&plants, &of, &id, |worker| worker.paused = true)
}

pub(super) async fn resume(plants: State<Plants>, of: Workspace, id: Path<String>) -> Result<Json<Worker>, Problem> {
    change(&plants, &of, &id, |worker| worker.paused = false)
}

pub(super) async fn scale(
    plants: State<Plants>,
    of: Workspace,
    id: Path<String>,
    Body(Scale { concurrency }): Body<Scale>,
) -> Result<Json<Worker>, Problem> {
    if concurrency > MOST {
        return Err(Problem::invalid("concurrency", "must be 0 to 16"));
    }
    change(&plants, &of, &id, |worker| worker.concurrency = concurrency)
}

fn change(plants: &Plants, of: &Workspace, id: &str, make: impl FnOnce(&mut Worker)) -> Result<Json<Worker>, Problem> {
    plants.of(of)?.with(|floor| {
        let worker = number(id, "wrk").and_then(|number| floor.workers.get_mut(&number));
        let worker = worker.ok_or_else(|| Problem::not_found("worker"))?;
        make(worker);
        Ok(Json(worker.clone()))
    })
}
