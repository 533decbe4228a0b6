//! `…/keys/issue`: the form, and the key with its secret, shown this once.

use std::sync::Arc;

use access_authority::Permit;
use access_authority::keys::{KeyRequest, KeyView, actions};
use access_model::{Catalog, Class, PlainSecret};
use axum::extract::State;
use axum::response::Response;

use super::form_page::FormPage;
use super::issued::IssuedPage;
use super::{error_of, problem_of};
use crate::app::App;
use crate::console::answer::shown;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Link, Section};
use crate::console::parts::{Choice, Field, ShownOnce, grouped};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::workspace;
use crate::problem::Problem;
use crate::segments::Segments;

/// Fields that tell their own errors.
const FIELDS: [&str; 5] = ["name", "kind", "scopes", "ip_allow", "expires_at"];

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::ISSUE, workspace(path)).await?;
    let frame = visitor.frame(&app, Section::Keys, Some(&permit)).await;
    Ok(shown(&form(frame, app.authority.catalog(), &visitor.query, None)))
}

pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::ISSUE, workspace(path));
    let (permit, sent) = body.permitted(permit, &visitor.token).await?;
    let frame = visitor.frame(&app, Section::Keys, Some(&permit)).await;
    let issued = match read(&sent) {
        Ok(request) => app.authority.issue_key(&permit, request, None).await.map_err(Trouble::from),
        Err(problem) => Err(problem.into()),
    };
    match issued {
        Ok(done) => {
            let Some(issued) = done.now() else { return Err(gone()) };
            Ok(shown(&page(frame, &permit, &issued.shown, issued.secret)))
        }
        Err(trouble) if trouble.is_of_form() => {
            Ok(shown(&form(frame, app.authority.catalog(), &sent, Some(trouble.problem().detail()))))
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

fn gone() -> Trouble {
    Problem::new(409, "conflict", "it was issued before, and its secret is shown once; rotate it to get another").into()
}

fn read(form: &Form) -> Result<KeyRequest, Problem> {
    let networks = form.lines("ip_allow");
    let ends = form.stated("expires_at").map(|day| {
        // The day stated is the last one.
        let parsed = format!("{day}T23:59:59.999Z").parse();
        parsed.map_err(|_| Problem::invalid("expires_at", "must be a day, such as 2026-12-31"))
    });
    Ok(KeyRequest {
        kind: form.text("kind").to_owned(),
        name: form.text("name").trim().to_owned(),
        scopes: form.list("scopes"),
        ip_allow: if networks.is_empty() { None } else { Some(networks) },
        not_before: None,
        expires_at: ends.transpose()?,
        metadata: std::collections::BTreeMap::new(),
    })
}

/// Scopes to choose from, with those chosen that a form states.
pub(super) fn scope_choices(catalog: &Catalog, of: impl Fn(&str) -> bool, form: &Form) -> Vec<Choice> {
    let scopes = catalog.scopes.iter().filter(|(scope, _)| of(scope));
    scopes
        .map(|(scope, about)| Choice::new(scope, scope, about).chosen(form.all("scopes").any(|chosen| chosen == scope)))
        .collect()
}

fn form(frame: Frame, catalog: &Catalog, sent: &Form, detail: Option<&str>) -> FormPage {
    let error = |field| detail.and_then(|detail| error_of(detail, field));
    let kinds: Vec<_> = catalog.kinds.values().filter(|kind| kind.class == Class::ApiKey).collect();
    let first = kinds.first().map_or("", |kind| &kind.name);
    let wanted = sent.stated("kind").unwrap_or_else(|| first.to_owned());
    let choices = kinds.iter().map(|kind| {
        let methods = if kind.methods.iter().any(|method| method == "*") { "every method" } else { "reads alone" };
        let quota = kind
            .quota
            .as_ref()
            .map(|quota| format!(", {} requests per {} s", grouped(quota.limit.into()), quota.window_seconds));
        let not_in = if kind.environments_except.is_empty() {
            String::new()
        } else {
            format!(", not in {}", kind.environments_except.join(", "))
        };
        let about = format!("{methods}{not_in}{}", quota.unwrap_or_default());
        Choice::new(&kind.name, kind.name.replace('_', " "), about).chosen(kind.name == wanted)
    });
    let scopes =
        scope_choices(catalog, |scope| kinds.iter().any(|kind| kind.scopes.iter().any(|known| known == scope)), sent);
    let fields = vec![
        Field::text("name", "Name")
            .value(sent.text("name"))
            .hint("For people: who uses it, and what for.")
            .error(error("name")),
        Field::radios("kind", "Kind", choices.collect()).error(error("kind")),
        Field::boxes("scopes", "Scopes", scopes)
            .hint("What it may do: no more than whoever uses it needs. Some kinds can't hold all of them.")
            .error(error("scopes")),
        Field::lines("ip_allow", "Networks", 3)
            .value(sent.text("ip_allow"))
            .hint("Where it may be used from, one a line. Empty: wherever the workspace lets requests come from.")
            .optional()
            .error(error("ip_allow")),
        Field::day("expires_at", "Last day")
            .value(sent.text("expires_at"))
            .hint("In UTC. Empty: until it is revoked, or its kind or the workspace ends it.")
            .optional()
            .error(error("expires_at")),
    ];
    FormPage {
        crumbs: vec![Link::new(frame.at("/keys"), "API keys")],
        heading: "Issue a key".to_owned(),
        lede: "Its secret is shown once, on the next page.".to_owned(),
        notice: None,
        problem: problem_of(detail, &FIELDS),
        hidden: Vec::new(),
        fields,
        action: frame.at("/keys/issue"),
        button: "Issue the key",
        back: frame.at("/keys"),
        frame,
    }
}

/// The page of a key that was just issued or rotated.
pub(super) fn page(frame: Frame, permit: &Permit, key: &KeyView, secret: PlainSecret) -> IssuedPage {
    let is_rotated = permit.action() == actions::ROTATE;
    let scopes = if key.scopes.is_empty() { "none".to_owned() } else { key.scopes.join(", ") };
    let networks = key.ip_allow.as_ref().map_or_else(|| "as the workspace says".to_owned(), |list| list.join(", "));
    IssuedPage {
        crumbs: vec![
            Link::new(frame.at("/keys"), "API keys"),
            Link::new(frame.at(&format!("/keys/{}", key.id)), &key.name),
        ],
        heading: format!("{} is {}", key.name, if is_rotated { "rotated" } else { "issued" }),
        lede: if is_rotated {
            "Give the new secret to whoever uses the old one.".to_owned()
        } else {
            "It works from now on.".to_owned()
        },
        secret: ShownOnce { label: "Secret", secret },
        facts_heading: "What it may",
        facts: vec![
            ("Kind", key.kind.replace('_', " ")),
            ("Scopes", scopes),
            ("Networks", networks),
            ("Id", key.id.to_string()),
        ],
        command: "curl https://api.example.com/v1/jobs \\\n  -H \"Authorization: Bearer $CRONFLOW_KEY\"".to_owned(),
        command_about: "With the secret in the variable CRONFLOW_KEY, and the address of your API.",
        next: frame.at(&format!("/keys/{}", key.id)),
        next_label: "I have kept it",
        frame,
    }
}

#[cfg(test)]
impl FormPage {
    /// Issuing a key, with something wrong.
    pub(crate) fn sample_of_key() -> Self {
        let catalog = Catalog::parse(include_str!("../../../../../policies/catalog.toml")).unwrap();
        let sent = Form::parse(b"name=ci&scopes=jobs:read&ip_allow=10.0.0.300");
        form(Frame::sample(Section::Keys), &catalog, &sent, Some("`ip_allow`: `10.0.0.300` is no network"))
    }
}
