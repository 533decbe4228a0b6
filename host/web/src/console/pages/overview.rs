//! `/console/workspaces/{workspace}`: what goes on there: requests, denials by reason, keys that are due, alerts.

use std::sync::Arc;

use access_authority::keys::{self, KeyView};
use access_authority::usage::{self, UsageRequest, UsageView};
use access_authority::{PageRequest, policies};
use access_model::Timestamp;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::Stat;
use crate::app::App;
use crate::console::answer::shown;
use crate::console::frame::{Frame, Link, Section};
use crate::console::parts::{Bars, Column, Columns, When, grouped};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::workspace;
use crate::segments::Segments;

/// Keys that are looked at for what is due.
const KEYS: usize = 200;
/// Milliseconds ahead that count as due.
const AHEAD: i64 = 30 * 86_400_000;
/// Keys due that are shown.
const DUE: usize = 6;

/// What goes on.
#[derive(Template)]
#[template(path = "console/overview.html")]
pub(crate) struct OverviewPage {
    frame: Frame,
    workspace: String,
    about: String,
    range: String,
    alerts: Vec<Alert>,
    stats: Vec<Stat>,
    columns: Columns,
    reasons: Bars,
    due: Vec<Due>,
}

/// Something that somebody should look at.
pub(crate) struct Alert {
    tone: &'static str,
    heading: String,
    text: String,
    link: Option<Link>,
}

struct Due {
    id: String,
    name: String,
    why: &'static str,
    distance: String,
    at: When,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, usage::ACTION_GET, workspace(path.clone())).await?;
    let usage = app.authority.get_usage(&permit, &UsageRequest::default()).await?;
    let page = PageRequest { limit: Some(KEYS), cursor: None };
    let keys = match visitor.permit(&app, keys::actions::LIST, workspace(path.clone())).await {
        Ok(permit) => app.authority.list_keys(&permit, &page).await?.items,
        Err(_) => Vec::new(),
    };
    let monitored = match visitor.permit(&app, policies::actions::LIST, workspace(path)).await {
        Ok(permit) => app.authority.list_policies(&permit, &page).await?.items,
        Err(_) => Vec::new(),
    };
    let monitored = monitored.iter().filter(|policy| {
        policy.published.as_ref().is_some_and(|published| published.mode == access_model::PolicyMode::Monitor)
    });
    let monitored: Vec<_> = monitored.map(|policy| policy.name.clone()).collect();
    let frame = visitor.frame(&app, Section::Overview, Some(&permit)).await;
    Ok(shown(&OverviewPage::new(frame, &usage, &keys, &monitored, app.authority.now())))
}

impl OverviewPage {
    fn new(frame: Frame, usage: &UsageView, keys: &[KeyView], monitored: &[String], now: Timestamp) -> Self {
        let active = keys.iter().filter(|key| key.state == "active").count();
        let due = due(keys, now);
        let asked = usage.total.allowed + usage.total.denied + usage.total.rate_limited;
        let permille = (usage.total.denied * 1_000).checked_div(asked);
        let share = permille.map_or_else(String::new, |part| format!("{}.{} % of all", part / 10, part % 10));
        let mut alerts = Vec::new();
        let overdue = due.iter().filter(|key| key.at.is_past()).count();
        if overdue > 0 {
            alerts.push(Alert {
                tone: "warn",
                heading: format!("{overdue} of the keys should have been rotated by now."),
                text: "An old secret has had time to get around.".to_owned(),
                link: Some(Link::new(frame.at("/keys"), "Look at the keys")),
            });
        }
        if let Some(first) = monitored.first() {
            alerts.push(Alert {
                tone: "info",
                heading: format!("The policy {first} is in monitor mode."),
                text: "See what it would have denied before you enforce it.".to_owned(),
                link: Some(Link::new(frame.at(&format!("/policies/{first}")), "How it fares")),
            });
        }
        let columns = usage.days.iter().map(|day| Column {
            label: label(&day.day),
            allowed: day.asked.allowed,
            denied: day.asked.denied,
            limited: day.asked.rate_limited,
        });
        Self {
            workspace: frame.workspace.as_ref().map(|workspace| workspace.name.clone()).unwrap_or_default(),
            about: "What goes on in this workspace.".to_owned(),
            range: format!("{} to {}, in UTC", label(&usage.since), label(&usage.until)),
            alerts,
            stats: vec![
                Stat::new("overview", "Requests", grouped(asked), "in 30 days"),
                Stat::new("denied", "Denied", grouped(usage.total.denied), share),
                Stat::new("clock", "Over a limit", grouped(usage.total.rate_limited), "in 30 days"),
                Stat::new("key", "Active keys", active.to_string(), format!("of {}", keys.len())),
            ],
            columns: Columns(columns.collect()),
            reasons: Bars(Vec::new()),
            due: due.into_iter().take(DUE).collect(),
            frame,
        }
    }
}

/// Keys that end or are to be rotated soon, the soonest first.
fn due(keys: &[KeyView], now: Timestamp) -> Vec<Due> {
    let soon = |at: &Timestamp| at.as_millis() - now.as_millis() < AHEAD;
    let is_alive = |key: &&KeyView| matches!(key.state, "active" | "not_yet_valid") && key.successor.is_none();
    let mut due: Vec<_> = keys
        .iter()
        .filter(is_alive)
        .filter_map(|key| {
            let ends = key.expires_at.filter(soon).map(|at| (at, "ends"));
            let (at, why) = ends.or_else(|| key.rotation_due_at.filter(soon).map(|at| (at, "rotation due")))?;
            Some((at, key, why))
        })
        .collect();
    due.sort_by_key(|(at, ..)| *at);
    due.into_iter()
        .map(|(at, key, why)| {
            let at = When::new(at, now);
            Due { id: key.id.to_string(), name: key.name.clone(), why, distance: at.distance(), at }
        })
        .collect()
}

/// A day as charts name it: `31 Jan`.
pub(super) fn label(day: &str) -> String {
    let instant = format!("{day}T00:00:00Z").parse::<Timestamp>();
    instant.map_or_else(|_| day.to_owned(), |at| When::new(at, at).day())
}

#[cfg(test)]
impl OverviewPage {
    /// A busy month.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let frame = Frame::sample(Section::Overview);
        let day = |number: u64| Column {
            label: format!("{} Jan", number + 1),
            allowed: 1_100 + (number * 7_919 % 900) + number * 20,
            denied: number * 131 % 160,
            limited: if number == 20 { 310 } else { number * 17 % 30 },
        };
        let due = |name: &str, why, seconds: i64| {
            let at = When::new(at(seconds), NOW);
            Due { id: format!("key_07{name}"), name: name.to_owned(), why, distance: at.distance(), at }
        };
        Self {
            workspace: "main".to_owned(),
            about: "What goes on in this workspace.".to_owned(),
            range: "2 Jan to 31 Jan, in UTC".to_owned(),
            alerts: vec![Alert {
                tone: "warn",
                heading: "1 of the keys should have been rotated by now.".to_owned(),
                text: "An old secret has had time to get around.".to_owned(),
                link: Some(Link::new(frame.at("/keys"), "Look at the keys")),
            }],
            stats: vec![
                Stat::new("overview", "Requests", "48 310", "in 30 days"),
                Stat::new("denied", "Denied", "1 216", "2.5 % of all"),
                Stat::new("clock", "Over a limit", "744", "in 30 days"),
                Stat::new("key", "Active keys", "14", "of 22"),
            ],
            columns: Columns((0..30).map(day).collect()),
            reasons: Bars(
                [("missing_scope", 604), ("ip_not_allowed", 388), ("too_early", 122), ("unauthenticated", 71)]
                    .map(|(code, number)| (code.to_owned(), number))
                    .to_vec(),
            ),
            due: vec![
                due("billing-export", "rotation due", -2 * 86_400),
                due("ci-deploy", "rotation due", 4 * 86_400),
                due("load-test", "ends", 20 * 86_400),
            ],
            frame,
        }
    }

    /// A workspace of today.
    pub(crate) fn empty() -> Self {
        Self {
            alerts: Vec::new(),
            columns: Columns(Vec::new()),
            reasons: Bars(Vec::new()),
            due: Vec::new(),
            stats: vec![Stat::new("overview", "Requests", "0", "in 30 days")],
            ..Self::sample()
        }
    }
}
