//! Lists: newest first, in pages.

use axum::Json;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::problem::Problem;

/// Items of a page that nobody states the size of, and the most there may be.
const SIZE: usize = 50;
const LARGEST: usize = 100;

/// Which part of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    limit: Option<usize>,
    cursor: Option<u64>,
    /// Executions of one job.
    pub(crate) job: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(page) = Query::<Self>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::new(400, "invalid_request", "the query: `limit` and `cursor` are numbers"))?;
        match page.limit {
            Some(limit) if !(1..=LARGEST).contains(&limit) => Err(Problem::invalid("limit", "must be 1 to 100")),
            _ => Ok(page),
        }
    }
}

impl Page {
    /// That part of items, which come newest first with their numbers.
    pub(crate) fn of<'i, T: Serialize + 'i>(&self, items: impl Iterator<Item = (u64, &'i T)>) -> Json<Value> {
        let limit = self.limit.unwrap_or(SIZE);
        let mut items = items.filter(|(number, _)| self.cursor.is_none_or(|cursor| *number < cursor));
        let page: Vec<(u64, &T)> = items.by_ref().take(limit).collect();
        let next = items.next().and(page.last()).map(|(number, _)| number.to_string());
        let page: Vec<&T> = page.into_iter().map(|(_, item)| item).collect();
        Json(json!({ "items": page, "next_cursor": next }))
    }
}

/// A list that is short.
pub(crate) fn whole<'i, T: Serialize + 'i>(items: impl Iterator<Item = &'i T>) -> Json<Value> {
    Json(json!({ "items": items.collect::<Vec<_>>(), "next_cursor": null }))
}
