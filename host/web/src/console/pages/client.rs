//! `…/clients/{client}`: one client, its secrets and who uses them; rotation, and the changes of its state.

use std::sync::Arc;

use access_authority::oauth::{ClientChange, ClientView, actions};
use access_authority::{IfMatch, Permit, Target};
use access_model::{Id, IdKind, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::confirm::Confirm;
use super::{client_register, clients};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Badge, Choice, Field, Tone, When, stretch};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::id;
use crate::problem::Problem;
use crate::segments::Segments;

/// Overlaps that are offered, in seconds.
const OVERLAPS: [u64; 5] = [0, 3_600, 86_400, 259_200, 604_800];

/// A client.
#[derive(Template)]
#[template(path = "console/client.html")]
pub(crate) struct ClientPage {
    frame: Frame,
    here: String,
    id: String,
    name: String,
    state: Badge,
    is_alive: bool,
    is_disabled: bool,
    secrets: Vec<Secret>,
    scopes: Vec<String>,
    workspaces: Vec<String>,
    environments: Vec<String>,
    ip_allow: Option<Vec<String>>,
    created: When,
    token_endpoint: String,
}

struct Secret {
    number: u32,
    state: Badge,
    created: When,
    last_used: Option<When>,
    ends: Option<When>,
}

type Words = (&'static str, ClientChange, &'static str, &'static str, &'static str, &'static str);

/// What can be done to a client's state: its change, the words of its question, and what is said after.
const CHANGES: [Words; 3] = [
    (
        "disable",
        ClientChange::Disable,
        "power",
        "Disable the client",
        "It gets no token, and those it has stop working until it is enabled again.",
        "client-disabled",
    ),
    (
        "enable",
        ClientChange::Enable,
        "power",
        "Enable the client",
        "It gets tokens again, and those that have not run out work.",
        "client-enabled",
    ),
    (
        "revoke",
        ClientChange::Revoke,
        "trash",
        "Revoke the client",
        "It ends for good with all of its tokens, on every host within a second.",
        "client-revoked",
    ),
];

/// The client that a path names, and a permit for it.
pub(super) async fn permit(
    app: &App,
    visitor: &Visitor,
    action: &str,
    path: Result<(String, String), Problem>,
) -> Result<(Permit, Id), Problem> {
    let (organization, client) = path?;
    let organization = id(IdKind::Organization, "organization", &organization)?;
    let client = id(IdKind::Client, "client", &client)?;
    Ok((visitor.permit(app, action, Ok(Target::client(organization, &client))).await?, client))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (permit, client) = permit(&app, &visitor, actions::GET, path).await?;
    let client = app.authority.get_client(&permit, &client).await?.shown;
    let frame = visitor.frame(&app, Section::Clients, Some(&permit)).await;
    Ok(shown(&ClientPage::new(frame, &client, app.public_url.at("/oauth/token"), app.authority.now())))
}

impl ClientPage {
    fn new(frame: Frame, client: &ClientView, token_endpoint: String, now: Timestamp) -> Self {
        let when = |at: Timestamp| When::new(at, now);
        let newest = client.secrets.last().map(|secret| secret.number);
        let secrets = client.secrets.iter().rev().map(|secret| Secret {
            number: secret.number,
            state: if Some(secret.number) == newest {
                Badge::new(Tone::Good, "current")
            } else {
                Badge::new(Tone::Warn, "overlapping")
            },
            created: when(secret.created_at),
            last_used: secret.last_used_at.map(when),
            ends: secret.expires_at.map(when),
        });
        Self {
            here: frame.org(&format!("/clients/{}", client.client_id)),
            id: client.client_id.to_string(),
            name: client.name.clone(),
            state: clients::state(client),
            is_alive: client.state != "revoked",
            is_disabled: client.state == "disabled",
            secrets: secrets.collect(),
            scopes: client.scopes.clone(),
            workspaces: clients::names(client, &frame),
            environments: client.environments.clone(),
            ip_allow: client.ip_allow.clone(),
            created: when(client.created_at),
            token_endpoint,
            frame,
        }
    }
}

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String, String)>,
) -> Result<Response, Trouble> {
    let (organization, client, change) = path?;
    let (permit, client) = permit(&app, &visitor, actions::GET, Ok((organization, client))).await?;
    let client = app.authority.get_client(&permit, &client).await?.shown;
    let frame = visitor.frame(&app, Section::Clients, Some(&permit)).await;
    let here = frame.org(&format!("/clients/{}", client.client_id));
    if change == "rotate" {
        let most = app.authority.catalog().limits.overlap_seconds;
        return Ok(shown(&rotation(frame, &client, most, &visitor.query)));
    }
    let (name, change, icon, button, lede, _) = change_of(&change)?;
    let used = client.secrets.iter().filter_map(|secret| secret.last_used_at).max();
    let used = used.filter(|_| change != ClientChange::Enable);
    let used = used.map(|at| format!("It last got a token {}.", When::new(at, app.authority.now()).distance()));
    Ok(shown(&Confirm {
        icon,
        heading: format!("{}: {}?", button.split(' ').next().unwrap_or_default(), client.name),
        lede: lede.to_owned(),
        points: used.into_iter().collect(),
        problem: None,
        fields: Vec::new(),
        action: format!("{here}/{name}"),
        button,
        is_danger: change != ClientChange::Enable,
        back: here,
        frame,
    }))
}

fn rotation(frame: Frame, client: &ClientView, most: u64, sent: &Form) -> Confirm {
    let wanted = sent.stated("overlap_seconds").unwrap_or_else(|| "86400".to_owned());
    let offered = OVERLAPS.iter().filter(|seconds| **seconds <= most).map(|seconds| {
        let label = if *seconds == 0 { "No overlap: the old secret ends now".to_owned() } else { stretch(*seconds) };
        Choice::new(seconds.to_string(), label, "").chosen(wanted == seconds.to_string())
    });
    let here = frame.org(&format!("/clients/{}", client.client_id));
    Confirm {
        icon: "rotate",
        heading: format!("Rotate the secret of {}?", client.name),
        lede: "A new secret is shown once, on the next page. Tokens got with the old one end with it.".to_owned(),
        points: Vec::new(),
        problem: None,
        fields: vec![Field::select("overlap_seconds", "How long the old secret goes on", offered.collect())],
        action: format!("{here}/rotate"),
        button: "Rotate the secret",
        is_danger: false,
        back: here,
        frame,
    }
}

pub(crate) async fn change(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let (organization, client, change) = path?;
    let path = Ok((organization, client));
    if change == "rotate" {
        return rotate(&app, &visitor, path, body).await;
    }
    let (_, change, .., said) = change_of(&change)?;
    let (permit, client) = permit(&app, &visitor, change.action(), path).await?;
    body.read_for(&permit, &visitor.token).await?;
    let client = app.authority.change_client(&permit, &client, change, &IfMatch::Any).await?.shown;
    let here = format!("/console/organizations/{}/clients/{}", client.organization, client.client_id);
    Ok(see_other(&after(&here, said)))
}

async fn rotate(
    app: &App,
    visitor: &Visitor,
    path: Result<(String, String), Problem>,
    body: Unread,
) -> Result<Response, Trouble> {
    let ((permit, client), sent) = body.permitted(permit(app, visitor, actions::ROTATE, path), &visitor.token).await?;
    let overlap =
        sent.text("overlap_seconds").parse().map_err(|_| Problem::invalid("overlap_seconds", "must be a number"))?;
    let done = app.authority.rotate_client(&permit, &client, overlap, &IfMatch::Any, None).await;
    let done = done.map_err(|error| Trouble::from(error).again(sent.as_query()))?;
    let gone = || Problem::new(409, "conflict", "it was rotated before, and the secret is shown once");
    let issued = done.now().ok_or_else(gone)?;
    let frame = visitor.frame(app, Section::Clients, Some(&permit)).await;
    Ok(shown(&client_register::page(app, frame, &permit, &issued.shown, issued.secret)))
}

fn change_of(name: &str) -> Result<Words, Problem> {
    let found = CHANGES.iter().find(|(known, ..)| *known == name);
    found.copied().ok_or_else(|| Problem::new(404, "not_found", "a client is rotated, disabled, enabled or revoked"))
}

#[cfg(test)]
impl ClientPage {
    /// A client in a rotation.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let when = |seconds: i64| When::new(at(seconds), NOW);
        let frame = Frame::sample(Section::Clients);
        let secret = |number, badge: Badge, last: Option<i64>, ends: Option<i64>| Secret {
            number,
            state: badge,
            created: when(-86_400),
            last_used: last.map(when),
            ends: ends.map(when),
        };
        Self {
            here: frame.org("/clients/cl_07"),
            id: "cl_07Xk2mPq9RtVw4Yz1A".to_owned(),
            name: "billing".to_owned(),
            state: Badge::state("active"),
            is_alive: true,
            is_disabled: false,
            secrets: vec![
                secret(2, Badge::new(Tone::Good, "current"), None, None),
                secret(1, Badge::new(Tone::Warn, "overlapping"), Some(-240), Some(80_000)),
            ],
            scopes: vec!["jobs:read".to_owned(), "jobs:write".to_owned()],
            workspaces: vec!["main".to_owned(), "batch-jobs".to_owned()],
            environments: vec!["*".to_owned()],
            ip_allow: None,
            created: when(-40 * 86_400),
            token_endpoint: "https://access.example.com/oauth/token".to_owned(),
            frame,
        }
    }
}
