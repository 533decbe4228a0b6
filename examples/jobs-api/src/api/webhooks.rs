//! `/v1/webhooks`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use serde::Deserialize;
use serde_json::Value;

use super::body::Body;
use super::page::whole;
use crate::door::Workspace;
use crate::plant::webhook::{Event, Webhook};
use crate::plant::{Plants, WEBHOOKS, number};
use crate::problem::Problem;

/// Bytes of a URL.
const URL: usize = 1_024;
/// Events of a webhook.
const EVENTS: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    url: String,
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    url: Option<String>,
    events: Option<Vec<Event>>,
    enabled: Option<bool>,
}

pub(super) async fn list(State(plants): State<Plants>, of: Workspace) -> Result<Json<Value>, Problem> {
    Ok(plants.of(&of)?.with(|floor| whole(floor.webhooks.values())))
}

pub(super) async fn create(
    State(plants): State<Plants>,
    of: Workspace,
    Body(New { url, events }): Body<New>,
) -> Result<(StatusCode, Json<Webhook>), Problem> {
    check(Some(&url), Some(&events))?;
    plants.of(&of)?.with(|floor| {
        if floor.webhooks.len() >= WEBHOOKS {
            return Err(Problem::full("webhooks"));
        }
        let webhook = Webhook { id: floor.next_number(), url, events, enabled: true };
        floor.webhooks.insert(webhook.id, webhook.clone());
        Ok((StatusCode::CREATED, Json(webhook)))
    })
}

pub(super) async fn show(
    State(plants): State<Plants>,
    of: Workspace,
    Path(id): Path<String>,
) -> Result<Json<Webhook>, Problem> {
    plants.of(&of)?.with(|floor| floor.webhooks.get(&read(&id)?).cloned().map(Json).ok_or_else(none))
}

pub(super) async fn update(
    State(plants): State<Plants>,
    of: Workspace,
    Path(id): Path<String>,
    Body(change): Body<Change>,
) -> Result<Json<Webhook>, Problem> {
    check(change.url.as_ref(), change.events.as_ref())?;
    plants.of(&of)?.with(|floor| {
        let webhook = floor.webhooks.get_mut(&read(&id)?).ok_or_else(none)?;
        if let Some(url) = change.url {
            webhook.url = url;
        }
        if let Some(events) = change.events {
            webhook.events = events;
        }
        webhook.enabled = change.enabled.unwrap_or(webhook.enabled);
        Ok(Json(webhook.clone()))
    })
}

pub(super) async fn delete(
    State(plants): State<Plants>,
    of: Workspace,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let removed = plants.of(&of)?.with(|floor| Ok(floor.webhooks.remove(&read(&id)?)))?;
    removed.map(|_| StatusCode::NO_CONTENT).ok_or_else(none)
}

fn check(url: Option<&String>, events: Option<&Vec<Event>>) -> Result<(), Problem> {
    let is_https = |url: &String| {
        let read = url.parse::<Uri>().ok();
        url.len() <= URL && read.is_some_and(|read| read.scheme_str() == Some("https") && read.host().is_some())
    };
    if !url.is_none_or(is_https) {
        return Err(Problem::invalid("url", "must be an https:// URL of 1024 bytes at most"));
    }
    if events.is_some_and(|events| events.is_empty() || events.len() > EVENTS) {
        return Err(Problem::invalid("events", "must name 1 to 16 events"));
    }
    Ok(())
}

fn read(id: &str) -> Result<u64, Problem> {
    number(id, "whk").ok_or_else(none)
}

fn none() -> Problem {
    Problem::not_found("webhook")
}
