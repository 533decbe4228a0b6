//! `/console/organizations/{organization}/members`: people and invitations; inviting somebody, and taking it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use access_authority::invitations::{self, InvitationRequest, InvitationView};
use access_authority::members::{MemberView, actions};
use access_authority::roles::{self, RoleView};
use access_authority::{PageRequest, Permit, Target};
use access_model::{IdKind, PlainSecret, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::confirm::Confirm;
use super::form_page::FormPage;
use super::issued::IssuedPage;
use super::{ITEMS, Pager, asked_page, error_of, problem_of};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Link, Named, Section};
use crate::console::parts::{Badge, Choice, Field, ShownOnce, When};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::{id, invitations as endpoint, organization};
use crate::problem::Problem;
use crate::segments::Segments;

/// Invitations that are read at a time; those that were used are left out.
const INVITATIONS: usize = 100;
/// Reads for one page, at most.
const READS: usize = 5;

/// The lists.
#[derive(Template)]
#[template(path = "console/members.html")]
pub(crate) struct MembersPage {
    frame: Frame,
    organization: String,
    members: Vec<Row>,
    pager: Pager,
    invitations: Vec<Invited>,
    invitation_pager: Pager,
}

struct Row {
    id: String,
    name: String,
    email: String,
    roles: Vec<String>,
    has_factor: bool,
    is_me: bool,
    state: Badge,
    since: When,
}

struct Invited {
    id: String,
    email: String,
    roles: String,
    state: Badge,
    is_open: bool,
    ends: When,
}

impl Row {
    fn new(member: &MemberView, frame: &Frame, me: &str, now: Timestamp) -> Self {
        let here = member.workspaces.iter().flat_map(|(workspace, roles)| {
            let name = name_of(&frame.workspaces, &workspace.to_string());
            roles.iter().map(move |role| format!("{role} in {name}"))
        });
        Self {
            id: member.id.to_string(),
            name: member.name.clone(),
            email: member.email.clone(),
            roles: member.roles.iter().cloned().chain(here).collect(),
            has_factor: member.factor_enrolled,
            is_me: member.id.to_string() == me,
            state: Badge::state(member.state),
            since: When::new(member.created_at, now),
        }
    }
}

impl Invited {
    fn new(invitation: &InvitationView, now: Timestamp) -> Self {
        Self {
            id: invitation.id.to_string(),
            email: invitation.email.clone(),
            roles: if invitation.roles.is_empty() {
                "member of single workspaces".to_owned()
            } else {
                invitation.roles.join(", ")
            },
            is_open: invitation.state == "open",
            state: Badge::state(if invitation.state == "open" { "invited" } else { invitation.state }),
            ends: When::new(invitation.expires_at, now),
        }
    }
}

/// What a workspace is called, where whoever looks knows it.
pub(super) fn name_of(workspaces: &[Named], id: &str) -> String {
    workspaces.iter().find(|known| known.id == id).map_or_else(|| id.to_owned(), |known| known.name.clone())
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::LIST, organization(path.clone())).await?;
    let found = app.authority.list_members(&permit, &asked_page(&visitor.query)).await?;
    let (invited, next) = match visitor.permit(&app, invitations::actions::LIST, organization(path)).await {
        Ok(permit) => standing(&app, &permit, visitor.query.stated("invited")).await?,
        Err(_) => (Vec::new(), None),
    };
    let frame = visitor.frame(&app, Section::Members, Some(&permit)).await;
    let (now, me) = (app.authority.now(), &visitor.caller.principal().id);
    let pager = Pager::new(&frame.org("/members"), &visitor.query, found.next_cursor.as_ref());
    let members = found.items.iter().map(|member| Row::new(member, &frame, me, now)).collect();
    let invitation_pager =
        Pager::of("invited", " of invitations", &frame.org("/members"), &visitor.query, next.as_ref());
    let invitations = invited.iter().map(|invitation| Invited::new(invitation, now)).collect();
    let organization = frame.organization.as_ref().map(|it| it.name.clone()).unwrap_or_default();
    Ok(shown(&MembersPage { members, pager, invitations, invitation_pager, organization, frame }))
}

/// Invitations from `cursor` on, and where there are more. Those that were used are members, and are listed as such.
async fn standing(
    app: &App,
    permit: &Permit,
    mut cursor: Option<String>,
) -> Result<(Vec<InvitationView>, Option<String>), Problem> {
    let mut standing = Vec::new();
    for _ in 0..READS {
        let page = PageRequest { limit: Some(INVITATIONS), cursor };
        let found = app.authority.list_invitations(permit, &page).await?;
        standing.extend(found.items.into_iter().filter(|invitation| invitation.state != "used"));
        cursor = found.next_cursor;
        if cursor.is_none() || standing.len() >= ITEMS {
            break;
        }
    }
    Ok((standing, cursor))
}

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, invitations::actions::CREATE, organization(path.clone())).await?;
    let (roles, offered) = (roles_of(&app, &visitor, path).await, visitor.offered(&app).await);
    let frame = visitor.frame(&app, Section::Members, Some(&permit)).await;
    Ok(shown(&form(frame, &offered, &roles, &visitor.query, None)))
}

pub(crate) async fn invite(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, invitations::actions::CREATE, organization(path.clone()));
    let (permit, sent) = body.permitted(permit, &visitor.token).await?;
    let frame = visitor.frame(&app, Section::Members, Some(&permit)).await;
    let request = InvitationRequest {
        email: sent.text("email").trim().to_owned(),
        roles: sent.list("roles"),
        workspaces: in_workspaces(&sent),
    };
    match app.authority.invite(&permit, request, None).await.map_err(Trouble::from) {
        Ok(done) => {
            let gone = || Problem::new(409, "conflict", "they are invited, and the link is shown once");
            let issued = done.now().ok_or_else(gone)?;
            let link = app.public_url.at(&endpoint::join_path(issued.secret.expose()));
            let list = frame.org("/members");
            let or_none = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
            let ends = When::new(issued.shown.expires_at, app.authority.now());
            Ok(shown(&IssuedPage {
                crumbs: vec![Link::new(&list, "Members")],
                heading: format!("{} is invited", issued.shown.email),
                lede: "Send them this link, by a way that nobody else reads.".to_owned(),
                secret: ShownOnce { label: "Link", secret: PlainSecret::new(link) },
                facts_heading: "What they will hold",
                facts: vec![
                    ("Roles", or_none(&issued.shown.roles)),
                    ("The link ends", format!("{} ({})", ends.exactly(), ends.distance())),
                ],
                command: String::new(),
                command_about: "",
                next: list,
                next_label: "I have sent it",
                frame,
            }))
        }
        Err(trouble) if trouble.is_of_form() => {
            let (roles, offered) = (roles_of(&app, &visitor, path).await, visitor.offered(&app).await);
            Ok(shown(&form(frame, &offered, &roles, &sent, Some(trouble.problem().detail()))))
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

/// The organization's roles, as far as they may be seen.
pub(super) async fn roles_of(app: &App, visitor: &Visitor, path: Result<String, Problem>) -> Vec<RoleView> {
    let permit = visitor.permit(app, roles::actions::LIST, organization(path)).await;
    let Ok(permit) = permit else { return Vec::new() };
    app.authority.list_roles(&permit).await.map(|list| list.items).unwrap_or_default()
}

/// Roles to choose from, with those chosen that a form states.
pub(super) fn role_choices(roles: &[RoleView], is_chosen: impl Fn(&str) -> bool) -> Vec<Choice> {
    roles
        .iter()
        .map(|role| Choice::new(&role.name, &role.name, &role.description).chosen(is_chosen(&role.name)))
        .collect()
}

/// Fields for the roles in single workspaces, by the workspace's id.
pub(super) fn workspace_fields(
    offered: &[Named],
    roles: &[RoleView],
    is_chosen: impl Fn(&str, &str) -> bool,
) -> Vec<Field> {
    offered
        .iter()
        .map(|workspace| {
            let choices = roles
                .iter()
                .map(|role| Choice::new(&role.name, &role.name, "").chosen(is_chosen(&workspace.id, &role.name)));
            Field::boxes(
                format!("in:{}", workspace.id),
                format!("Besides, in the workspace {}", workspace.name),
                choices.collect(),
            )
        })
        .collect()
}

/// The roles in single workspaces that a form states.
pub(super) fn in_workspaces(sent: &Form) -> BTreeMap<String, Vec<String>> {
    let mut stated: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, role) in sent.without(&[]) {
        if let Some(workspace) = name.strip_prefix("in:") {
            stated.entry(workspace.to_owned()).or_default().push(role.to_owned());
        }
    }
    stated
}

fn form(frame: Frame, offered: &[Named], roles: &[RoleView], sent: &Form, detail: Option<&str>) -> FormPage {
    let error = |field| detail.and_then(|detail| error_of(detail, field));
    let chosen = |role: &str| sent.all("roles").any(|chosen| chosen == role);
    let mut fields = vec![
        Field::email("email", "E-mail")
            .value(sent.text("email"))
            .hint("One address is one member. Nothing is mailed: you send the link yourself.")
            .error(error("email")),
        Field::boxes("roles", "Roles in the whole organization", role_choices(roles, chosen)).error(error("roles")),
    ];
    let chosen = |workspace: &str, role: &str| sent.all(&format!("in:{workspace}")).any(|chosen| chosen == role);
    fields.extend(workspace_fields(offered, roles, chosen));
    let list = frame.org("/members");
    FormPage {
        crumbs: vec![Link::new(&list, "Members")],
        heading: "Invite somebody".to_owned(),
        lede: "They join by a link that works once within seven days. You can't give more than you hold.".to_owned(),
        notice: None,
        problem: problem_of(detail, &["email", "roles"]),
        hidden: Vec::new(),
        fields,
        action: format!("{list}/invite"),
        button: "Make the link",
        back: list,
        frame,
    }
}

pub(crate) async fn ask_revoke(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (organization, invitation) = path?;
    let invitation = id(IdKind::Invitation, "invitation", &invitation)?;
    let target = Target::invitation(id(IdKind::Organization, "organization", &organization)?, &invitation);
    let permit = visitor.permit(&app, invitations::actions::REVOKE, Ok(target)).await?;
    let frame = visitor.frame(&app, Section::Members, Some(&permit)).await;
    let list = frame.org("/members");
    Ok(shown(&Confirm {
        icon: "mail",
        heading: "Revoke the invitation?".to_owned(),
        lede: "Its link opens nothing any more. You can invite them again.".to_owned(),
        points: Vec::new(),
        problem: None,
        fields: Vec::new(),
        action: frame.org(&format!("/invitations/{invitation}/revoke")),
        button: "Revoke the invitation",
        is_danger: true,
        back: list,
        frame,
    }))
}

pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let (organization, invitation) = path?;
    let invitation = id(IdKind::Invitation, "invitation", &invitation)?;
    let target = Target::invitation(id(IdKind::Organization, "organization", &organization)?, &invitation);
    let permit = visitor.permit(&app, invitations::actions::REVOKE, Ok(target)).await?;
    body.read_for(&permit, &visitor.token).await?;
    app.authority.revoke_invitation(&permit, &invitation).await?;
    Ok(see_other(&after(&format!("/console/organizations/{organization}/members"), "invitation-revoked")))
}

#[cfg(test)]
impl MembersPage {
    /// A small team.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let row = |name: &str, email: &str, roles: &[&str], has_factor, state: &str, days: i64| Row {
            id: format!("mem_07{}", email.replace(['@', '.'], "0")),
            name: name.to_owned(),
            email: email.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            has_factor,
            is_me: name == "Ada Owner",
            state: Badge::state(state),
            since: When::new(at(-days * 86_400), NOW),
        };
        let invited = |email: &str, state: &str, days: i64| Invited {
            id: format!("inv_07{}", email.len()),
            email: email.to_owned(),
            roles: "developer".to_owned(),
            state: Badge::state(state),
            is_open: state == "invited",
            ends: When::new(at(days * 86_400), NOW),
        };
        Self {
            frame: Frame::sample(Section::Members),
            organization: "acme".to_owned(),
            members: vec![
                row("Ada Owner", "owner@acme.example", &["owner"], true, "active", 400),
                row("Grace Builder", "grace@acme.example", &["developer", "key-rotator in main"], false, "active", 90),
                row("Otto Auditor", "otto@acme.example", &["auditor"], true, "suspended", 30),
            ],
            pager: Pager::default(),
            invitation_pager: Pager::default(),
            invitations: vec![invited("new@acme.example", "invited", 6), invited("late@acme.example", "expired", -2)],
        }
    }
}
