//! `…/webhooks/{webhook}`: one webhook, its secrets, and what became of its messages; rotation, trying out, trying again, and the
//! changes of its state.

use std::sync::Arc;

use access_authority::webhooks::{
    AttemptView, DeliveryView, RecoverRequest, StateUpdate, WebhookUpdate, WebhookView, actions,
};
use access_authority::{IfMatch, Page, Permit, Target};
use access_model::{Id, IdKind, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::confirm::Confirm;
use super::webhooks::{name, state};
use super::{Pager, asked_page, webhook_form};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Badge, Choice, Field, Tone, When, stretch};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::{id, place};
use crate::problem::Problem;
use crate::segments::Segments;

/// Overlaps that are offered, in seconds.
const OVERLAPS: [u64; 5] = [0, 3_600, 86_400, 259_200, 604_800];
/// How far back what did not come through is tried again, in seconds.
const BACK: [u64; 5] = [3_600, 86_400, 259_200, 604_800, 2_592_000];

/// A webhook.
#[derive(Template)]
#[template(path = "console/webhook.html")]
pub(crate) struct WebhookPage {
    frame: Frame,
    here: String,
    id: String,
    name: String,
    url: String,
    state: Badge,
    is_active: bool,
    /// What is to be known of its state.
    notice: Option<String>,
    events: Vec<String>,
    organization_events: bool,
    secrets: Vec<Secret>,
    created: When,
    /// None, where whoever looks may not see them.
    deliveries: Option<Vec<Row>>,
    pager: Pager,
}

struct Secret {
    number: u32,
    state: Badge,
    created: When,
    ends: Option<When>,
}

/// What became of a message.
struct Row {
    id: String,
    kind: String,
    message: String,
    state: Badge,
    created: When,
    next: Option<When>,
    attempts: Vec<Attempt>,
}

struct Attempt {
    at: When,
    came: String,
    is_good: bool,
}

type Words = (&'static str, &'static str, &'static str, &'static str, &'static str, bool, &'static str);

/// What can be done to one, but for its secret: the action, the words of its question, whether it ends something, and what is said
/// after.
const CHANGES: [Words; 5] = [
    (
        "disable",
        actions::UPDATE,
        "power",
        "Disable the webhook",
        "It is told nothing until it is enabled. What it would have been told is held for 30 days.",
        true,
        "webhook-disabled",
    ),
    (
        "enable",
        actions::UPDATE,
        "power",
        "Enable the webhook",
        "It is told again from now on. What it missed meanwhile can be recovered.",
        false,
        "webhook-enabled",
    ),
    (
        "delete",
        actions::UPDATE,
        "trash",
        "Delete the webhook",
        "It ends for good, and what is on its way to it is dropped.",
        true,
        "webhook-deleted",
    ),
    (
        "test",
        actions::TEST,
        "play",
        "Test the webhook",
        "A message of the type webhook.test is sent, signed as any.",
        false,
        "webhook-tested",
    ),
    (
        "recover",
        actions::RECOVER,
        "rotate",
        "Recover what was missed",
        "What failed or was held since then is tried again, each with its id as it was.",
        false,
        "webhook-recovered",
    ),
];

/// The webhook that a path names, and a permit for it.
pub(super) async fn permit(
    app: &App,
    visitor: &Visitor,
    action: &str,
    path: Result<(String, String), Problem>,
) -> Result<(Permit, Id), Problem> {
    let (workspace, webhook) = path?;
    let webhook = id(IdKind::Webhook, "webhook", &webhook)?;
    Ok((visitor.permit(app, action, Ok(Target::webhook(place(&workspace)?, &webhook))).await?, webhook))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (permit, webhook) = permit(&app, &visitor, actions::GET, path.clone()).await?;
    let found = app.authority.get_webhook(&permit, &webhook).await?.shown;
    let frame = visitor.frame(&app, Section::Webhooks, Some(&permit)).await;
    // Not everybody who sees a webhook sees what became of its messages.
    let deliveries = match frame.may(actions::LIST_DELIVERIES) {
        true => {
            let (permit, webhook) = self::permit(&app, &visitor, actions::LIST_DELIVERIES, path).await?;
            Some(app.authority.list_deliveries(&permit, &webhook, &asked_page(&visitor.query)).await?)
        }
        false => None,
    };
    Ok(shown(&WebhookPage::new(frame, &found, deliveries.as_ref(), &visitor.query, app.authority.now())))
}

impl WebhookPage {
    fn new(
        frame: Frame,
        webhook: &WebhookView,
        deliveries: Option<&Page<DeliveryView>>,
        query: &Form,
        now: Timestamp,
    ) -> Self {
        let when = |at: Timestamp| When::new(at, now);
        let newest = webhook.secrets.last().map(|secret| secret.number);
        let secrets = webhook.secrets.iter().rev().map(|secret| Secret {
            number: secret.number,
            state: if Some(secret.number) == newest {
                Badge::new(Tone::Good, "current")
            } else {
                Badge::new(Tone::Warn, "overlapping")
            },
            created: when(secret.created_at),
            ends: secret.expires_at.map(when),
        });
        let since = |at: Option<Timestamp>| at.map(|at| format!(" {}", when(at).distance())).unwrap_or_default();
        let notice = match (webhook.disabled_because, webhook.failing_since) {
            (Some("gone"), _) => Some(format!(
                "Its receiver said that it is gone{}. Mend it, enable it, and recover what it missed.",
                since(webhook.disabled_at)
            )),
            (Some("failing"), _) => Some(format!(
                "It was disabled{}, since a message ran out of attempts and none came through. Mend it, enable it, and recover what it missed.",
                since(webhook.disabled_at)
            )),
            (None, Some(at)) => Some(format!("No attempt came through since {}.", when(at).exactly())),
            _ => None,
        };
        let here = frame.at(&format!("/webhooks/{}", webhook.id));
        let cursor = deliveries.and_then(|page| page.next_cursor.as_ref());
        Self {
            pager: Pager::new(&here, query, cursor),
            here,
            id: webhook.id.to_string(),
            name: name(webhook).to_owned(),
            url: webhook.url.clone(),
            state: state(webhook),
            is_active: webhook.state == "active",
            notice,
            events: webhook.events.clone(),
            organization_events: webhook.organization_events,
            secrets: secrets.collect(),
            created: when(webhook.created_at),
            deliveries: deliveries.map(|page| page.items.iter().map(|delivery| Row::new(delivery, now)).collect()),
            frame,
        }
    }
}

impl Row {
    fn new(delivery: &DeliveryView, now: Timestamp) -> Self {
        let tone = match delivery.state {
            "delivered" => Tone::Good,
            "failed" => Tone::Bad,
            "held" => Tone::Warn,
            _ => Tone::Info,
        };
        Self {
            id: delivery.id.to_string(),
            kind: delivery.kind.clone(),
            message: delivery.message.to_string(),
            state: Badge::new(tone, delivery.state),
            created: When::new(delivery.created_at, now),
            next: delivery.next_attempt_at.map(|at| When::new(at, now)),
            attempts: delivery.attempts.iter().rev().map(|attempt| Attempt::new(attempt, now)).collect(),
        }
    }
}

impl Attempt {
    fn new(attempt: &AttemptView, now: Timestamp) -> Self {
        let came = match (attempt.status, &attempt.error) {
            (Some(status), _) => format!("answered {status} in {} ms", attempt.duration_ms),
            (None, Some(error)) => error.replace('_', " "),
            (None, None) => "no answer".to_owned(),
        };
        let is_good = attempt.status.is_some_and(|status| (200..300).contains(&status));
        Self { at: When::new(attempt.at, now), came, is_good }
    }
}

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String, String)>,
) -> Result<Response, Trouble> {
    let (workspace, webhook, change) = path?;
    let path: Result<_, Problem> = Ok((workspace, webhook));
    let (permit, webhook) = permit(&app, &visitor, actions::GET, path.clone()).await?;
    let webhook = app.authority.get_webhook(&permit, &webhook).await?.shown;
    // Who may not do it is not asked whether they want to.
    let action = if change == "rotate" { actions::UPDATE } else { change_of(&change)?.1 };
    self::permit(&app, &visitor, action, path).await?;
    let frame = visitor.frame(&app, Section::Webhooks, Some(&permit)).await;
    let most = app.authority.catalog().limits.overlap_seconds;
    Ok(shown(&question(frame, &webhook, &change, most, &visitor.query)?))
}

fn question(frame: Frame, webhook: &WebhookView, change: &str, most: u64, sent: &Form) -> Result<Confirm, Problem> {
    let here = frame.at(&format!("/webhooks/{}", webhook.id));
    let offered = |field: &str, seconds: &[u64], wanted: &str, none: &str| {
        let wanted = sent.stated(field).unwrap_or_else(|| wanted.to_owned());
        let choice = |seconds: &u64| {
            let label = if *seconds == 0 { none.to_owned() } else { stretch(*seconds) };
            Choice::new(seconds.to_string(), label, "").chosen(wanted == seconds.to_string())
        };
        seconds.iter().map(choice).collect::<Vec<_>>()
    };
    let (icon, verb, button, lede, is_danger, fields) = if change == "rotate" {
        let within: Vec<u64> = OVERLAPS.into_iter().filter(|seconds| *seconds <= most).collect();
        let choices = offered("overlap_seconds", &within, "86400", "No overlap: the old secret ends now");
        let field = Field::select("overlap_seconds", "How long the old secret signs as well", choices);
        let lede = "A new secret is shown once, on the next page. During the overlap both sign, so that a receiver may know either.";
        ("rotate", "Rotate the secret of", "Rotate the secret", lede, false, vec![field])
    } else {
        let (_, _, icon, button, lede, is_danger, _) = change_of(change)?;
        let fields = match change {
            "recover" => vec![Field::select("back", "How far back", offered("back", &BACK, "86400", ""))],
            _ => Vec::new(),
        };
        (icon, button.split(' ').next().unwrap_or_default(), button, lede, is_danger, fields)
    };
    Ok(Confirm {
        icon,
        heading: format!("{verb} {}?", name(webhook)),
        lede: lede.to_owned(),
        points: Vec::new(),
        problem: None,
        fields,
        action: format!("{here}/{change}"),
        button,
        is_danger,
        back: here,
        frame,
    })
}

pub(crate) async fn change(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let (workspace, webhook, change) = path?;
    let list = format!("/console/workspaces/{workspace}/webhooks");
    let here = format!("{list}/{webhook}");
    let path = Ok((workspace, webhook));
    if change == "rotate" {
        return rotate(&app, &visitor, path, body).await;
    }
    let (_, action, .., said) = change_of(&change)?;
    let ((permit, webhook), sent) = body.permitted(permit(&app, &visitor, action, path), &visitor.token).await?;
    let set = |state| WebhookUpdate { state: Some(state), ..WebhookUpdate::default() };
    let authority = &app.authority;
    match change.as_str() {
        "disable" => {
            authority.update_webhook(&permit, &webhook, set(StateUpdate::Disabled), &IfMatch::Any).await?;
        }
        "enable" => {
            authority.update_webhook(&permit, &webhook, set(StateUpdate::Active), &IfMatch::Any).await?;
        }
        "delete" => {
            authority.delete_webhook(&permit, &webhook, &IfMatch::Any).await?;
            return Ok(see_other(&after(&list, said)));
        }
        "test" => {
            authority.test_webhook(&permit, &webhook).await?;
        }
        _ => {
            let back: u64 = sent.text("back").parse().map_err(|_| Problem::invalid("back", "must be a number"))?;
            let back = i64::try_from(back.min(2_592_000)).unwrap_or_default();
            let since = Timestamp::from_millis(authority.now().as_millis().saturating_sub(back * 1_000));
            let request = RecoverRequest { since: since.to_string() };
            authority.recover_deliveries(&permit, &webhook, &request).await?;
        }
    }
    Ok(see_other(&after(&here, said)))
}

async fn rotate(
    app: &App,
    visitor: &Visitor,
    path: Result<(String, String), Problem>,
    body: Unread,
) -> Result<Response, Trouble> {
    let permit = permit(app, visitor, actions::UPDATE, path);
    let ((permit, webhook), sent) = body.permitted(permit, &visitor.token).await?;
    let overlap =
        sent.text("overlap_seconds").parse().map_err(|_| Problem::invalid("overlap_seconds", "must be a number"))?;
    let done = app.authority.rotate_webhook(&permit, &webhook, overlap, &IfMatch::Any, None).await;
    let done = done.map_err(|error| Trouble::from(error).again(sent.as_query()))?;
    let gone = || Problem::new(409, "conflict", "it was rotated before, and the secret is shown once");
    let issued = done.now().ok_or_else(gone)?;
    let frame = visitor.frame(app, Section::Webhooks, Some(&permit)).await;
    Ok(shown(&webhook_form::page(frame, &permit, &issued.shown, issued.secret)))
}

pub(crate) async fn ask_replay(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String, String)>,
) -> Result<Response, Trouble> {
    let (workspace, webhook, delivery) = path?;
    let path: Result<_, Problem> = Ok((workspace, webhook));
    let (permit, webhook) = permit(&app, &visitor, actions::GET, path.clone()).await?;
    let delivery = id(IdKind::Delivery, "delivery", &delivery)?;
    let webhook = app.authority.get_webhook(&permit, &webhook).await?.shown;
    self::permit(&app, &visitor, actions::REPLAY, path).await?;
    let frame = visitor.frame(&app, Section::Webhooks, Some(&permit)).await;
    let here = frame.at(&format!("/webhooks/{}", webhook.id));
    Ok(shown(&Confirm {
        icon: "rotate",
        heading: format!("Send it to {} again?", name(&webhook)),
        lede: "The message goes out once more, at once, with its id as it was: a receiver that has it knows it again."
            .to_owned(),
        points: Vec::new(),
        problem: None,
        fields: Vec::new(),
        action: format!("{here}/deliveries/{delivery}/replay"),
        button: "Send it again",
        is_danger: false,
        back: here,
        frame,
    }))
}

pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let (workspace, webhook, delivery) = path?;
    let here = format!("/console/workspaces/{workspace}/webhooks/{webhook}");
    let permit = permit(&app, &visitor, actions::REPLAY, Ok((workspace, webhook)));
    let ((permit, webhook), _) = body.permitted(permit, &visitor.token).await?;
    let delivery = id(IdKind::Delivery, "delivery", &delivery)?;
    app.authority.replay_delivery(&permit, &webhook, &delivery).await?;
    Ok(see_other(&after(&here, "delivery-replayed")))
}

fn change_of(name: &str) -> Result<Words, Problem> {
    let found = CHANGES.iter().find(|(known, ..)| *known == name);
    found.copied().ok_or_else(|| Problem::new(404, "not_found", "nothing of that name is done to a webhook"))
}

#[cfg(test)]
impl WebhookPage {
    /// One that fails, in a rotation.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let when = |seconds: i64| When::new(at(seconds), NOW);
        let frame = Frame::sample(Section::Webhooks);
        let attempt =
            |seconds: i64, came: &str, is_good: bool| Attempt { at: when(seconds), came: came.to_owned(), is_good };
        let row = |id: &str, kind: &str, state: Badge, created: i64, next: Option<i64>, attempts: Vec<Attempt>| Row {
            id: id.to_owned(),
            kind: kind.to_owned(),
            message: format!("msg_07{id}"),
            state,
            created: when(created),
            next: next.map(when),
            attempts,
        };
        let failed = vec![attempt(-60, "answered 500 in 12 ms", false), attempt(-70, "timed out", false)];
        let deliveries = vec![
            row("del_07a", "key.inactive", Badge::new(Tone::Info, "pending"), -70, Some(240), failed),
            row("del_07b", "job.done", Badge::new(Tone::Warn, "held"), -400, None, Vec::new()),
            row(
                "del_07c",
                "webhook.test",
                Badge::new(Tone::Good, "delivered"),
                -4_000,
                None,
                vec![attempt(-4_000, "answered 204 in 3 ms", true)],
            ),
        ];
        let secret = |number, state: Badge, ends: Option<i64>| Secret {
            number,
            state,
            created: when(-86_400),
            ends: ends.map(when),
        };
        Self {
            here: frame.at("/webhooks/wh_07"),
            id: "wh_07Xk2mPq9RtVw4Yz1A".to_owned(),
            name: "alerts".to_owned(),
            url: "https://hooks.example.com/a".to_owned(),
            state: Badge::new(Tone::Warn, "failing"),
            is_active: true,
            notice: Some("No attempt came through since 31 Jan 2026, 11:58:50 UTC.".to_owned()),
            events: vec!["key.*".to_owned(), "webhook.disabled".to_owned()],
            organization_events: true,
            secrets: vec![
                secret(2, Badge::new(Tone::Good, "current"), None),
                secret(1, Badge::new(Tone::Warn, "overlapping"), Some(80_000)),
            ],
            created: when(-40 * 86_400),
            deliveries: Some(deliveries),
            pager: Pager::default(),
            frame,
        }
    }
}
