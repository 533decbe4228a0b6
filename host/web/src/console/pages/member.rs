//! `…/members/{member}`: one person, their roles, what they may through which, and what they issued beyond that; and the changes
//! of their state.

use std::sync::Arc;

use access_authority::members::{MemberChange, MemberChanged, MemberUpdate, actions};
use access_authority::permissions::{self, PermissionsRequest};
use access_authority::roles::RoleView;
use access_authority::{IfMatch, Permit, Target};
use access_model::{Id, IdKind, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::confirm::Confirm;
use super::members::{in_workspaces, name_of, role_choices, roles_of, workspace_fields};
use super::{error_of, problem_of};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Named, Section};
#[cfg(test)]
use crate::console::parts::Choice;
use crate::console::parts::{Badge, Field, When};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::{id, organization};
use crate::problem::Problem;
use crate::segments::Segments;

/// A member.
#[derive(Template)]
#[template(path = "console/member.html")]
pub(crate) struct MemberPage {
    frame: Frame,
    here: String,
    version: String,
    name: String,
    email: String,
    state: Badge,
    has_factor: bool,
    is_active: bool,
    is_suspended: bool,
    is_locked_out: bool,
    is_removed: bool,
    since: When,
    problem: Option<String>,
    beyond: Vec<Beyond>,
    fields: Vec<Field>,
    /// Action, and the roles that it comes by.
    permissions: Vec<(String, String)>,
}

/// Something that a member issued, and could not any more.
struct Beyond {
    href: String,
    name: String,
    what: String,
}

struct Words {
    name: &'static str,
    change: MemberChange,
    icon: &'static str,
    button: &'static str,
    lede: &'static str,
    said: &'static str,
}

const CHANGES: [Words; 4] = [
    Words {
        name: "suspend",
        change: MemberChange::Suspend,
        icon: "power",
        button: "Suspend the member",
        lede: "They can't sign in, and all their sessions end. What they issued goes on working.",
        said: "member-suspended",
    },
    Words {
        name: "resume",
        change: MemberChange::Resume,
        icon: "power",
        button: "Resume the member",
        lede: "They can sign in again, and hold what they held. A lockout by wrong passwords or codes is lifted.",
        said: "member-resumed",
    },
    Words {
        name: "remove",
        change: MemberChange::Remove,
        icon: "trash",
        button: "Remove the member",
        lede: "They are no member any more, for good. What they issued goes on working and still names them.",
        said: "member-removed",
    },
    Words {
        name: "reset-factors",
        change: MemberChange::ResetFactors,
        icon: "phone",
        button: "Reset their factors",
        lede: "Their authenticator and recovery codes are taken away, and all their sessions end. Make sure that it is they who ask.",
        said: "factors-reset",
    },
];

/// The member that a path names, and a permit for them.
async fn permit(
    app: &App,
    visitor: &Visitor,
    action: &str,
    path: Result<(String, String), Problem>,
) -> Result<(Permit, Id), Problem> {
    let (organization, member) = path?;
    let organization = id(IdKind::Organization, "organization", &organization)?;
    let member = id(IdKind::Member, "member", &member)?;
    Ok((visitor.permit(app, action, Ok(Target::member(organization, &member))).await?, member))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    page(&app, &visitor, path, None, None).await
}

pub(crate) async fn save(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let updating = permit(&app, &visitor, actions::UPDATE, path.clone());
    let ((permit, member), sent) = body.permitted(updating, &visitor.token).await?;
    let update = update(&app, &visitor, &member, path.clone(), &sent).await?;
    let made_from = IfMatch::One(vec![sent.text("version").to_owned()]);
    match app.authority.update_member(&permit, &member, update, &made_from).await.map_err(Trouble::from) {
        Ok(_) => {
            let (organization, member) = path?;
            Ok(see_other(&after(&format!("/console/organizations/{organization}/members/{member}"), "member-updated")))
        }
        Err(trouble) if trouble.is_of_form() => {
            page(&app, &visitor, path, Some(&sent), Some(trouble.problem().detail())).await
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

/// What a form changes. What it could not show stays as it is: roles of whoever may not see them, and those in workspaces that
/// it did not offer.
async fn update(
    app: &App,
    visitor: &Visitor,
    member: &Id,
    path: Result<(String, String), Problem>,
    sent: &Form,
) -> Result<MemberUpdate, Problem> {
    let name = sent.stated("name");
    let known = roles_of(app, visitor, path.clone().map(|(organization, _)| organization)).await;
    if known.is_empty() {
        return Ok(MemberUpdate { name, roles: None, workspaces: None });
    }
    let (seen, _) = permit(app, visitor, actions::GET, path).await?;
    let held = app.authority.get_member(&seen, member).await?.shown.member.workspaces;
    let offered = visitor.offered(app).await;
    let mut workspaces = in_workspaces(sent);
    for (workspace, roles) in held {
        let workspace = workspace.to_string();
        if offered.iter().all(|offered| offered.id != workspace) {
            // A role that is deleted can't be given again.
            let roles = roles.into_iter().filter(|role| known.iter().any(|known| known.name == *role));
            workspaces.entry(workspace).or_insert_with(|| roles.collect());
        }
    }
    Ok(MemberUpdate { name, roles: Some(sent.list("roles")), workspaces: Some(workspaces) })
}

async fn page(
    app: &App,
    visitor: &Visitor,
    path: Result<(String, String), Problem>,
    sent: Option<&Form>,
    detail: Option<&str>,
) -> Result<Response, Trouble> {
    let whose = path.clone().map(|(organization, _)| organization);
    let (permit, id) = permit(app, visitor, actions::GET, path).await?;
    let member = app.authority.get_member(&permit, &id).await?;
    let roles = roles_of(app, visitor, whose.clone()).await;
    let through = match visitor.permit(app, permissions::ACTION, organization(whose)).await {
        Ok(permit) => {
            let of = PermissionsRequest { principal: Some(id.to_string()) };
            let view = app.authority.permissions(&permit, &of).await?;
            let allowed = view.actions.into_iter().filter(|permission| permission.allowed);
            allowed.map(|permission| (permission.action, permission.through.join(", "))).collect()
        }
        Err(_) => Vec::new(),
    };
    let offered = visitor.offered(app).await;
    let frame = visitor.frame(app, Section::Members, Some(&permit)).await;
    let of_query = visitor.query.stated("name").is_some().then_some(&visitor.query);
    let page = MemberPage::new(frame, &offered, &member.shown, &roles, sent.or(of_query), detail, app.authority.now());
    Ok(shown(&MemberPage { version: member.version.to_string(), permissions: through, ..page }))
}

impl MemberPage {
    fn new(
        frame: Frame,
        offered: &[Named],
        changed: &MemberChanged,
        roles: &[RoleView],
        sent: Option<&Form>,
        detail: Option<&str>,
        now: Timestamp,
    ) -> Self {
        let (member, error) = (&changed.member, |field| detail.and_then(|detail| error_of(detail, field)));
        let holds = |role: &str| match sent {
            Some(sent) => sent.all("roles").any(|chosen| chosen == role),
            None => member.roles.iter().any(|held| held == role),
        };
        let holds_in = |workspace: &str, role: &str| match sent {
            Some(sent) => sent.all(&format!("in:{workspace}")).any(|chosen| chosen == role),
            None => member
                .workspaces
                .iter()
                .any(|(id, held)| id.to_string() == workspace && held.iter().any(|held| held == role)),
        };
        let name = sent.and_then(|sent| sent.stated("name")).unwrap_or_else(|| member.name.clone());
        let mut fields = vec![
            Field::text("name", "Name").value(name).error(error("name")),
            Field::boxes("roles", "Roles in the whole organization", role_choices(roles, holds)).error(error("roles")),
        ];
        fields.extend(workspace_fields(offered, roles, holds_in));
        let beyond = changed.beyond.iter().map(|thing| {
            let place = thing.workspace.map(|id| id.to_string());
            let href = match (thing.kind, &place) {
                ("client", _) => frame.org(&format!("/clients/{}", thing.id)),
                (_, Some(workspace)) => format!("/console/workspaces/{workspace}/keys/{}", thing.id),
                (_, None) => frame.org("/audit"),
            };
            let place = place.map(|id| format!(" of {}", name_of(offered, &id))).unwrap_or_default();
            Beyond { href, name: thing.name.clone(), what: format!("{}{place}", thing.kind.replace('_', " ")) }
        });
        Self {
            here: frame.org(&format!("/members/{}", member.id)),
            version: String::new(),
            name: member.name.clone(),
            email: member.email.clone(),
            state: Badge::state(member.state),
            has_factor: member.factor_enrolled,
            is_active: member.state == "active",
            is_suspended: member.state == "suspended",
            is_locked_out: changed.locked_out,
            is_removed: member.state == "removed",
            since: When::new(member.created_at, now),
            problem: problem_of(detail, &["name", "roles"]),
            beyond: beyond.collect(),
            fields,
            permissions: Vec::new(),
            frame,
        }
    }
}

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String, String)>,
) -> Result<Response, Trouble> {
    let (organization, member, change) = path?;
    let words = words(&change)?;
    let (permit, member) = permit(&app, &visitor, actions::GET, Ok((organization, member))).await?;
    let member = app.authority.get_member(&permit, &member).await?.shown.member;
    let frame = visitor.frame(&app, Section::Members, Some(&permit)).await;
    let here = frame.org(&format!("/members/{}", member.id));
    let is_me = member.id.to_string() == visitor.caller.principal().id;
    Ok(shown(&Confirm {
        icon: words.icon,
        heading: format!("{}: {}?", words.button.split(' ').next().unwrap_or_default(), member.name),
        lede: words.lede.to_owned(),
        points: if is_me { vec!["That is yourself.".to_owned()] } else { Vec::new() },
        problem: None,
        fields: Vec::new(),
        action: format!("{here}/{}", words.name),
        button: words.button,
        is_danger: words.change != MemberChange::Resume,
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
    let (organization, member, change) = path?;
    let words = words(&change)?;
    let list = format!("/console/organizations/{organization}/members");
    let (permit, member) = permit(&app, &visitor, words.change.action(), Ok((organization, member))).await?;
    body.read_for(&permit, &visitor.token).await?;
    app.authority.change_member(&permit, &member, words.change, &IfMatch::Any).await?;
    Ok(see_other(&after(&format!("{list}/{member}"), words.said)))
}

fn words(name: &str) -> Result<&'static Words, Problem> {
    let found = CHANGES.iter().find(|words| words.name == name);
    found.ok_or_else(|| Problem::new(404, "not_found", "a member is suspended, resumed or removed"))
}

#[cfg(test)]
impl MemberPage {
    /// Somebody who was an admin before.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let frame = Frame::sample(Section::Members);
        let roles = ["owner", "admin", "developer", "viewer", "auditor"]
            .map(|role| Choice::new(role, role, "A built-in role").chosen(role == "developer"));
        Self {
            here: frame.org("/members/mem_07grace"),
            version: "7".to_owned(),
            name: "Grace Builder".to_owned(),
            email: "grace@acme.example".to_owned(),
            state: Badge::state("active"),
            has_factor: false,
            is_active: true,
            is_suspended: false,
            is_locked_out: true,
            is_removed: false,
            since: When::new(at(-90 * 86_400), NOW),
            problem: None,
            beyond: vec![Beyond {
                href: frame.at("/keys/key_07"),
                name: "nightly-export".to_owned(),
                what: "api key of main".to_owned(),
            }],
            fields: vec![
                Field::text("name", "Name").value("Grace Builder"),
                Field::boxes("roles", "Roles in the whole organization", roles.to_vec()),
            ],
            permissions: vec![
                ("keys.list".to_owned(), "developer".to_owned()),
                ("keys.issue".to_owned(), "developer".to_owned()),
            ],
            frame,
        }
    }
}
