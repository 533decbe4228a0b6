//! `…/webhooks/create` and `…/webhooks/{webhook}/edit`: where to tell of what; and its first secret, shown this once.

use std::sync::Arc;

use access_authority::webhooks::{WebhookRequest, WebhookUpdate, WebhookView, actions};
use access_authority::{IfMatch, Permit};
use access_model::PlainSecret;
use axum::extract::State;
use axum::response::Response;

use super::form_page::FormPage;
use super::issued::IssuedPage;
use super::webhook::permit;
use super::webhooks::name;
use super::{error_of, problem_of};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Link, Section};
use crate::console::parts::{Field, ShownOnce};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::workspace;
use crate::problem::Problem;
use crate::segments::Segments;

/// Fields that tell their own errors.
const FIELDS: [&str; 3] = ["url", "events", "description"];

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::CREATE, workspace(path)).await?;
    let frame = visitor.frame(&app, Section::Webhooks, Some(&permit)).await;
    Ok(shown(&form(frame, &visitor.query, None, None)))
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::CREATE, workspace(path));
    let (permit, sent) = body.permitted(permit, &visitor.token).await?;
    let frame = visitor.frame(&app, Section::Webhooks, Some(&permit)).await;
    let request = WebhookRequest {
        url: sent.text("url").trim().to_owned(),
        events: sent.lines("events"),
        organization_events: sent.is_on("organization_events"),
        description: sent.stated("description"),
    };
    match app.authority.create_webhook(&permit, request, None).await.map_err(Trouble::from) {
        Ok(done) => {
            let gone = || Problem::new(409, "conflict", "it was created before, and its secret is shown once");
            let issued = done.now().ok_or_else(gone)?;
            Ok(shown(&page(frame, &permit, &issued.shown, issued.secret)))
        }
        Err(trouble) if trouble.is_of_form() => Ok(shown(&form(frame, &sent, Some(trouble.problem().detail()), None))),
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

pub(crate) async fn ask_edit(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (permit, webhook) = permit(&app, &visitor, actions::GET, path.clone()).await?;
    let found = app.authority.get_webhook(&permit, &webhook).await?;
    // Who may not change it is not shown its form.
    self::permit(&app, &visitor, actions::UPDATE, path).await?;
    let frame = visitor.frame(&app, Section::Webhooks, Some(&permit)).await;
    let as_it_is = as_form(&found.shown);
    let sent = if visitor.query.has("url") { &visitor.query } else { &as_it_is };
    Ok(shown(&form(frame, sent, None, Some((&found.shown, found.version.to_string())))))
}

pub(crate) async fn edit(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let permit = permit(&app, &visitor, actions::UPDATE, path.clone());
    let ((permit, webhook), sent) = body.permitted(permit, &visitor.token).await?;
    let update = WebhookUpdate {
        url: Some(sent.text("url").trim().to_owned()),
        events: Some(sent.lines("events")),
        organization_events: Some(sent.is_on("organization_events")),
        description: Some(sent.stated("description")),
        state: None,
    };
    let made_from = IfMatch::One(vec![sent.text("version").to_owned()]);
    match app.authority.update_webhook(&permit, &webhook, update, &made_from).await.map_err(Trouble::from) {
        Ok(_) => {
            let (workspace, webhook) = path?;
            Ok(see_other(&after(&format!("/console/workspaces/{workspace}/webhooks/{webhook}"), "webhook-updated")))
        }
        Err(trouble) if trouble.is_of_form() => {
            let (seen, webhook) = self::permit(&app, &visitor, actions::GET, path).await?;
            let found = app.authority.get_webhook(&seen, &webhook).await?;
            let frame = visitor.frame(&app, Section::Webhooks, Some(&permit)).await;
            // The version that it was made from: with a newer one, what another wrote meanwhile would be lost unseen.
            let of = Some((&found.shown, sent.text("version").to_owned()));
            let detail = Some(trouble.problem().detail());
            Ok(shown(&form(frame, &sent, detail, of)))
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

/// A webhook as its form was filled in.
fn as_form(webhook: &WebhookView) -> Form {
    let fields = form_urlencoded::Serializer::new(String::new())
        .append_pair("url", &webhook.url)
        .append_pair("events", &webhook.events.join("\n"))
        .append_pair("organization_events", if webhook.organization_events { "yes" } else { "" })
        .append_pair("description", webhook.description.as_deref().unwrap_or_default())
        .finish();
    Form::parse(fields.as_bytes())
}

fn form(frame: Frame, sent: &Form, detail: Option<&str>, of: Option<(&WebhookView, String)>) -> FormPage {
    let error = |field| detail.and_then(|detail| error_of(detail, field));
    let fields = vec![
        Field::text("url", "URL")
            .value(sent.text("url"))
            .hint("Where it is told, by POST: https://…, reachable from this installation.")
            .error(error("url")),
        Field::lines("events", "What of", 4)
            .value(sent.text("events"))
            .hint("One a line, such as key.inactive or job.done; key.* stands for all that begin so, * for every one.")
            .error(error("events")),
        Field::check("organization_events", "Also of the organization’s own events", sent.is_on("organization_events"))
            .hint("Members and clients: for those who may list the organization’s events."),
        Field::text("description", "Name")
            .value(sent.text("description"))
            .hint("For people: which service it is.")
            .optional()
            .error(error("description")),
    ];
    let list = frame.at("/webhooks");
    let (mut crumbs, mut hidden) = (vec![Link::new(&list, "Webhooks")], Vec::new());
    let (heading, lede, button, back, action) = match of {
        None => {
            let lede = "Its secret is shown once, on the next page. With it the receiver knows that it is we who call.";
            ("Create a webhook".to_owned(), lede, "Create the webhook", list.clone(), format!("{list}/create"))
        }
        Some((webhook, version)) => {
            let here = format!("{list}/{}", webhook.id);
            crumbs.push(Link::new(&here, name(webhook)));
            hidden.push(("version", version));
            let lede = "What is on its way already goes to the new address as well.";
            (format!("Edit {}", name(webhook)), lede, "Save the webhook", here.clone(), format!("{here}/edit"))
        }
    };
    FormPage {
        crumbs,
        heading,
        lede: lede.to_owned(),
        notice: None,
        problem: problem_of(detail, &FIELDS),
        hidden,
        fields,
        action,
        button,
        back,
        frame,
    }
}

/// The page of a webhook that was just created, or was given another secret.
pub(super) fn page(frame: Frame, permit: &Permit, webhook: &WebhookView, secret: PlainSecret) -> IssuedPage {
    let here = frame.at(&format!("/webhooks/{}", webhook.id));
    let called = name(webhook).to_owned();
    let is_new = permit.action() == actions::CREATE;
    IssuedPage {
        crumbs: vec![Link::new(frame.at("/webhooks"), "Webhooks"), Link::new(&here, &called)],
        heading: if is_new { format!("{called} is created") } else { format!("{called} has a new secret") },
        lede: "Its receiver checks with this secret that a message is ours.".to_owned(),
        secret: ShownOnce { label: "Signing secret", secret },
        facts_heading: "What it is told",
        facts: vec![
            ("Webhook id", webhook.id.to_string()),
            ("URL", webhook.url.clone()),
            ("What of", webhook.events.join(", ")),
        ],
        command: "cronflow-access webhook verify --secret-file SECRET \\\n  --header \"webhook-id: …\" --header \"webhook-timestamp: …\" \
                  --header \"webhook-signature: …\" < body"
            .to_owned(),
        command_about: "Checks a message by hand. Any library of Standard Webhooks does so as well.",
        next: here,
        next_label: "I have kept it",
        frame,
    }
}

#[cfg(test)]
impl FormPage {
    /// Creating a webhook with an address that is not called.
    pub(crate) fn sample_of_webhook() -> Self {
        let sent = Form::parse(b"url=http://10.0.0.1&events=key.*");
        let detail = "`url`: its address is private; name one of the public internet";
        form(Frame::sample(Section::Webhooks), &sent, Some(detail), None)
    }
}
