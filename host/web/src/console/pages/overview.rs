//! `/console/workspaces/{workspace}`: what goes on there: requests, denials by reason, keys that are due, alerts, and what
//! people were told of.

use std::sync::Arc;

use access_authority::events::{self, EventFilter, EventView};
use access_authority::overview::{ACTION_GET, DueKey, OverviewView};
use access_authority::traffic::{self, TrafficRequest, TrafficView};
use access_authority::usage::{self, UsageRequest, UsageView};
use access_authority::{PageRequest, policies};
use access_model::{EventKind, Severity, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::Stat;
use crate::app::App;
use crate::console::answer::shown;
use crate::console::frame::{Frame, Link, Section};
use crate::console::parts::{Bars, Column, Columns, When, counted, grouped};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::workspace;
use crate::segments::Segments;

const DAY_MILLIS: i64 = 86_400_000;
/// Days that are told of.
const DAYS: u32 = 30;
/// Policies that are looked at.
const POLICIES: usize = 200;
/// Keys due, and reasons, that are shown.
const SHOWN: usize = 6;

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
    told: Vec<Told>,
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

/// Something that people were told of.
struct Told {
    what: String,
    name: String,
    href: Option<String>,
    at: When,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, ACTION_GET, workspace(path.clone())).await?;
    let overview = app.authority.get_overview(&permit).await?;
    let of_usage = visitor.permit(&app, usage::ACTION_GET, workspace(path.clone())).await?;
    let usage = app.authority.get_usage(&of_usage, &UsageRequest::default()).await?;
    let of_traffic = visitor.permit(&app, traffic::ACTION_GET, workspace(path.clone())).await?;
    let traffic = app.authority.get_traffic(&of_traffic, &TrafficRequest { days: Some(DAYS) }).await?;
    let page = PageRequest { limit: Some(POLICIES), cursor: None };
    let told = match visitor.permit(&app, events::ACTION_LIST, workspace(path.clone())).await {
        Ok(permit) => {
            let filter = EventFilter { event: None, severity: Some(Severity::Warning) };
            let page = PageRequest { limit: Some(SHOWN), cursor: None };
            app.authority.list_events(&permit, &filter, &page).await?.items
        }
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
    let now = app.authority.now();
    let told = told.iter().map(|event| Told::new(&frame, event, now)).collect();
    Ok(shown(&OverviewPage { told, ..OverviewPage::new(frame, &overview, &usage, &traffic, &monitored, now) }))
}

impl OverviewPage {
    fn new(
        frame: Frame,
        overview: &OverviewView,
        usage: &UsageView,
        traffic: &TrafficView,
        monitored: &[String],
        now: Timestamp,
    ) -> Self {
        let asked = usage.total.allowed + usage.total.denied + usage.total.rate_limited;
        let permille = (usage.total.denied * 1_000).checked_div(asked);
        let share = permille.map_or_else(String::new, |part| format!("{}.{} % of all", part / 10, part % 10));
        let mut alerts = Vec::new();
        let overdue = overview.rotation_due.keys.iter().filter(|key| key.at.is_some_and(|at| at <= now)).count();
        if overdue > 0 {
            let keys = counted(u64::try_from(overdue).unwrap_or(u64::MAX), "key", "keys");
            alerts.push(Alert {
                tone: "warn",
                heading: format!("{keys} should have been rotated by now."),
                text: "An old secret has had time to get around.".to_owned(),
                link: Some(Link::new(frame.at("/keys"), "Look at the keys")),
            });
        }
        alerts.extend(of_policies(&frame, overview));
        if overview.unused.count > 0 {
            let keys = counted(overview.unused.count, "key was", "keys were");
            alerts.push(Alert {
                tone: "info",
                heading: format!("{keys} not used for a month."),
                text: "What nobody needs is best revoked.".to_owned(),
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
        Self {
            workspace: frame.workspace.as_ref().map(|workspace| workspace.name.clone()).unwrap_or_default(),
            about: "What goes on in this workspace.".to_owned(),
            range: format!("{} to {}, in UTC", label(&usage.since), label(&usage.until)),
            alerts,
            stats: vec![
                Stat::new("overview", "Requests", grouped(asked), "in 30 days"),
                Stat::new("denied", "Denied", grouped(usage.total.denied), share),
                Stat::new("clock", "Over a limit", grouped(usage.total.rate_limited), "in 30 days"),
                Stat::new("key", "Active keys", grouped(overview.active_keys), "valid now"),
            ],
            columns: Columns(columns(usage)),
            reasons: Bars(reasons(traffic)),
            due: due(overview, now),
            told: Vec::new(),
            frame,
        }
    }
}

impl Told {
    fn new(frame: &Frame, event: &EventView, now: Timestamp) -> Self {
        let means = EventKind::named(&event.event).map_or("", |kind| kind.row().means);
        let stage = event.stage.as_ref().map(|days| format!(" ({days} days)")).unwrap_or_default();
        let name = event.data.get("name").and_then(serde_json::Value::as_str).unwrap_or(&event.target);
        let of_key = event.target.starts_with("key_").then(|| frame.at(&format!("/keys/{}", event.target)));
        let of_policy = event.event.starts_with("policy.").then(|| frame.at(&format!("/policies/{}", event.target)));
        let what = format!("{}{stage}: {}", event.event, means.split(';').next().unwrap_or_default());
        Self { what, name: name.to_owned(), href: of_key.or(of_policy), at: When::new(event.at, now) }
    }
}

/// A column for each day, those without requests as well.
fn columns(usage: &UsageView) -> Vec<Column> {
    let midnight = |day: &str| format!("{day}T00:00:00Z").parse::<Timestamp>().ok().map(|at| at.as_millis());
    let (Some(first), Some(last)) = (midnight(&usage.since), midnight(&usage.until)) else { return Vec::new() };
    let days = std::iter::successors(Some(first), |at| Some(at + DAY_MILLIS)).take_while(|at| *at <= last);
    let column = |at| {
        let day = Timestamp::from_millis(at).to_string();
        let day = day.get(..10).unwrap_or_default();
        let asked = usage.days.iter().find(|of| of.day == day).map(|of| of.asked).unwrap_or_default();
        let (allowed, denied, limited) = (asked.allowed, asked.denied, asked.rate_limited);
        Column { label: label(day), allowed, denied, limited }
    };
    days.map(column).collect()
}

/// What is wrong with the policies that decide here.
fn of_policies(frame: &Frame, overview: &OverviewView) -> Option<Alert> {
    let troubles = &overview.policy_troubles;
    let (heading, text) = if !troubles.unavailable_on.is_empty() {
        ("Requests are denied: a policy can't be loaded.".to_owned(), "Publish one that can, or roll back.")
    } else if !troubles.quarantined.is_empty() {
        let named = troubles.quarantined.join(", ");
        (format!("In quarantine: {named}."), "It failed too often; what it would decide is denied.")
    } else if !troubles.stale_on.is_empty() || troubles.hosts_differ {
        (
            "Hosts decide by different policies.".to_owned(),
            "One of them is behind; this mends itself when it is reached.",
        )
    } else if troubles.platform_stale {
        ("The installation's policies could not be loaded anew.".to_owned(), "The last good ones decide.")
    } else {
        return None;
    };
    let link = Some(Link::new(frame.at("/policies"), "Look at the policies"));
    Some(Alert { tone: "bad", heading, text: text.to_owned(), link })
}

/// The reasons given most often.
fn reasons(traffic: &TrafficView) -> Vec<(String, u64)> {
    let mut reasons: Vec<_> = traffic.total.denied.iter().map(|(code, number)| (code.clone(), *number)).collect();
    reasons.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    reasons.truncate(SHOWN);
    reasons
}

/// Keys that end or are to be rotated soon, the soonest first.
fn due(overview: &OverviewView, now: Timestamp) -> Vec<Due> {
    let named = |keys: &[DueKey], why| keys.iter().map(move |key| (key.clone(), why)).collect::<Vec<_>>();
    let mut due = named(&overview.rotation_due.keys, "rotation due");
    due.extend(named(&overview.expiring.keys, "ends"));
    due.sort_by_key(|(key, _)| key.at);
    let shown = due.into_iter().filter_map(|(key, why)| {
        let at = When::new(key.at?, now);
        Some(Due { id: key.id.to_string(), name: key.name, why, distance: at.distance(), at })
    });
    shown.take(SHOWN).collect()
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
                Stat::new("key", "Active keys", "14", "valid now"),
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
            told: vec![Told {
                what: "key.rotation_due (83 days): a key is as old as its kind reminds of".to_owned(),
                name: "billing-export".to_owned(),
                href: Some(frame.at("/keys/key_07billing-export")),
                at: When::new(at(-7_200), NOW),
            }],
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
            told: Vec::new(),
            stats: vec![Stat::new("overview", "Requests", "0", "in 30 days")],
            ..Self::sample()
        }
    }
}
