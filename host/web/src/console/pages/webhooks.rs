//! `…/webhooks`: the list.

use std::sync::Arc;

use access_authority::webhooks::{WebhookView, actions};
use access_model::Timestamp;
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
#[template(path = "console/webhooks.html")]
pub(crate) struct WebhooksPage {
    frame: Frame,
    webhooks: Vec<Row>,
    pager: Pager,
}

struct Row {
    id: String,
    name: String,
    url: String,
    state: Badge,
    events: Vec<String>,
    created: When,
}

impl Row {
    fn new(webhook: &WebhookView, now: Timestamp) -> Self {
        Self {
            id: webhook.id.to_string(),
            name: name(webhook).to_owned(),
            url: webhook.url.clone(),
            state: state(webhook),
            events: webhook.events.clone(),
            created: When::new(webhook.created_at, now),
        }
    }
}

/// What people call an endpoint.
pub(super) fn name(webhook: &WebhookView) -> &str {
    webhook.description.as_deref().unwrap_or(&webhook.url)
}

/// Where it stands. One that fails is told from one that is told well.
pub(super) fn state(webhook: &WebhookView) -> Badge {
    match (webhook.disabled_because, webhook.failing_since) {
        (Some("gone"), _) => Badge::new(Tone::Bad, "disabled: its receiver is gone"),
        (Some("failing"), _) => Badge::new(Tone::Bad, "disabled: it failed too long"),
        (None, Some(_)) => Badge::new(Tone::Warn, "failing"),
        _ => Badge::state(webhook.state),
    }
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::LIST, workspace(path)).await?;
    let found = app.authority.list_webhooks(&permit, &asked_page(&visitor.query)).await?;
    let frame = visitor.frame(&app, Section::Webhooks, Some(&permit)).await;
    let pager = Pager::new(&frame.at("/webhooks"), &visitor.query, found.next_cursor.as_ref());
    let webhooks = found.items.iter().map(|webhook| Row::new(webhook, app.authority.now())).collect();
    Ok(shown(&WebhooksPage { webhooks, pager, frame }))
}

#[cfg(test)]
impl WebhooksPage {
    /// A few.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let row = |id: &str, name: &str, url: &str, state: Badge, events: &[&str], created: i64| Row {
            id: id.to_owned(),
            name: name.to_owned(),
            url: url.to_owned(),
            state,
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            created: When::new(at(created), NOW),
        };
        let failing = Badge::new(Tone::Warn, "failing");
        let gone = Badge::new(Tone::Bad, "disabled: its receiver is gone");
        let webhooks = vec![
            row("wh_07a", "alerts", "https://hooks.example.com/a", Badge::state("active"), &["key.*"], -86_400),
            row("wh_07b", "jobs", "https://jobs.example.com/", failing, &["job.*", "webhook.disabled"], -900_000),
            row("wh_07c", "https://old.example.com/", "https://old.example.com/", gone, &["*"], -9_000_000),
        ];
        Self { frame: Frame::sample(Section::Webhooks), webhooks, pager: Pager::default() }
    }

    /// None.
    pub(crate) fn empty() -> Self {
        Self { frame: Frame::sample(Section::Webhooks), webhooks: Vec::new(), pager: Pager::default() }
    }
}
