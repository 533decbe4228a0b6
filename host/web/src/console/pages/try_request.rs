//! `…/try`: what would be decided about a request, and how each policy comes to its verdict.

use std::sync::Arc;

use access_authority::explain::{Explained, TryRequest};
use access_authority::policies::actions;
use access_authority::{PageRequest, keys};
use access_model::IdKind;
use access_model::network::Address;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use cronflow_policy_cases::Reason;

use crate::app::App;
use crate::console::answer::shown;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Badge, Choice, Field, Tone};
use crate::console::trouble::{Trouble, sentence};
use crate::console::visitor::Visitor;
use crate::endpoints::{id, workspace};
use crate::problem::Problem;
use crate::segments::Segments;

/// Methods to choose from.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

/// The form, and what came of it.
#[derive(Template)]
#[template(path = "console/try.html")]
pub(crate) struct TryPage {
    frame: Frame,
    problem: Option<String>,
    told: Option<Told>,
    fields: Vec<Field>,
}

struct Told {
    is_allowed: bool,
    heading: String,
    about: String,
    policies: Vec<Policy>,
}

impl Told {
    const fn icon(&self) -> &'static str {
        if self.is_allowed { "allowed" } else { "denied" }
    }
}

struct Policy {
    name: String,
    whose: &'static str,
    effect: Badge,
    is_monitored: bool,
    reasons: Vec<Reason>,
    steps: Vec<Step>,
}

struct Step {
    text: String,
    leaves: Vec<String>,
    outcome: Badge,
}

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::GET, workspace(path.clone())).await?;
    let keys = keys_of(&app, &visitor, path).await;
    let frame = visitor.frame(&app, Section::Overview, Some(&permit)).await;
    let fields = fields(&keys, &visitor.query);
    Ok(shown(&TryPage { frame, problem: None, told: None, fields }))
}

pub(crate) async fn decide(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let permit = visitor.permit(&app, actions::GET, workspace(path.clone())).await?;
    let sent = body.read_for(&permit, &visitor.token).await?;
    let keys = keys_of(&app, &visitor, path).await;
    let explained = match read(&sent) {
        Ok(request) => app.authority.explain(&permit, request).await.map_err(Trouble::from),
        Err(problem) => Err(problem.into()),
    };
    let (told, problem) = match explained {
        Ok(explained) => (Some(Told::new(&explained)), None),
        Err(trouble) if trouble.is_of_form() || trouble.problem().status() == 404 => (None, Some(trouble.text())),
        Err(trouble) => return Err(trouble),
    };
    let frame = visitor.frame(&app, Section::Overview, Some(&permit)).await;
    let fields = fields(&keys, &sent);
    Ok(shown(&TryPage { frame, problem, told, fields }))
}

/// The workspace's newest keys, as far as they may be seen: id, and what it is called.
async fn keys_of(app: &App, visitor: &Visitor, path: Result<String, Problem>) -> Vec<(String, String)> {
    let Ok(permit) = visitor.permit(app, keys::actions::LIST, workspace(path)).await else { return Vec::new() };
    let found = app.authority.list_keys(&permit, &PageRequest { limit: Some(100), cursor: None }).await;
    let keys = found.map(|page| page.items).unwrap_or_default();
    let shown = |key: &keys::KeyView| format!("{} · {} · {}", key.name, key.kind.replace('_', " "), key.state);
    keys.iter().map(|key| (key.id.to_string(), shown(key))).collect()
}

fn read(form: &Form) -> Result<TryRequest, Problem> {
    let ip = form.stated("ip").map(|text| {
        let message = "must be an IPv4 or IPv6 address, without port, brackets or zone";
        Address::parse(text).ok_or_else(|| Problem::invalid("ip", message))
    });
    Ok(TryRequest {
        key: id(IdKind::Key, "key", form.text("key"))?,
        method: form.text("method").to_owned(),
        path: form.text("path").trim().to_owned(),
        ip: ip.transpose()?,
        environment: form.stated("environment"),
    })
}

fn fields(keys: &[(String, String)], sent: &Form) -> Vec<Field> {
    let or = |name, other: &str| sent.stated(name).unwrap_or_else(|| other.to_owned());
    let key = sent.text("key");
    let keys = keys.iter().map(|(id, name)| Choice::new(id, name, "").chosen(id == key));
    let method = or("method", "GET");
    let methods = METHODS.map(|known| Choice::new(known, known, "").chosen(known == method));
    vec![
        Field::select("key", "Who asks", keys.collect()).hint("A key of this workspace; its newest hundred."),
        Field::select("method", "Method", methods.to_vec()),
        Field::text("path", "Path")
            .value(or("path", "/v1/jobs"))
            .hint("As the API's clients ask for it, without a query."),
        Field::text("ip", "From").value(or("ip", "203.0.113.7")).hint("An address."),
        Field::text("environment", "Environment").value(or("environment", "production")).optional(),
    ]
}

impl Told {
    fn new(explained: &Explained) -> Self {
        let policies = explained.policies.iter().map(|said| {
            let (tone, effect) = match said.effect {
                "permit" => (Tone::Good, "permits"),
                "forbid" => (Tone::Bad, "forbids"),
                "no_match" => (Tone::Quiet, "no match"),
                error => (Tone::Bad, error),
            };
            Policy {
                name: said.policy.clone(),
                whose: if said.is_own { "the workspace's" } else { "the platform's" },
                effect: Badge::new(tone, effect),
                is_monitored: said.is_monitored,
                reasons: said.reasons.clone(),
                steps: said
                    .steps
                    .iter()
                    .map(|step| Step {
                        text: step.text.clone(),
                        leaves: step.leaves.iter().map(|(path, value)| format!("{path} is {value}")).collect(),
                        outcome: match step.outcome {
                            "true" => Badge::new(Tone::Good, "true"),
                            "false" => Badge::new(Tone::Quiet, "false"),
                            other => Badge::new(Tone::Info, other),
                        },
                    })
                    .collect(),
            }
        });
        let about = if explained.reasons.is_empty() {
            "The platform permits it, and nothing forbids it.".to_owned()
        } else {
            explained.reasons.iter().map(|reason| sentence(&reason.message)).collect::<Vec<_>>().join(" ")
        };
        let codes = explained.reasons.iter().map(|reason| reason.code.as_str()).collect::<Vec<_>>().join(", ");
        Self {
            is_allowed: explained.is_allowed,
            heading: if explained.is_allowed {
                "It would be allowed".to_owned()
            } else {
                format!("It would be denied: {codes}")
            },
            about,
            policies: policies.collect(),
        }
    }
}

#[cfg(test)]
impl TryPage {
    /// A denial, explained.
    pub(crate) fn sample() -> Self {
        let keys = [("key_07".to_owned(), "ci-deploy · production · active".to_owned())];
        let reason = Reason {
            code: "too_early".to_owned(),
            policy: Some("office-hours".to_owned()),
            message: "nobody deletes jobs before eight".to_owned(),
        };
        let step = |text: &str, leaf: &str, outcome| Step {
            text: text.to_owned(),
            leaves: vec![leaf.to_owned()],
            outcome: Badge::new(Tone::Good, outcome),
        };
        let policy = |name: &str, whose, effect: Badge, reasons, steps| Policy {
            name: name.to_owned(),
            whose,
            effect,
            is_monitored: false,
            reasons,
            steps,
        };
        let policies = vec![
            policy(
                "scopes",
                "the platform's",
                Badge::new(Tone::Good, "permits"),
                Vec::new(),
                vec![step("action.scopes.all(…)", "principal.scopes is [\"jobs:write\"]", "true")],
            ),
            policy(
                "office-hours",
                "the workspace's",
                Badge::new(Tone::Bad, "forbids"),
                vec![reason],
                vec![step("now.getHours() < 8", "now is 2026-01-31T07:12:00Z", "true")],
            ),
        ];
        let told = Told {
            is_allowed: false,
            heading: "It would be denied: too_early".to_owned(),
            about: "Nobody deletes jobs before eight.".to_owned(),
            policies,
        };
        let fields = fields(&keys, &Form::parse(b"method=DELETE&path=/v1/jobs/42"));
        Self { frame: Frame::sample(Section::Overview), problem: None, told: Some(told), fields }
    }
}
