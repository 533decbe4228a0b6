//! `…/clients/register` and `…/clients/{client}/edit`: what a client may have; and its first secret, shown this once.

use std::sync::Arc;

use access_authority::oauth::{ClientRequest, ClientUpdate, ClientView, actions};
use access_authority::{IfMatch, Permit};
use access_model::{Catalog, PlainSecret};
use axum::extract::State;
use axum::response::Response;

use super::client::permit;
use super::form_page::FormPage;
use super::issued::IssuedPage;
use super::key_issue::scope_choices;
use super::{clients, error_of, problem_of};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Link, Named, Section};
use crate::console::parts::{Choice, Field, ShownOnce};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::organization;
use crate::problem::Problem;
use crate::segments::Segments;

/// Fields that tell their own errors.
const FIELDS: [&str; 5] = ["name", "scopes", "workspaces", "environments", "ip_allow"];

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::REGISTER, organization(path)).await?;
    let frame = visitor.frame(&app, Section::Clients, Some(&permit)).await;
    let offered = visitor.offered(&app).await;
    Ok(shown(&form(frame, &offered, app.authority.catalog(), &visitor.query, None, None)))
}

pub(crate) async fn register(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::REGISTER, organization(path));
    let (permit, sent) = body.permitted(permit, &visitor.token).await?;
    let frame = visitor.frame(&app, Section::Clients, Some(&permit)).await;
    match app.authority.register_client(&permit, read(&sent), None).await.map_err(Trouble::from) {
        Ok(done) => {
            let gone = || Problem::new(409, "conflict", "it was registered before, and its secret is shown once");
            let issued = done.now().ok_or_else(gone)?;
            Ok(shown(&page(&app, frame, &permit, &issued.shown, issued.secret)))
        }
        Err(trouble) if trouble.is_of_form() => {
            let (offered, detail) = (visitor.offered(&app).await, Some(trouble.problem().detail()));
            Ok(shown(&form(frame, &offered, app.authority.catalog(), &sent, detail, None)))
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

pub(crate) async fn ask_edit(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (permit, client) = permit(&app, &visitor, actions::GET, path).await?;
    let found = app.authority.get_client(&permit, &client).await?;
    let frame = visitor.frame(&app, Section::Clients, Some(&permit)).await;
    let as_it_is = as_form(&found.shown);
    let sent = if visitor.query.stated("name").is_some() { &visitor.query } else { &as_it_is };
    let offered = visitor.offered(&app).await;
    let of = Some((&found.shown, found.version));
    Ok(shown(&form(frame, &offered, app.authority.catalog(), sent, None, of)))
}

pub(crate) async fn edit(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let permit = permit(&app, &visitor, actions::UPDATE, path.clone());
    let ((permit, client), sent) = body.permitted(permit, &visitor.token).await?;
    let ClientRequest { name, scopes, workspaces, environments, ip_allow } = read(&sent);
    let update = ClientUpdate {
        name: Some(name),
        scopes: Some(scopes),
        workspaces: Some(workspaces),
        environments: Some(environments),
        ip_allow: Some(ip_allow),
    };
    let made_from = IfMatch::One(vec![sent.text("version").to_owned()]);
    match app.authority.update_client(&permit, &client, update, &made_from).await.map_err(Trouble::from) {
        Ok(_) => {
            let (organization, client) = path?;
            Ok(see_other(&after(&format!("/console/organizations/{organization}/clients/{client}"), "client-updated")))
        }
        Err(trouble) if trouble.is_of_form() => {
            let (seen, client) = self::permit(&app, &visitor, actions::GET, path).await?;
            let found = app.authority.get_client(&seen, &client).await?;
            let frame = visitor.frame(&app, Section::Clients, Some(&permit)).await;
            let (of, offered) = (Some((&found.shown, found.version)), visitor.offered(&app).await);
            Ok(shown(&form(frame, &offered, app.authority.catalog(), &sent, Some(trouble.problem().detail()), of)))
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

fn read(form: &Form) -> ClientRequest {
    let (environments, networks) = (form.lines("environments"), form.lines("ip_allow"));
    ClientRequest {
        name: form.text("name").trim().to_owned(),
        scopes: form.list("scopes"),
        workspaces: form.list("workspaces"),
        environments: if environments.is_empty() { vec!["*".to_owned()] } else { environments },
        ip_allow: if networks.is_empty() { None } else { Some(networks) },
    }
}

/// A client as its form was filled in.
fn as_form(client: &ClientView) -> Form {
    let lines = |list: &[String]| list.join("\n");
    let mut fields = form_urlencoded::Serializer::new(String::new());
    fields.append_pair("name", &client.name);
    fields.append_pair("environments", &lines(&client.environments));
    fields.append_pair("ip_allow", &client.ip_allow.as_deref().map(lines).unwrap_or_default());
    for scope in &client.scopes {
        fields.append_pair("scopes", scope);
    }
    for workspace in &client.workspaces {
        fields.append_pair("workspaces", &workspace.to_string());
    }
    Form::parse(fields.finish().as_bytes())
}

fn form(
    frame: Frame,
    offered: &[Named],
    catalog: &Catalog,
    sent: &Form,
    detail: Option<&str>,
    of: Option<(&ClientView, u64)>,
) -> FormPage {
    let error = |field| detail.and_then(|detail| error_of(detail, field));
    let kind = catalog.kind_of_class(access_model::Class::Client);
    let grantable = |scope: &str| kind.is_some_and(|kind| kind.scopes.iter().any(|known| known == scope));
    let chosen = |id: &str| sent.all("workspaces").any(|chosen| chosen == id);
    let mut workspaces: Vec<_> = offered
        .iter()
        .map(|workspace| Choice::new(&workspace.id, &workspace.name, &workspace.id).chosen(chosen(&workspace.id)))
        .collect();
    // Workspaces that whoever edits does not see stay as they are.
    let unseen = sent.all("workspaces").filter(|id| offered.iter().all(|known| known.id != *id));
    workspaces.extend(unseen.map(|id| Choice::new(id, id, "").chosen(true)));
    let fields = vec![
        Field::text("name", "Name").value(sent.text("name")).hint("For people: which service it is.").error(error("name")),
        Field::boxes("scopes", "Scopes", scope_choices(catalog, grantable, sent))
            .hint("What its tokens may hold.")
            .error(error("scopes")),
        Field::boxes("workspaces", "Workspaces", workspaces)
            .hint("Where its tokens may act.")
            .error(error("workspaces")),
        Field::text("environments", "Environments")
            .value(if sent.text("environments").is_empty() { "*" } else { sent.text("environments") })
            .hint("Names with commas between, such as production, staging; * stands for every one.")
            .error(error("environments")),
        Field::lines("ip_allow", "Networks", 3)
            .value(sent.text("ip_allow"))
            .hint("Where it and its tokens may be used from, one a line. Empty: wherever its workspaces let requests come from.")
            .optional()
            .error(error("ip_allow")),
    ];
    let list = frame.org("/clients");
    let (mut crumbs, mut hidden) = (vec![Link::new(&list, "OAuth clients")], Vec::new());
    let (heading, lede, button, back, action) = match of {
        None => {
            let lede = "Its secret is shown once, on the next page. With it the service gets tokens that live an hour.";
            ("Register a client".to_owned(), lede, "Register the client", list.clone(), format!("{list}/register"))
        }
        Some((client, version)) => {
            let here = format!("{list}/{}", client.client_id);
            crumbs.push(Link::new(&here, &client.name));
            hidden.push(("version", version.to_string()));
            let lede = "What is taken away here, its tokens lose at once.";
            (format!("Edit {}", client.name), lede, "Save the client", here.clone(), format!("{here}/edit"))
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

/// The page of a client that was just registered or rotated.
pub(super) fn page(app: &App, frame: Frame, permit: &Permit, client: &ClientView, secret: PlainSecret) -> IssuedPage {
    let is_rotated = permit.action() == actions::ROTATE;
    let here = frame.org(&format!("/clients/{}", client.client_id));
    let or_none = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let names = clients::names(client, &frame);
    IssuedPage {
        crumbs: vec![Link::new(frame.org("/clients"), "OAuth clients"), Link::new(&here, &client.name)],
        heading: if is_rotated {
            format!("{} has a new secret", client.name)
        } else {
            format!("{} is registered", client.name)
        },
        lede: "It gets its tokens with this secret.".to_owned(),
        secret: ShownOnce { label: "Client secret", secret },
        facts_heading: "What it may",
        facts: vec![
            ("Client id", client.client_id.to_string()),
            ("Scopes", or_none(&client.scopes)),
            ("Workspaces", or_none(&names)),
            ("Environments", or_none(&client.environments)),
        ],
        command: format!(
            "curl {} \\\n  -u \"{}:$CLIENT_SECRET\" \\\n  -d grant_type=client_credentials",
            app.public_url.at("/oauth/token"),
            client.client_id
        ),
        command_about: "With the secret in the variable CLIENT_SECRET: what comes back is a token.",
        next: here,
        next_label: "I have kept it",
        frame,
    }
}

#[cfg(test)]
impl FormPage {
    /// Registering a client.
    pub(crate) fn sample_of_client() -> Self {
        let catalog = Catalog::parse(include_str!("../../../../../policies/catalog.toml")).unwrap();
        let frame = Frame::sample(Section::Clients);
        let offered = frame.workspaces.clone();
        form(frame, &offered, &catalog, &Form::parse(b"name=billing&scopes=jobs:read"), None, None)
    }
}
