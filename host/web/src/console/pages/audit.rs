//! `…/audit` of a workspace and of an organization: filter, follow, export.

use std::sync::Arc;

use access_authority::audit::{
    ACTION_EXPORT, ACTION_EXPORT_ORGANIZATION, ACTION_LIST, ACTION_LIST_ORGANIZATION, AuditFilter, AuditPage as Found,
    AuditView, ExportFormat,
};
use access_model::{Id, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::{Pager, asked_page, problem_of};
use crate::app::App;
use crate::console::answer::shown;
use crate::console::form::Form;
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Field, When};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::audit_export::file;
use crate::endpoints::{organization, workspace};
use crate::problem::Problem;
use crate::segments::Segments;

/// Changes of one record that are told.
const CHANGES: usize = 12;
/// Characters of a value that are told.
const VALUE: usize = 160;

/// The trail.
#[derive(Template)]
#[template(path = "console/audit.html")]
pub(crate) struct AuditPage {
    frame: Frame,
    lede: &'static str,
    here: String,
    follow: String,
    unfollow: String,
    export: String,
    may_export: bool,
    is_followed: bool,
    is_filtered: bool,
    fields: Vec<Field>,
    problem: Option<String>,
    records: Vec<Row>,
    /// The number of the first one; a page that is followed is news when it is another.
    newest: u64,
    pager: Pager,
}

struct Row {
    sequence: u64,
    action: String,
    target: String,
    who: String,
    who_kind: String,
    at: When,
    /// What, as it was, as it is.
    changes: Vec<(String, String, String)>,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, ACTION_LIST, workspace(path)).await?;
    let (filter, problem) = read(&visitor.query);
    let found = app.authority.list_audit(&permit, &filter, &asked_page(&visitor.query)).await?;
    let frame = visitor.frame(&app, Section::Audit, Some(&permit)).await;
    let here = frame.at("/audit");
    let lede = "Who changed what in this workspace, newest first.";
    Ok(shown(&AuditPage::new(frame, here, lede, &visitor.query, found, problem, app.authority.now())))
}

pub(crate) async fn show_organization(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, ACTION_LIST_ORGANIZATION, organization(path)).await?;
    let (filter, problem) = read(&visitor.query);
    let found = app.authority.list_organization_audit(&permit, &filter, &asked_page(&visitor.query)).await?;
    let frame = visitor.frame(&app, Section::OrganizationAudit, Some(&permit)).await;
    let here = frame.org("/audit");
    let lede = "Who changed what in the organization and all of its workspaces, newest first.";
    Ok(shown(&AuditPage::new(frame, here, lede, &visitor.query, found, problem, app.authority.now())))
}

pub(crate) async fn export(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, ACTION_EXPORT, workspace(path)).await?;
    let (filter, format) = read_export(&visitor.query)?;
    let export = app.authority.export_audit(permit, filter, format).await?;
    Ok(file(app, export, format))
}

pub(crate) async fn export_organization(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, ACTION_EXPORT_ORGANIZATION, organization(path)).await?;
    let (filter, format) = read_export(&visitor.query)?;
    let export = app.authority.export_organization_audit(permit, filter, format).await?;
    Ok(file(app, export, format))
}

/// People open a file in a spreadsheet, unless they say otherwise.
fn read_export(query: &Form) -> Result<(AuditFilter, ExportFormat), Problem> {
    let format = if query.text("format") == "ndjson" { ExportFormat::Ndjson } else { ExportFormat::Csv };
    match read(query) {
        (filter, None) => Ok((filter, format)),
        (_, Some(problem)) => Err(problem),
    }
}

/// The filter that a query states, and what is wrong with it. Days are whole, in UTC.
pub(super) fn read(query: &Form) -> (AuditFilter, Option<Problem>) {
    let mut problem = None;
    let mut instant = |name: &'static str, of_day: &str| {
        let text = query.stated(name)?;
        let parsed: Result<Timestamp, _> = format!("{text}{of_day}").parse();
        if parsed.is_err() {
            problem = Some(Problem::invalid(name, "must be a day, such as 2026-12-31"));
        }
        parsed.ok()
    };
    let since = instant("since", "T00:00:00Z");
    let until = instant("until", "T23:59:59.999Z");
    let (action, actor) = (query.stated("action"), query.stated("actor"));
    (AuditFilter { action, actor, since, until, ..AuditFilter::default() }, problem)
}

impl Row {
    fn new(view: &AuditView, now: Timestamp) -> Self {
        let record = &view.record;
        Self {
            sequence: view.sequence,
            action: record.action.clone(),
            target: record.target.clone(),
            who: record.actor.id.as_ref().map_or_else(|| "the installation".to_owned(), Id::to_string),
            who_kind: record.actor.kind.replace('_', " "),
            at: When::new(record.at, now),
            changes: changes(record.before.as_ref(), record.after.as_ref()),
        }
    }
}

/// The fields that differ.
fn changes(before: Option<&Value>, after: Option<&Value>) -> Vec<(String, String, String)> {
    let fields = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
    let (before, after) = (fields(before), fields(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let told = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.chars().take(VALUE).collect(),
        Some(other) => other.to_string().chars().take(VALUE).collect(),
    };
    let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differing
        .map(|name| (name.replace('_', " "), told(before.get(name)), told(after.get(name))))
        .filter(|(_, before, after)| before != after)
        .map(|(name, before, after)| (name, before, if after.is_empty() { "nothing".to_owned() } else { after }))
        .take(CHANGES)
        .collect()
}

impl AuditPage {
    fn new(
        frame: Frame,
        here: String,
        lede: &'static str,
        query: &Form,
        found: Found,
        problem: Option<Problem>,
        now: Timestamp,
    ) -> Self {
        let records = found.items.iter().map(|view| Row::new(view, now)).collect();
        let pager = Pager::new(&here, query, found.next_cursor.as_ref());
        Self::of(frame, here, lede, query, records, pager, problem)
    }

    fn of(
        frame: Frame,
        here: String,
        lede: &'static str,
        query: &Form,
        records: Vec<Row>,
        pager: Pager,
        problem: Option<Problem>,
    ) -> Self {
        let kept = query.without(&["cursor", "done", "follow"]);
        let at = |path: &str, more: &[(&str, &str)]| {
            let fields = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept.iter().chain(more)).finish();
            if fields.is_empty() { path.to_owned() } else { format!("{path}?{fields}") }
        };
        let detail = problem.as_ref().map(Problem::detail);
        let error = |name| detail.and_then(|detail| super::error_of(detail, name));
        let stated = |name| query.text(name).to_owned();
        Self {
            lede,
            follow: at(&here, &[("follow", "yes")]),
            unfollow: at(&here, &[]),
            export: at(&format!("{here}/export"), &[]),
            may_export: match frame.section {
                Section::OrganizationAudit => frame.may_in_organization.contains(ACTION_EXPORT_ORGANIZATION),
                _ => frame.may(ACTION_EXPORT),
            },
            is_followed: query.is_on("follow"),
            is_filtered: ["action", "actor", "since", "until"].iter().any(|name| query.stated(name).is_some()),
            fields: vec![
                Field::text("action", "What").value(stated("action")).hint("keys.issue").optional(),
                Field::text("actor", "Who").value(stated("actor")).hint("A public id").optional(),
                Field::day("since", "From day").value(stated("since")).hint("In UTC").optional().error(error("since")),
                Field::day("until", "To day").value(stated("until")).hint("In UTC").optional().error(error("until")),
            ],
            problem: problem_of(detail, &["since", "until"]),
            newest: records.first().map_or(0, |record| record.sequence),
            records,
            pager,
            here,
            frame,
        }
    }
}

#[cfg(test)]
impl AuditPage {
    /// A few records.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let frame = Frame::sample(Section::Audit);
        let row = |sequence, action: &str, target: &str, who: &str, kind: &str, seconds: i64, changes| Row {
            sequence,
            action: action.to_owned(),
            target: target.to_owned(),
            who: who.to_owned(),
            who_kind: kind.to_owned(),
            at: When::new(at(seconds), NOW),
            changes,
        };
        let change = |name: &str, before: &str, after: &str| (name.to_owned(), before.to_owned(), after.to_owned());
        let records = vec![
            row(
                412,
                "network.update",
                "ws_07bQ4mZr9TkXw2Lp",
                "mem_07AdaOwner00000",
                "member",
                -300,
                vec![change("ip allow", "", "[\"203.0.113.0/24\"]")],
            ),
            row(
                411,
                "keys.rotate",
                "key_07nVq3Lm8RtZx2Pk",
                "mem_07AdaOwner00000",
                "member",
                -86_400,
                vec![change("expires at", "", "2026-02-01T12:00:00.000Z")],
            ),
            row(410, "keys.expire", "key_07oldOldOldOld", "the installation", "system", -90_000, Vec::new()),
        ];
        let here = frame.at("/audit");
        let pager = Pager { next: Some("?cursor=x".to_owned()), first: here.clone(), is_later: true, about: "" };
        let lede = "Who changed what in this workspace, newest first.";
        Self::of(frame, here, lede, &Form::parse(b"action=keys.rotate&follow=yes"), records, pager, None)
    }

    /// None.
    pub(crate) fn empty() -> Self {
        let frame = Frame::sample(Section::Audit);
        let here = frame.at("/audit");
        Self::of(frame, here, "Who changed what.", &Form::default(), Vec::new(), Pager::default(), None)
    }
}
