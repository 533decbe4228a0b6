//! `…/policies`: the workspace's own, by name.

use std::sync::Arc;

use access_authority::policies::{PolicyView, actions};
use access_model::{PolicyMode, RevisionRef, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Pager, asked_page};
use crate::app::App;
use crate::console::answer::shown;
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Badge, Tone, When};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::workspace;
use crate::segments::Segments;

/// The list.
#[derive(Template)]
#[template(path = "console/policies.html")]
pub(crate) struct PoliciesPage {
    frame: Frame,
    policies: Vec<Row>,
    pager: Pager,
}

struct Row {
    name: String,
    state: Badge,
    published: Option<u64>,
    latest: u64,
    updated: When,
}

/// Whether a policy counts.
pub(super) fn state(published: Option<&RevisionRef>) -> Badge {
    match published.map(|published| published.mode) {
        Some(PolicyMode::Enforce) => Badge::state("enforced"),
        Some(PolicyMode::Monitor) => Badge::state("monitored"),
        None => Badge::new(Tone::Quiet, "not published"),
    }
}

impl Row {
    fn new(policy: &PolicyView, now: Timestamp) -> Self {
        Self {
            name: policy.name.clone(),
            state: state(policy.published.as_ref()),
            published: policy.published.as_ref().map(|published| published.revision),
            latest: policy.latest.revision,
            updated: When::new(policy.updated_at, now),
        }
    }
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::LIST, workspace(path)).await?;
    let found = app.authority.list_policies(&permit, &asked_page(&visitor.query)).await?;
    let frame = visitor.frame(&app, Section::Policies, Some(&permit)).await;
    let pager = Pager::new(&frame.at("/policies"), &visitor.query, found.next_cursor.as_ref());
    let policies = found.items.iter().map(|policy| Row::new(policy, app.authority.now())).collect();
    Ok(shown(&PoliciesPage { frame, policies, pager }))
}

#[cfg(test)]
impl PoliciesPage {
    /// In every state.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let row = |name: &str, state: Badge, published, latest, seconds: i64| Row {
            name: name.to_owned(),
            state,
            published,
            latest,
            updated: When::new(at(seconds), NOW),
        };
        let policies = vec![
            row("deploy-freeze", Badge::state("monitored"), Some(3), 3, -7_200),
            row("office-hours", Badge::state("enforced"), Some(4), 5, -3 * 86_400),
            row("queue-owner", Badge::new(Tone::Quiet, "not published"), None, 1, -60),
        ];
        Self { frame: Frame::sample(Section::Policies), policies, pager: Pager::default() }
    }

    /// None.
    pub(crate) fn empty() -> Self {
        Self { frame: Frame::sample(Section::Policies), policies: Vec::new(), pager: Pager::default() }
    }
}
