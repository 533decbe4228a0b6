//! `…/keys/{key}`: one key, what it may and who uses it; and the changes of its state.

use std::sync::Arc;

use access_authority::keys::{Change, KeyView, actions};
use access_authority::usage::{self, UsageRequest, UsageView};
use access_authority::{IfMatch, Permit, Target};
use access_model::{Id, IdKind, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::confirm::Confirm;
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::Unread;
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Badge, When, counted};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::{id, place};
use crate::problem::Problem;
use crate::segments::Segments;

/// A key.
#[derive(Template)]
#[template(path = "console/key.html")]
pub(crate) struct KeyPage {
    frame: Frame,
    here: String,
    id: String,
    name: String,
    kind: String,
    workspace: String,
    prefix: String,
    state: Badge,
    scopes: Vec<String>,
    ip_allow: Option<Vec<String>>,
    /// Label, instant, and what is said where there is none.
    moments: Vec<(&'static str, Option<When>, &'static str)>,
    metadata: Vec<(String, String)>,
    usage: Vec<(&'static str, String)>,
    /// Scopes and networks that no request needed lately.
    unneeded: Vec<String>,
    overlap: Option<Overlap>,
    can_rotate: bool,
    can_disable: bool,
    can_enable: bool,
    can_revoke: bool,
    can_snooze: bool,
}

/// The other key of a rotation.
struct Overlap {
    tone: &'static str,
    heading: String,
    text: String,
    other: String,
    label: &'static str,
}

/// What can be done to a key's state: its change, the words of its question, and what is said after.
const CHANGES: [(&str, Change, &str, &str, &str, &str); 3] = [
    (
        "disable",
        Change::Disable,
        "power",
        "Disable the key",
        "Whoever uses it is denied until it is enabled again.",
        "key-disabled",
    ),
    ("enable", Change::Enable, "power", "Enable the key", "It works again as it did.", "key-enabled"),
    (
        "revoke",
        Change::Revoke,
        "trash",
        "Revoke the key",
        "It ends for good, on every host within a second. Whoever uses it is denied from then on.",
        "key-revoked",
    ),
];

/// The key that a path names, and a permit for it.
pub(super) async fn permit(
    app: &App,
    visitor: &Visitor,
    action: &str,
    path: Result<(String, String), Problem>,
) -> Result<(Permit, Id), Problem> {
    let (workspace, key) = path?;
    let key = id(IdKind::Key, "key", &key)?;
    Ok((visitor.permit(app, action, Ok(Target::key(place(&workspace)?, &key))).await?, key))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let workspace = path.clone().map(|(workspace, _)| workspace);
    let (permit, key) = permit(&app, &visitor, actions::GET, path).await?;
    let key = app.authority.get_key(&permit, &key).await?.shown;
    // Not everybody who sees a key sees how much it is used.
    let usage = match visitor.permit(&app, usage::ACTION_GET, crate::endpoints::workspace(workspace)).await {
        Ok(permit) => Some(app.authority.get_usage(&permit, &UsageRequest::default()).await?),
        Err(_) => None,
    };
    // The other key of a rotation says who still uses the old one.
    let other = match key.successor.or(key.predecessor) {
        Some(other) => app.authority.get_key(&permit, &other).await.ok().map(|found| found.shown),
        None => None,
    };
    let suggested = app.authority.suggest_for_key(&permit, &key.id).await?;
    let frame = visitor.frame(&app, Section::Keys, Some(&permit)).await;
    let page = KeyPage::new(frame, &key, usage.as_ref(), other.as_ref(), app.authority.now());
    let unneeded = match key.last_used_at {
        // Of one that was never used nothing was needed, which the page says already.
        None => Vec::new(),
        Some(_) => suggested.unused_scopes.into_iter().chain(suggested.unused_networks).collect(),
    };
    Ok(shown(&KeyPage { unneeded, ..page }))
}

impl KeyPage {
    fn new(frame: Frame, key: &KeyView, usage: Option<&UsageView>, other: Option<&KeyView>, now: Timestamp) -> Self {
        let when = |at: Option<Timestamp>| at.map(|at| When::new(at, now));
        let is_over = matches!(key.state, "revoked" | "expired");
        let mut moments = vec![
            ("Issued", when(Some(key.created_at)), ""),
            ("Last used", when(key.last_used_at), "never"),
            ("Ends", when(key.expires_at), "not by itself"),
        ];
        if key.not_before.is_some() {
            moments.push(("Valid from", when(key.not_before), ""));
        }
        if key.inactive_since.is_some() {
            moments.push(("Inactive since", when(key.inactive_since), ""));
        }
        if key.rotation_due_at.is_some() {
            moments.push(("Rotation due", when(key.rotation_due_at), ""));
        }
        let of_key = usage.and_then(|usage| usage.keys.iter().find(|of| of.key == key.id.to_string()));
        let usage = of_key.map(|of| {
            vec![
                ("Allowed", counted(of.asked.allowed, "request", "requests")),
                ("Denied", counted(of.asked.denied, "request", "requests")),
                ("Over the limit", counted(of.asked.rate_limited, "request", "requests")),
            ]
        });
        Self {
            here: frame.at(&format!("/keys/{}", key.id)),
            workspace: frame.workspace.as_ref().map(|workspace| workspace.name.clone()).unwrap_or_default(),
            frame,
            id: key.id.to_string(),
            name: key.name.clone(),
            kind: key.kind.replace('_', " "),
            prefix: key.prefix.clone(),
            state: Badge::state(key.state),
            scopes: key.scopes.clone(),
            ip_allow: key.ip_allow.clone(),
            moments,
            metadata: key.metadata.clone().into_iter().collect(),
            usage: usage.unwrap_or_default(),
            unneeded: Vec::new(),
            overlap: other.and_then(|other| Overlap::new(key, other, now)),
            can_rotate: !is_over && key.successor.is_none() && key.state != "disabled",
            can_disable: !is_over && key.state != "disabled",
            can_enable: key.state == "disabled",
            can_revoke: key.state != "revoked",
            can_snooze: !is_over && key.successor.is_none() && key.state != "disabled",
        }
    }
}

impl Overlap {
    fn new(key: &KeyView, other: &KeyView, now: Timestamp) -> Option<Self> {
        let used = |key: &KeyView| {
            key.last_used_at.map_or_else(
                || "was not used".to_owned(),
                |at| format!("was last used {}", When::new(at, now).distance()),
            )
        };
        let other_id = other.id.to_string();
        if key.successor == Some(other.id) {
            let ends =
                key.expires_at.map_or_else(String::new, |at| format!(" It ends {}.", When::new(at, now).distance()));
            return Some(Self {
                tone: "warn",
                heading: "This is the old key of a rotation.".to_owned(),
                text: format!("It {}; its successor {}.{ends}", used(key), used(other)),
                other: other_id,
                label: "See the successor",
            });
        }
        let is_alive = matches!(other.state, "active" | "disabled");
        is_alive.then(|| Self {
            tone: if other.last_used_at.is_some_and(|at| key.created_at < at) { "warn" } else { "info" },
            heading: "The key before this one still works.".to_owned(),
            text: format!(
                "It {}{}.",
                used(other),
                other.expires_at.map_or_else(String::new, |at| format!(", and ends {}", When::new(at, now).distance()))
            ),
            other: other_id,
            label: "See who uses it",
        })
    }
}

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String, String)>,
) -> Result<Response, Trouble> {
    let (workspace, key, change) = path?;
    let (_, change, icon, button, lede, _) = change_of(&change)?;
    let (permit, key) = permit(&app, &visitor, actions::GET, Ok((workspace, key))).await?;
    let key = app.authority.get_key(&permit, &key).await?.shown;
    let frame = visitor.frame(&app, Section::Keys, Some(&permit)).await;
    let now = app.authority.now();
    let used = key.last_used_at.filter(|_| change != Change::Enable);
    let points = used.map(|at| format!("It was last used {}.", When::new(at, now).distance()));
    let here = frame.at(&format!("/keys/{}", key.id));
    Ok(shown(&Confirm {
        icon,
        heading: format!("{}: {}?", button.split(' ').next().unwrap_or_default(), key.name),
        lede: lede.to_owned(),
        points: points.into_iter().collect(),
        problem: None,
        fields: Vec::new(),
        action: format!("{here}/{}", name_of(change)),
        button,
        is_danger: change != Change::Enable,
        back: here,
        frame,
    }))
}

pub(crate) async fn change(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let (workspace, key, change) = path?;
    let (_, change, .., said) = change_of(&change)?;
    let (permit, key) = permit(&app, &visitor, change.action(), Ok((workspace, key))).await?;
    body.read_for(&permit, &visitor.token).await?;
    let key = app.authority.change_key(&permit, &key, change, &IfMatch::Any).await?.shown;
    Ok(see_other(&after(&format!("/console/workspaces/{}/keys/{}", key.workspace, key.id), said)))
}

type Words = (&'static str, Change, &'static str, &'static str, &'static str, &'static str);

fn change_of(name: &str) -> Result<Words, Problem> {
    let found = CHANGES.iter().find(|(known, ..)| *known == name);
    found.copied().ok_or_else(|| Problem::new(404, "not_found", "a key is disabled, enabled or revoked"))
}

fn name_of(change: Change) -> &'static str {
    CHANGES.iter().find(|(_, known, ..)| *known == change).map_or("", |(name, ..)| name)
}

#[cfg(test)]
impl KeyPage {
    /// The new key of a rotation, whose old one is in use.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let when = |seconds: i64| Some(When::new(at(seconds), NOW));
        let frame = Frame::sample(Section::Keys);
        Self {
            here: frame.at("/keys/key_07nVq3Lm8RtZx2Pk"),
            id: "key_07nVq3Lm8RtZx2Pk".to_owned(),
            name: "ci-deploy".to_owned(),
            kind: "production".to_owned(),
            workspace: "main".to_owned(),
            prefix: "cf_prod_".to_owned(),
            state: Badge::state("active"),
            scopes: ["jobs:read", "jobs:write", "workers:manage"].map(str::to_owned).to_vec(),
            ip_allow: Some(vec!["203.0.113.0/24".to_owned(), "2001:db8::/32".to_owned()]),
            moments: vec![
                ("Issued", when(-86_400), ""),
                ("Last used", when(-720), "never"),
                ("Ends", None, "not by itself"),
                ("Rotation due", when(86 * 86_400), ""),
            ],
            metadata: vec![("team".to_owned(), "payments".to_owned())],
            usage: vec![
                ("Allowed", "18 204 requests".to_owned()),
                ("Denied", "12 requests".to_owned()),
                ("Over the limit", "0 requests".to_owned()),
            ],
            unneeded: vec!["workers:manage".to_owned()],
            overlap: Some(Overlap {
                tone: "warn",
                heading: "The key before this one still works.".to_owned(),
                text: "It was last used 4 minutes ago, and ends in 23 hours.".to_owned(),
                other: "key_07aaaaaaaaaaaaaa".to_owned(),
                label: "See who uses it",
            }),
            can_rotate: true,
            can_disable: true,
            can_enable: false,
            can_revoke: true,
            can_snooze: true,
            frame,
        }
    }
}
