//! `…/keys/{key}/snooze`: which reminder is not to come, for how long, and why.

use std::sync::Arc;

use access_authority::keys::{KeyView, SnoozeRequest, actions};
use axum::extract::State;
use axum::response::Response;

use super::form_page::FormPage;
use super::key::permit;
use super::{error_of, problem_of};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Link, Section};
use crate::console::parts::{Choice, Field};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::segments::Segments;

/// What can be snoozed, and how a form says so.
const EVENTS: [(&str, &str, &str); 3] = [
    ("key.rotation_due", "Rotate it", "That it is as old as its kind reminds of."),
    ("key.expiring", "It ends soon", "That its end comes nearer."),
    ("key.inactive", "Nobody uses it", "That no request came with it for some time."),
];

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (permit, key) = permit(&app, &visitor, actions::GET, path).await?;
    let key = app.authority.get_key(&permit, &key).await?.shown;
    let frame = visitor.frame(&app, Section::Keys, Some(&permit)).await;
    Ok(shown(&form(frame, &key, &visitor.query, None)))
}

pub(crate) async fn snooze(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let (permit, key) = permit(&app, &visitor, actions::SNOOZE, path.clone()).await?;
    let sent = body.read_for(&permit, &visitor.token).await?;
    let request = SnoozeRequest {
        event: sent.text("event").to_owned(),
        // What is no number is no number of days, and refused as such.
        days: Some(sent.text("days").parse().unwrap_or(0)),
        until: None,
        reason: sent.text("reason").to_owned(),
    };
    match app.authority.snooze_key(&permit, &key, &request).await.map_err(Trouble::from) {
        Ok(_) => {
            let (workspace, _) = path?;
            Ok(see_other(&after(&format!("/console/workspaces/{workspace}/keys/{key}"), "key-snoozed")))
        }
        Err(trouble) if trouble.is_of_form() => {
            let (seen, key) = self::permit(&app, &visitor, actions::GET, path).await?;
            let key = app.authority.get_key(&seen, &key).await?.shown;
            let frame = visitor.frame(&app, Section::Keys, Some(&permit)).await;
            Ok(shown(&form(frame, &key, &sent, Some(trouble.problem().detail()))))
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

fn form(frame: Frame, key: &KeyView, sent: &Form, detail: Option<&str>) -> FormPage {
    let error = |field| detail.and_then(|detail| error_of(detail, field));
    let wanted = sent.stated("event").unwrap_or_else(|| "key.rotation_due".to_owned());
    let offered = EVENTS.map(|(value, label, about)| Choice::new(value, label, about).chosen(wanted == value));
    let here = frame.at(&format!("/keys/{}", key.id));
    FormPage {
        crumbs: vec![Link::new(frame.at("/keys"), "API keys"), Link::new(&here, &key.name)],
        heading: format!("Snooze reminders of {}", key.name),
        lede: "No reminder comes until then; the reason stands in the audit trail.".to_owned(),
        notice: None,
        problem: problem_of(detail, &["event", "days", "reason"]),
        hidden: Vec::new(),
        fields: vec![
            Field::radios("event", "Which", offered.to_vec()).error(error("event")),
            Field::number("days", "Days")
                .value(sent.stated("days").unwrap_or_else(|| "14".to_owned()))
                .hint("1 to 90.")
                .error(error("days")),
            Field::text("reason", "Why").value(sent.text("reason")).error(error("reason")),
        ],
        action: format!("{here}/snooze"),
        button: "Snooze",
        back: here,
        frame,
    }
}

#[cfg(test)]
impl FormPage {
    /// Snoozing a key's reminders without a reason.
    pub(crate) fn sample_of_snooze() -> Self {
        let detail = "`reason`: must have 1 to 500 characters, and none that control or hide others";
        form(Frame::sample(Section::Keys), &super::key_rotate::sample_key(), &Form::default(), Some(detail))
    }
}
