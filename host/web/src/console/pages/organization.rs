//! `/console/organizations/{organization}/settings`: security of the whole organization.

use std::sync::Arc;

use access_authority::IfMatch;
use access_authority::settings::{ACTION_GET_ORGANIZATION, ACTION_UPDATE_ORGANIZATION, OrganizationSettingsUpdate};
use axum::extract::State;
use axum::response::Response;

use super::settings::{Part, SettingsPage, number, retention};
use super::{error_of, problem_of};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Choice, Field};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::organization;
use crate::segments::Segments;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, ACTION_GET_ORGANIZATION, organization(path)).await?;
    let found = app.authority.get_organization_settings(&permit).await?;
    let frame = visitor.frame(&app, Section::Organization, Some(&permit)).await;
    let shown_now = found.shown;
    let days = shown_now.audit_retention_days.map(|days| days.to_string());
    let fields = form_urlencoded::Serializer::new(String::new())
        .append_pair("description", &shown_now.description.unwrap_or_default())
        .append_pair("mfa_required", if shown_now.mfa_required { "yes" } else { "" })
        .append_pair("disable_inactive_clients", if shown_now.disable_inactive_clients { "yes" } else { "" })
        .append_pair("audit_retention_days", &days.unwrap_or_default())
        .append_pair("mail", if shown_now.mail_events.is_some() { "own" } else { "" })
        .append_pair("mail_events", &shown_now.mail_events.unwrap_or_default().join("\n"))
        .finish();
    let as_it_is = Form::parse(fields.as_bytes());
    // What was filled in before a second factor was asked for stands there again.
    let sent = if visitor.query.has("description") { &visitor.query } else { &as_it_is };
    Ok(shown(&page(frame, sent, found.version.to_string(), None)))
}

pub(crate) async fn save(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let here = path.clone().map(|organization| format!("/console/organizations/{organization}/settings"));
    let permit = visitor.permit(&app, ACTION_UPDATE_ORGANIZATION, organization(path));
    let (permit, sent) = body.permitted(permit, &visitor.token).await?;
    let made_from = IfMatch::One(vec![sent.text("version").to_owned()]);
    let saved = match number(&sent, "audit_retention_days") {
        Ok(days) => {
            let update = OrganizationSettingsUpdate {
                description: Some(sent.stated("description")),
                mfa_required: Some(Some(sent.is_on("mfa_required"))),
                disable_inactive_clients: Some(Some(sent.is_on("disable_inactive_clients"))),
                audit_retention_days: Some(days),
                mail_events: Some((sent.text("mail") == "own").then(|| sent.lines("mail_events"))),
            };
            let saved = app.authority.update_organization_settings(&permit, &update, &made_from).await;
            saved.map_err(Trouble::from)
        }
        Err(problem) => Err(problem.into()),
    };
    match saved {
        Ok(_) => Ok(see_other(&after(&here?, "settings-saved"))),
        Err(trouble) if trouble.is_of_form() => {
            let frame = visitor.frame(&app, Section::Organization, Some(&permit)).await;
            let version = sent.text("version").to_owned();
            Ok(shown(&page(frame, &sent, version, Some(trouble.problem().detail()))))
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

fn page(frame: Frame, sent: &Form, version: String, detail: Option<&str>) -> SettingsPage {
    let error = |field| detail.and_then(|detail| error_of(detail, field));
    let is_own = sent.text("mail") == "own";
    let which = [
        Choice::new(
            "",
            "What asks for something to be done",
            "Rotations that are due, keys that end or are not used, what was switched off.",
        )
        .chosen(!is_own),
        Choice::new("own", "What is listed here", "Nothing, where nothing is.").chosen(is_own),
    ];
    let sections = vec![
        Part {
            heading: "About",
            about: "What the organization is, for its members.",
            fields: vec![
                Field::lines("description", "Description", 3)
                    .value(sent.text("description"))
                    .optional()
                    .error(error("description")),
            ],
        },
        Part {
            heading: "Two-step sign-in",
            about: "Owners and admins need a second factor in any case.",
            fields: vec![
                Field::check("mfa_required", "Every member needs a second factor", sent.is_on("mfa_required"))
                    .hint("Whoever has none may do nothing but set one up, from their next request on."),
            ],
        },
        Part {
            heading: "Clients",
            about: "OAuth2 clients that neither came for a token nor were seen with one.",
            fields: vec![
                Field::check(
                    "disable_inactive_clients",
                    "Switch off clients that are inactive",
                    sent.is_on("disable_inactive_clients"),
                )
                .hint("Whoever needs one switches it on again."),
            ],
        },
        Part {
            heading: "Audit",
            about: "Records that are of none of the workspaces: members, roles, clients.",
            fields: vec![retention(sent, "30 to 3650. Empty: 365.").error(error("audit_retention_days"))],
        },
        Part {
            heading: "Mail",
            about: "What owners and admins are mailed about, where this installation sends mail.",
            fields: vec![
                Field::radios("mail", "Which events", which.to_vec()),
                Field::lines("mail_events", "Listed", 3)
                    .value(sent.text("mail_events"))
                    .hint("One a line, such as key.inactive; key.* stands for all that begin so, * for every one.")
                    .optional()
                    .error(error("mail_events")),
            ],
        },
    ];
    SettingsPage {
        heading: "Security",
        lede: "Of the whole organization, in all of its workspaces.",
        action: frame.org("/settings"),
        version,
        problem: problem_of(detail, &["description", "audit_retention_days", "mail_events"]),
        sections,
        may_save: frame.may(ACTION_UPDATE_ORGANIZATION),
        dangers: Vec::new(),
        frame,
    }
}

#[cfg(test)]
impl SettingsPage {
    /// An organization's.
    pub(crate) fn sample_of_organization() -> Self {
        page(Frame::sample(Section::Organization), &Form::default(), "7".to_owned(), None)
    }
}
