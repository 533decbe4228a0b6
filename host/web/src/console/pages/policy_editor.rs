//! `…/policies/new` and `…/policies/{policy}/edit`: source, settings and cases; checked as one types, kept, published.

use std::sync::Arc;

use access_authority::policies::{FailedCase, Finding, RevisionView, UploadRequest, actions};
use access_authority::{IfMatch, Target};
use access_model::PolicyMode;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::error_of;
use super::policy::permit;
use super::policy_revision::pretty;
use crate::app::App;
use crate::body::from_json;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Choice, Field, counted};
use crate::console::trouble::{Trouble, sentence};
use crate::console::visitor::Visitor;
use crate::endpoints::place;
use crate::problem::Problem;
use crate::segments::Segments;

/// What a form may weigh beyond what an upload may: characters of a form are written with three bytes.
const SPELLING: usize = 3;
/// What a new policy begins with.
const SOURCE: &str = "action.name == \"jobs.delete\"\n    ? forbid(\"deleting_is_off\", \"nobody deletes jobs here\")\n    : no_match()\n";
const CASES: &str = r#"[
  {
    "name": "deleting is off",
    "facts": { "action": { "name": "jobs.delete" } },
    "expect": { "effect": "forbid", "codes": ["deleting_is_off"] }
  },
  {
    "name": "creating goes on",
    "facts": { "action": { "name": "jobs.create" } },
    "expect": { "effect": "no_match" }
  }
]"#;

/// The editor.
#[derive(Template)]
#[template(path = "console/policy_editor.html")]
pub(crate) struct EditorPage {
    frame: Frame,
    here: String,
    name: String,
    heading: String,
    is_new: bool,
    action: String,
    check: String,
    version: String,
    name_field: Field,
    source: Field,
    cases: Field,
    settings: Field,
    attributes: Field,
    has_more: bool,
    mode: Field,
    verdict: Checked,
    findings: Vec<Said>,
    failed: Vec<FailedCase>,
}

/// What the gate says.
pub(crate) enum Checked {
    /// It was not asked.
    NotYet,
    /// All is well, and what it found out.
    Passes(String),
    /// Something is not.
    Fails(String),
}

/// An objection.
pub(crate) struct Said {
    place: String,
    message: String,
}

impl From<&Finding> for Said {
    fn from(finding: &Finding) -> Self {
        let place = match (finding.file.as_str(), finding.line, finding.column) {
            ("cases", Some(number), _) => format!("case {number}"),
            (_, Some(line), Some(column)) => format!("{line}:{column}"),
            _ => String::new(),
        };
        Self { place, message: sentence(&finding.message) }
    }
}

/// What an editor is about.
struct About {
    name: String,
    is_new: bool,
    version: String,
}

pub(crate) async fn ask_new(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
) -> Result<Response, Trouble> {
    let target = path.and_then(|workspace| Ok(Target::workspace(place(&workspace)?)));
    let permit = visitor.permit(&app, actions::PUT, target).await?;
    let frame = visitor.frame(&app, Section::Policies, Some(&permit)).await;
    let fields = [("source", SOURCE), ("cases", CASES), ("mode", "monitor")];
    let fields = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let about = About { name: String::new(), is_new: true, version: String::new() };
    Ok(shown(&EditorPage::new(frame, about, &Form::parse(fields.as_bytes()))))
}

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (permit, name) = permit(&app, &visitor, actions::GET, path).await?;
    let policy = app.authority.get_policy(&permit, &name).await?;
    let number = visitor.query.stated("revision").and_then(|text| text.parse().ok());
    let number = number.unwrap_or(policy.shown.latest.revision);
    let revision = app.authority.get_policy_revision(&permit, &name, number).await?;
    let frame = visitor.frame(&app, Section::Policies, Some(&permit)).await;
    let about = About { name, is_new: false, version: policy.version.to_string() };
    Ok(shown(&EditorPage::new(frame, about, &as_form(&revision))))
}

/// A revision as its form was filled in.
fn as_form(revision: &RevisionView) -> Form {
    let mode = if revision.mode == PolicyMode::Monitor { "monitor" } else { "enforce" };
    let cases = revision.cases.as_ref().map(pretty).unwrap_or_default();
    let fields = [
        ("source", revision.source.clone().unwrap_or_default()),
        ("cases", cases),
        ("settings", pretty(&revision.settings)),
        ("attributes", pretty(&revision.attributes)),
        ("mode", mode.to_owned()),
    ];
    Form::parse(form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().as_bytes())
}

pub(crate) async fn save_new(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let workspace = path?;
    save(&app, &visitor, workspace, None, body).await
}

pub(crate) async fn save_edited(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let (workspace, name) = path?;
    save(&app, &visitor, workspace, Some(name), body).await
}

async fn save(
    app: &App,
    visitor: &Visitor,
    workspace: String,
    named: Option<String>,
    body: Unread,
) -> Result<Response, Trouble> {
    let target = match &named {
        Some(name) => Target::policy(place(&workspace)?, name),
        None => Target::workspace(place(&workspace)?),
    };
    let permit = visitor.permit(app, actions::PUT, Ok(target)).await?;
    let most = app.authority.catalog().limits.upload_bytes.saturating_mul(SPELLING);
    let sent = body.up_to(most).read_for(&permit, &visitor.token).await?;
    let name = named.clone().unwrap_or_else(|| sent.text("name").trim().to_owned());
    let frame = visitor.frame(app, Section::Policies, Some(&permit)).await;
    let about = About { name: name.clone(), is_new: named.is_none(), version: sent.text("version").to_owned() };
    let request = match read(&sent) {
        Ok(request) => request,
        Err(problem) => return Ok(shown(&EditorPage::new(frame, about, &sent).refused(&problem))),
    };
    let made_from = match sent.stated("version") {
        Some(version) => IfMatch::One(vec![version]),
        None => IfMatch::Any,
    };
    let here = format!("/console/workspaces/{workspace}/policies/{name}");
    let done = match sent.text("do") {
        "keep" | "publish" => {
            let mut refused = None;
            let publish = match sent.text("do") {
                // The permit is for the policy that is named, which may be a new one.
                "publish" => {
                    let target = Target::policy(place(&workspace)?, &name);
                    match visitor.permit(app, actions::PUBLISH, Ok(target)).await.map_err(Trouble::from) {
                        Ok(publish) => Some(publish),
                        // What was written is kept before the second factor is asked for, and published after.
                        Err(trouble) if trouble.needs_factor() => {
                            refused = Some(trouble);
                            None
                        }
                        Err(trouble) => return Err(trouble),
                    }
                }
                _ => None,
            };
            let put = app.authority.put_policy(&permit, publish.as_ref(), &name, request, &made_from).await;
            match (put.map_err(Trouble::from), refused) {
                (Ok(put), Some(refused)) => {
                    let number = put.shown.revision.revision;
                    return Err(refused.towards(format!("{here}/publish?revision={number}")));
                }
                (Ok(_), None) => Ok(if publish.is_some() { "policy-published" } else { "policy-kept" }),
                (Err(trouble), _) => Err(trouble),
            }
        }
        _ => match app.authority.check_policy(&permit, &name, request).await {
            Ok(cases) => {
                let cases = counted(u64::try_from(cases).unwrap_or_default(), "case says", "cases say");
                return Ok(shown(&EditorPage::new(frame, about, &sent).passed(format!("{cases} what it should."))));
            }
            Err(error) => Err(error.into()),
        },
    };
    match done {
        Ok(said) => Ok(see_other(&after(&here, said))),
        Err(trouble) if trouble.is_of_form() => {
            Ok(shown(&EditorPage::new(frame, about, &sent).refused(trouble.problem())))
        }
        Err(trouble) => Err(trouble),
    }
}

fn read(form: &Form) -> Result<UploadRequest, Problem> {
    let value = |name: &'static str, empty: Value| match form.stated(name) {
        None => Ok(empty),
        Some(text) => serde_json::from_str::<Value>(&text).map_err(|error| {
            Problem::invalid(name, format!("is not JSON (line {} column {})", error.line(), error.column()))
        }),
    };
    let upload = json!({
        "engine": "cel",
        // Forms end lines with two characters.
        "source": form.text("source").replace("\r\n", "\n"),
        "cases": value("cases", json!([]))?,
        "settings": value("settings", json!({}))?,
        "attributes": value("attributes", json!({}))?,
        "mode": if form.text("mode") == "enforce" { "enforce" } else { "monitor" },
    });
    from_json(upload.to_string().as_bytes())
}

impl EditorPage {
    fn new(frame: Frame, about: About, sent: &Form) -> Self {
        let About { name, is_new, version } = about;
        let list = frame.at("/policies");
        let here = format!("{list}/{name}");
        let action = if is_new { format!("{list}/new") } else { format!("{here}/edit") };
        let mode = sent.text("mode");
        let modes = vec![
            Choice::new("monitor", "Monitor", "Evaluated and counted, changes nothing. Begin here.")
                .chosen(mode != "enforce"),
            Choice::new("enforce", "Enforce", "It decides, once it is published.").chosen(mode == "enforce"),
        ];
        let unless_empty = |name| sent.stated(name).is_some();
        Self {
            heading: if is_new { "Write a policy".to_owned() } else { format!("Edit {name}") },
            check: action.clone(),
            action,
            here,
            version,
            name_field: Field::text("name", "Name")
                .value(sent.text("name"))
                .hint("Lower case letters, digits and hyphens, such as office-hours."),
            source: Field::code("source", "Source (CEL)", 14).value(sent.text("source")),
            cases: Field::code("cases", "Cases", 12)
                .value(sent.text("cases"))
                .hint("What it must say to which facts, as JSON. Facts that are left out are the sample's."),
            settings: Field::code("settings", "Settings", 4)
                .value(sent.text("settings"))
                .hint("Parameters that it reads, as JSON.")
                .optional(),
            attributes: Field::code("attributes", "Attributes", 4)
                .value(sent.text("attributes"))
                .hint("Free attributes that it reads, with their types: {\"context\": {…}, \"resource\": {…}}.")
                .optional(),
            has_more: unless_empty("settings") || unless_empty("attributes"),
            mode: Field::radios("mode", "Mode", modes),
            verdict: Checked::NotYet,
            findings: Vec::new(),
            failed: Vec::new(),
            frame,
            name,
            is_new,
        }
    }

    fn passed(self, about: String) -> Self {
        Self { verdict: Checked::Passes(about), ..self }
    }

    fn refused(mut self, problem: &Problem) -> Self {
        self.findings = problem.findings().iter().map(Said::from).collect();
        self.failed = problem.cases().to_vec();
        let summary = match (self.failed.len(), problem.findings().is_empty()) {
            (1.., _) => counted(u64::try_from(self.failed.len()).unwrap_or_default(), "case fails.", "cases fail."),
            (0, false) => "The gate objects.".to_owned(),
            (0, true) => sentence(problem.detail()),
        };
        self.name_field = self.name_field.error(error_of(problem.detail(), "name"));
        self.verdict = Checked::Fails(summary);
        self
    }
}

#[cfg(test)]
impl EditorPage {
    /// A policy that fails a case.
    pub(crate) fn sample() -> Self {
        let fields = [("source", SOURCE), ("cases", CASES), ("mode", "monitor"), ("settings", "{ \"from\": 8 }")];
        let fields = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let about = About { name: "office-hours".to_owned(), is_new: false, version: "7".to_owned() };
        let page = Self::new(Frame::sample(Section::Policies), about, &Form::parse(fields.as_bytes()));
        let failed = FailedCase {
            name: "deleting is off".to_owned(),
            expected: "forbid deleting_is_off".to_owned(),
            got: "no_match".to_owned(),
        };
        let found = Said {
            place: "1:17".to_owned(),
            message: "There is no field “nam”; did you mean “name”?".to_owned(),
        };
        Self {
            verdict: Checked::Fails("1 case fails.".to_owned()),
            findings: vec![found],
            failed: vec![failed],
            ..page
        }
    }
}
