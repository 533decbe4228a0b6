//! `…/permissions`: the matrix of roles and actions. `…/roles/{role}`: a role of the organization's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use access_authority::roles::{RoleRequest, RoleView, actions};
use access_authority::{IfMatch, Permit, Target};
use access_model::{Catalog, IdKind};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::confirm::Confirm;
use super::form_page::FormPage;
use super::key_issue::scope_choices;
use super::{error_of, problem_of};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Link, Section};
use crate::console::parts::{Choice, Field};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::{id, organization};
use crate::problem::Problem;
use crate::segments::Segments;

/// Fields that tell their own errors.
const FIELDS: [&str; 4] = ["name", "description", "actions", "scopes"];

/// The matrix.
#[derive(Template)]
#[template(path = "console/permissions.html")]
pub(crate) struct PermissionsPage {
    frame: Frame,
    roles: Vec<Role>,
    groups: Vec<Group>,
    custom_is_empty: bool,
}

struct Role {
    name: String,
    is_custom: bool,
}

struct Group {
    name: String,
    rows: Vec<Row>,
}

struct Row {
    action: String,
    may: Vec<bool>,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::LIST, organization(path)).await?;
    let roles = app.authority.list_roles(&permit).await?.items;
    let frame = visitor.frame(&app, Section::Members, Some(&permit)).await;
    Ok(shown(&PermissionsPage::new(frame, &roles)))
}

impl PermissionsPage {
    fn new(frame: Frame, roles: &[RoleView]) -> Self {
        let mut all: Vec<&String> = roles.iter().flat_map(|role| &role.actions).collect();
        all.sort();
        all.dedup();
        let mut groups: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for action in all {
            let may = roles.iter().map(|role| role.actions.contains(action)).collect();
            let noun = action.split('.').next().unwrap_or_default().replace('_', " ");
            groups.entry(noun).or_default().push(Row { action: action.clone(), may });
        }
        Self {
            frame,
            roles: roles.iter().map(|role| Role { name: role.name.clone(), is_custom: !role.built_in }).collect(),
            groups: groups.into_iter().map(|(name, rows)| Group { name, rows }).collect(),
            custom_is_empty: roles.iter().all(|role| role.built_in),
        }
    }
}

/// The role that a path names, and a permit for it.
async fn permit(app: &App, visitor: &Visitor, action: &str, organization: &str, name: &str) -> Result<Permit, Problem> {
    let organization = id(IdKind::Organization, "organization", organization)?;
    visitor.permit(app, action, Ok(Target::role(organization, name))).await
}

/// All that a role may be given: what the built-in ones have.
async fn known(app: &App, visitor: &Visitor, path: &str) -> Vec<String> {
    let roles = super::members::roles_of(app, visitor, Ok(path.to_owned())).await;
    let mut all: Vec<String> = roles.into_iter().filter(|role| role.built_in).flat_map(|role| role.actions).collect();
    all.sort();
    all.dedup();
    all
}

pub(crate) async fn ask_new(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let path = path?;
    let permit = permit(&app, &visitor, actions::PUT, &path, "new").await?;
    let known = known(&app, &visitor, &path).await;
    let frame = visitor.frame(&app, Section::Members, Some(&permit)).await;
    Ok(shown(&form(frame, app.authority.catalog(), &known, None, &visitor.query, None)))
}

pub(crate) async fn save_new(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    save(&app, &visitor, path?, None, body).await
}

pub(crate) async fn ask_edit(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (organization, name) = path?;
    let permit = permit(&app, &visitor, actions::GET, &organization, &name).await?;
    let role = app.authority.get_role(&permit, &name).await?;
    let known = known(&app, &visitor, &organization).await;
    let frame = visitor.frame(&app, Section::Members, Some(&permit)).await;
    let as_it_is = as_form(&role.shown, role.version);
    let sent = if visitor.query.stated("actions").is_some() { &visitor.query } else { &as_it_is };
    Ok(shown(&form(frame, app.authority.catalog(), &known, Some(&name), sent, None)))
}

pub(crate) async fn save_edited(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let (organization, name) = path?;
    save(&app, &visitor, organization, Some(name), body).await
}

async fn save(
    app: &App,
    visitor: &Visitor,
    organization: String,
    named: Option<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let about = named.as_deref().unwrap_or("new");
    let asked = permit(app, visitor, actions::PUT, &organization, about);
    let (asked, sent) = body.permitted(asked, &visitor.token).await?;
    // Which role it is about stands in the form of a new one.
    let (name, permit) = match &named {
        Some(name) => (name.clone(), asked),
        None => {
            let name = sent.text("name").trim().to_owned();
            let permit = permit(app, visitor, actions::PUT, &organization, &name).await;
            (name, permit.map_err(|problem| Trouble::from(problem).again(sent.as_query()))?)
        }
    };
    let request = RoleRequest {
        description: sent.text("description").trim().to_owned(),
        actions: sent.list("actions"),
        scopes: sent.list("scopes"),
    };
    let made_from = sent.stated("version").map_or(IfMatch::Any, |version| IfMatch::One(vec![version]));
    match app.authority.put_role(&permit, &name, request, &made_from).await.map_err(Trouble::from) {
        Ok(_) => Ok(see_other(&after(&format!("/console/organizations/{organization}/permissions"), "role-saved"))),
        Err(trouble) if trouble.is_of_form() => {
            let known = known(app, visitor, &organization).await;
            let frame = visitor.frame(app, Section::Members, Some(&permit)).await;
            let detail = Some(trouble.problem().detail());
            Ok(shown(&form(frame, app.authority.catalog(), &known, named.as_deref(), &sent, detail)))
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

fn as_form(role: &RoleView, version: u64) -> Form {
    let mut fields = form_urlencoded::Serializer::new(String::new());
    fields.append_pair("description", &role.description).append_pair("version", &version.to_string());
    fields.extend_pairs(role.actions.iter().map(|action| ("actions", action)));
    fields.extend_pairs(role.scopes.iter().map(|scope| ("scopes", scope)));
    Form::parse(fields.finish().as_bytes())
}

fn form(
    frame: Frame,
    catalog: &Catalog,
    known: &[String],
    name: Option<&str>,
    sent: &Form,
    detail: Option<&str>,
) -> FormPage {
    let error = |field| detail.and_then(|detail| error_of(detail, field));
    let actions = known
        .iter()
        .map(|action| Choice::new(action, action, "").chosen(sent.all("actions").any(|chosen| chosen == action)));
    let mut fields = vec![
        Field::text("description", "Description")
            .value(sent.text("description"))
            .optional()
            .error(error("description")),
        Field::boxes("actions", "May", actions.collect())
            .hint("What its holders may do. You can't give what you may not yourself.")
            .error(error("actions")),
        Field::boxes("scopes", "May put on keys and clients", scope_choices(catalog, |_| true, sent))
            .hint("Scopes that its holders may grant.")
            .error(error("scopes")),
    ];
    if name.is_none() {
        let hint = "Lower case letters, digits and hyphens, such as key-rotator.";
        fields.insert(0, Field::text("name", "Name").value(sent.text("name")).hint(hint).error(error("name")));
    }
    let list = frame.org("/permissions");
    FormPage {
        crumbs: vec![Link::new(frame.org("/members"), "Members"), Link::new(&list, "Who may do what")],
        heading: name.map_or_else(|| "Make a role".to_owned(), |name| format!("The role {name}")),
        lede: "A named set of actions. Whoever holds it may do them from the next request on.".to_owned(),
        notice: name.map(|name| super::Notice {
            text: "Nobody needs it any more?".to_owned(),
            link: Some(Link::new(frame.org(&format!("/roles/{name}/delete")), "Delete the role")),
        }),
        problem: problem_of(detail, &FIELDS),
        hidden: sent.stated("version").map(|version| ("version", version)).into_iter().collect(),
        fields,
        action: name.map_or_else(|| frame.org("/roles/new"), |name| frame.org(&format!("/roles/{name}"))),
        button: "Save the role",
        back: list,
        frame,
    }
}

pub(crate) async fn ask_delete(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (organization, name) = path?;
    let permit = permit(&app, &visitor, actions::GET, &organization, &name).await?;
    app.authority.get_role(&permit, &name).await?;
    let frame = visitor.frame(&app, Section::Members, Some(&permit)).await;
    Ok(shown(&Confirm {
        icon: "trash",
        heading: format!("Delete the role {name}?"),
        lede: "Whoever holds it loses what it permits, from the next request on.".to_owned(),
        points: Vec::new(),
        problem: None,
        fields: Vec::new(),
        action: frame.org(&format!("/roles/{name}/delete")),
        button: "Delete the role",
        is_danger: true,
        back: frame.org(&format!("/roles/{name}")),
        frame,
    }))
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let (organization, name) = path?;
    let permit = permit(&app, &visitor, actions::DELETE, &organization, &name).await?;
    body.read_for(&permit, &visitor.token).await?;
    app.authority.delete_role(&permit, &name, &IfMatch::Any).await?;
    Ok(see_other(&after(&format!("/console/organizations/{organization}/permissions"), "role-deleted")))
}

#[cfg(test)]
impl PermissionsPage {
    /// The built-in roles, and one more.
    pub(crate) fn sample() -> Self {
        let role = |name: &str, actions: &[&str]| RoleView {
            name: name.to_owned(),
            built_in: name != "key-rotator",
            description: String::new(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
            scopes: Vec::new(),
        };
        let roles = [
            role(
                "owner",
                &["keys.list", "keys.issue", "keys.rotate", "members.list", "invitations.create", "audit.list"],
            ),
            role(
                "admin",
                &["keys.list", "keys.issue", "keys.rotate", "members.list", "invitations.create", "audit.list"],
            ),
            role("developer", &["keys.list", "keys.issue", "keys.rotate"]),
            role("viewer", &["keys.list"]),
            role("auditor", &["audit.list", "members.list"]),
            role("key-rotator", &["keys.list", "keys.rotate"]),
        ];
        Self::new(Frame::sample(Section::Members), &roles)
    }
}
