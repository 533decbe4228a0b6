//! `/console/workspaces/{workspace}/keys`: the list.

use std::sync::Arc;

use access_authority::keys::{KeyView, actions};
use access_model::Timestamp;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Pager, asked_page};
use crate::app::App;
use crate::console::answer::shown;
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Badge, When};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::workspace;
use crate::segments::Segments;

/// Scopes that a row names.
const SCOPES: usize = 3;

/// The list.
#[derive(Template)]
#[template(path = "console/keys.html")]
pub(crate) struct KeysPage {
    frame: Frame,
    keys: Vec<Row>,
    pager: Pager,
}

struct Row {
    id: String,
    name: String,
    kind: String,
    state: Badge,
    scopes: Vec<String>,
    more_scopes: usize,
    last_used: Option<When>,
    ends: Option<When>,
}

impl Row {
    fn new(key: &KeyView, now: Timestamp) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            kind: key.kind.replace('_', " "),
            state: Badge::state(key.state),
            scopes: key.scopes.iter().take(SCOPES).cloned().collect(),
            more_scopes: key.scopes.len().saturating_sub(SCOPES),
            last_used: key.last_used_at.map(|at| When::new(at, now)),
            ends: key.expires_at.map(|at| When::new(at, now)),
        }
    }
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::LIST, workspace(path)).await?;
    let found = app.authority.list_keys(&permit, &asked_page(&visitor.query)).await?;
    let now = app.authority.now();
    let frame = visitor.frame(&app, Section::Keys, Some(&permit)).await;
    let pager = Pager::new(&frame.at("/keys"), &visitor.query, found.next_cursor.as_ref());
    let keys = found.items.iter().map(|key| Row::new(key, now)).collect();
    Ok(shown(&KeysPage { frame, keys, pager }))
}

#[cfg(test)]
impl KeysPage {
    /// Keys in every state.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let scopes = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>();
        let row = |name: &str, kind: &str, state: &str, last: Option<i64>, ends: Option<i64>| Row {
            id: format!("key_07{name}Sample"),
            name: name.to_owned(),
            kind: kind.to_owned(),
            state: Badge::state(state),
            scopes: scopes(&["jobs:read", "jobs:write"]),
            more_scopes: 2,
            last_used: last.map(|seconds| When::new(at(seconds), NOW)),
            ends: ends.map(|seconds| When::new(at(seconds), NOW)),
        };
        let keys = vec![
            row("ci-deploy", "production", "active", Some(-720), None),
            row("billing-export", "production", "active", Some(-90_000), Some(6 * 86_400)),
            row("load-test", "staging", "not_yet_valid", None, Some(80 * 86_400)),
            row("status-board", "read only", "disabled", Some(-3 * 86_400), None),
            row("ci-deploy-old", "production", "expired", Some(-86_400), Some(-86_400)),
            row("contractor", "staging", "revoked", None, Some(20 * 86_400)),
        ];
        let pager = Pager { next: Some("?cursor=x".to_owned()), first: String::new(), is_later: false, about: "" };
        Self { frame: Frame::sample(Section::Keys), keys, pager }
    }

    /// No key.
    pub(crate) fn empty() -> Self {
        Self { frame: Frame::sample(Section::Keys), keys: Vec::new(), pager: Pager::default() }
    }
}
