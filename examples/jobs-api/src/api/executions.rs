//! `/v1/executions`.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::Value;

use super::page::{Page, whole};
use crate::door::Workspace;
use crate::plant::{Plants, number};
use crate::problem::Problem;

pub(super) async fn list(State(plants): State<Plants>, of: Workspace, page: Page) -> Result<Json<Value>, Problem> {
    // What is no job's id is no job's.
    let job = page.job.as_deref().map(|id| number(id, "job"));
    Ok(plants.of(&of)?.with(|floor| {
        let executions = floor.executions.iter().rev().map(|(number, execution)| (*number, execution));
        page.of(executions.filter(|(_, execution)| job.is_none_or(|job| job == Some(execution.job))))
    }))
}

pub(super) async fn logs(
    State(plants): State<Plants>,
    of: Workspace,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    plants.of(&of)?.with(|floor| {
        let execution = number(&id, "exe").and_then(|number| floor.executions.get(&number));
        execution.map(|execution| whole(execution.log.iter())).ok_or_else(|| Problem::not_found("execution"))
    })
}
