//! `…/settings`: of a workspace.

use std::sync::Arc;

use access_authority::settings::{ACTION_GET, ACTION_UPDATE, SettingsUpdate, SettingsView};
use access_authority::{Current, IfMatch};
use access_model::AuditDecisions;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{error_of, problem_of};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Choice, Field};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::workspace;
use crate::problem::Problem;
use crate::segments::Segments;

const FIELDS: [&str; 5] =
    ["description", "rotation_overlap_seconds", "key_lifetime_days", "audit_decisions", "audit_retention_days"];

/// Settings, by what they are about.
#[derive(Template)]
#[template(path = "console/settings.html")]
pub(crate) struct SettingsPage {
    pub(super) frame: Frame,
    pub(super) heading: &'static str,
    pub(super) lede: &'static str,
    pub(super) action: String,
    pub(super) version: String,
    pub(super) problem: Option<String>,
    pub(super) sections: Vec<Part>,
    pub(super) may_save: bool,
    pub(super) dangers: Vec<Danger>,
}

/// Settings of one sort.
pub(crate) struct Part {
    pub(super) heading: &'static str,
    pub(super) about: &'static str,
    pub(super) fields: Vec<Field>,
}

/// Something that is done with care.
pub(crate) struct Danger {
    pub(super) heading: &'static str,
    pub(super) about: &'static str,
    pub(super) href: String,
    pub(super) button: &'static str,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, ACTION_GET, workspace(path)).await?;
    let found = app.authority.get_settings(&permit).await?;
    let frame = visitor.frame(&app, Section::Settings, Some(&permit)).await;
    let as_it_is = as_form(&found);
    let sent = if visitor.query.has("description") { &visitor.query } else { &as_it_is };
    Ok(shown(&page(frame, sent, found.version.to_string(), None)))
}

pub(crate) async fn save(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let here = path.clone().map(|workspace| format!("/console/workspaces/{workspace}/settings"));
    let permit = visitor.permit(&app, ACTION_UPDATE, workspace(path));
    let (permit, sent) = body.permitted(permit, &visitor.token).await?;
    let made_from = IfMatch::One(vec![sent.text("version").to_owned()]);
    let saved = match read(&sent) {
        Ok(update) => app.authority.update_settings(&permit, &update, &made_from).await.map_err(Trouble::from),
        Err(problem) => Err(problem.into()),
    };
    match saved {
        Ok(_) => Ok(see_other(&after(&here?, "settings-saved"))),
        Err(trouble) if trouble.is_of_form() => {
            let frame = visitor.frame(&app, Section::Settings, Some(&permit)).await;
            let version = sent.text("version").to_owned();
            Ok(shown(&page(frame, &sent, version, Some(trouble.problem().detail()))))
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

fn read(form: &Form) -> Result<SettingsUpdate, Problem> {
    Ok(SettingsUpdate {
        description: Some(form.stated("description")),
        rotation_overlap_seconds: Some(number(form, "rotation_overlap_seconds")?),
        key_lifetime_days: Some(number(form, "key_lifetime_days")?),
        audit_decisions: Some(Some(decisions(form)?)),
        disable_inactive_keys: Some(Some(form.is_on("disable_inactive_keys"))),
        audit_retention_days: Some(number(form, "audit_retention_days")?),
    })
}

/// What the audit trail is to tell of, by what is sent.
const DECISIONS: [(&str, AuditDecisions, &str, &str); 3] = [
    ("none", AuditDecisions::None, "Changes alone", "Who changed what, who signed in, what was issued."),
    ("denials", AuditDecisions::Denials, "Changes and denials", "And each request that was denied, with its reasons."),
    (
        "all",
        AuditDecisions::All,
        "Changes and every decision",
        "Each request, allowed or denied. The trail grows as they come.",
    ),
];

fn decisions(form: &Form) -> Result<AuditDecisions, Problem> {
    let sent = form.text("audit_decisions");
    let found = DECISIONS.iter().find(|(value, ..)| *value == sent);
    found
        .map(|(_, decisions, ..)| *decisions)
        .ok_or_else(|| Problem::invalid("audit_decisions", "must be one of those"))
}

/// How long audit records are kept.
pub(super) fn retention(sent: &Form, hint: &'static str) -> Field {
    Field::number("audit_retention_days", "Days that audit records are kept")
        .value(sent.text("audit_retention_days"))
        .hint(hint)
        .optional()
}

/// A number, or none where nothing stands.
pub(super) fn number<T: std::str::FromStr>(form: &Form, name: &'static str) -> Result<Option<T>, Problem> {
    let parse = |text: String| text.parse().map_err(|_| Problem::invalid(name, "must be a whole number, or empty"));
    form.stated(name).map(parse).transpose()
}

fn as_form(found: &Current<SettingsView>) -> Form {
    let text = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let SettingsView {
        description,
        rotation_overlap_seconds,
        key_lifetime_days,
        audit_decisions,
        disable_inactive_keys,
        audit_retention_days,
    } = &found.shown;
    let told = DECISIONS.iter().find(|(_, decisions, ..)| decisions == audit_decisions);
    let fields = [
        ("description", description.clone().unwrap_or_default()),
        ("rotation_overlap_seconds", text(*rotation_overlap_seconds)),
        ("key_lifetime_days", text(key_lifetime_days.map(u64::from))),
        ("audit_decisions", told.map(|(value, ..)| (*value).to_owned()).unwrap_or_default()),
        ("disable_inactive_keys", if *disable_inactive_keys { "yes".to_owned() } else { String::new() }),
        ("audit_retention_days", text(audit_retention_days.map(u64::from))),
    ];
    Form::parse(form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().as_bytes())
}

fn page(frame: Frame, sent: &Form, version: String, detail: Option<&str>) -> SettingsPage {
    let error = |field| detail.and_then(|detail| error_of(detail, field));
    let told = DECISIONS.iter().map(|(value, _, label, about)| {
        Choice::new(*value, *label, *about).chosen(sent.text("audit_decisions") == *value)
    });
    let sections = vec![
        Part {
            heading: "About",
            about: "What this workspace is for.",
            fields: vec![
                Field::lines("description", "Description", 3)
                    .value(sent.text("description"))
                    .optional()
                    .error(error("description")),
            ],
        },
        Part {
            heading: "Keys",
            about: "What holds for keys that are issued or rotated from now on.",
            fields: vec![
                Field::number("rotation_overlap_seconds", "Overlap of a rotation, in seconds")
                    .value(sent.text("rotation_overlap_seconds"))
                    .hint("How long the old secret goes on where a rotation does not say. 86400 is a day; empty: not at all.")
                    .optional()
                    .error(error("rotation_overlap_seconds")),
                Field::number("key_lifetime_days", "Life time of keys, in days")
                    .value(sent.text("key_lifetime_days"))
                    .hint("After so many days a key ends at the latest. Empty: as long as its kind says.")
                    .optional()
                    .error(error("key_lifetime_days")),
                Field::check("disable_inactive_keys", "Switch off keys that are inactive", sent.is_on("disable_inactive_keys"))
                    .hint("Whichever no request came with for as long as its kind allows; whoever needs it switches it on again."),
            ],
        },
        Part {
            heading: "Audit",
            about: "What the trail of this workspace tells, and for how long.",
            fields: vec![
                Field::radios("audit_decisions", "What it tells", told.collect()).error(error("audit_decisions")),
                retention(sent, "30 to 3650. Empty: changes are kept for 365 days, decisions for 90.")
                    .error(error("audit_retention_days")),
            ],
        },
    ];
    let mut dangers = Vec::new();
    if frame.may("workspaces.suspend") {
        dangers.push(Danger {
            heading: "Suspend the workspace",
            about: "None of its credentials works until it is resumed.",
            href: frame.at("/state/suspend"),
            button: "Suspend",
        });
    }
    if frame.may("workspaces.archive") {
        dangers.push(Danger {
            heading: "Archive the workspace",
            about: "It ends for good with all of its credentials. Its audit trail stays.",
            href: frame.at("/state/archive"),
            button: "Archive",
        });
    }
    SettingsPage {
        heading: "Settings",
        lede: "Of this workspace alone. Changes count from the next request on.",
        action: frame.at("/settings"),
        version,
        problem: problem_of(detail, &FIELDS),
        sections,
        may_save: frame.may(ACTION_UPDATE),
        dangers,
        frame,
    }
}

#[cfg(test)]
impl SettingsPage {
    /// With something wrong.
    pub(crate) fn sample() -> Self {
        let sent = b"description=What+runs+at+night&rotation_overlap_seconds=86400&key_lifetime_days=0&audit_decisions=denials";
        let sent = Form::parse(sent);
        let detail = "`key_lifetime_days`: must be 1 to 36500, or null";
        page(Frame::sample(Section::Settings), &sent, "7".to_owned(), Some(detail))
    }
}
