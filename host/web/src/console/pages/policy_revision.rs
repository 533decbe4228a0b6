//! `…/policies/{policy}/revisions/{revision}`: all that was uploaded.

use std::sync::Arc;

use access_authority::policies::{PolicyView, RevisionView, actions};
use access_model::Timestamp;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::policy::{badges, by, permit};
use crate::app::App;
use crate::console::answer::shown;
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Badge, When};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::problem::Problem;
use crate::segments::Segments;

/// A revision.
#[derive(Template)]
#[template(path = "console/policy_revision.html")]
pub(crate) struct RevisionPage {
    frame: Frame,
    here: String,
    name: String,
    number: u64,
    badges: Vec<Badge>,
    created: When,
    by: String,
    is_published: bool,
    source: Option<String>,
    module_size: String,
    cases: String,
    facts: Vec<(String, String)>,
    digest: String,
    settings: String,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String, String)>,
) -> Result<Response, Trouble> {
    let (workspace, name, number) = path?;
    let number = number.parse().map_err(|_| Problem::new(404, "not_found", "revisions have numbers, from 1"))?;
    let (permit, name) = permit(&app, &visitor, actions::GET, Ok((workspace, name))).await?;
    let policy = app.authority.get_policy(&permit, &name).await?.shown;
    let revision = app.authority.get_policy_revision(&permit, &name, number).await?;
    let frame = visitor.frame(&app, Section::Policies, Some(&permit)).await;
    Ok(shown(&RevisionPage::new(frame, &policy, revision, app.authority.now())))
}

/// JSON as people write it; nothing, for what is empty.
pub(super) fn pretty(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    let is_empty = match &value {
        Value::Object(fields) => fields.values().all(|field| field.as_object().is_some_and(serde_json::Map::is_empty)),
        Value::Array(items) => items.is_empty(),
        other => other.is_null(),
    };
    if is_empty { String::new() } else { serde_json::to_string_pretty(&value).unwrap_or_default() }
}

impl RevisionPage {
    fn new(frame: Frame, policy: &PolicyView, revision: RevisionView, now: Timestamp) -> Self {
        let report = serde_json::to_value(&revision.report).unwrap_or_default();
        let words = |name: &str| name.replace('_', " ");
        let told = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let report = report.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        let mut facts = vec![("engine".to_owned(), told(&serde_json::to_value(revision.engine).unwrap_or_default()))];
        facts.extend(report.map(|(name, value)| (words(name), told(value))));
        let bytes = revision.module_base64.as_ref().map_or(0, |text| text.len() / 4 * 3);
        Self {
            here: frame.at(&format!("/policies/{}", policy.name)),
            frame,
            name: policy.name.clone(),
            number: revision.revision,
            badges: badges(&revision, policy),
            created: When::new(revision.created_at, now),
            by: by(&revision.created_by),
            is_published: policy.published.as_ref().is_some_and(|it| it.revision == revision.revision),
            module_size: format!("{} KiB", bytes.div_ceil(1_024)),
            cases: revision
                .cases
                .as_ref()
                .map(|cases| serde_json::to_string_pretty(cases).unwrap_or_default())
                .unwrap_or_default(),
            facts,
            digest: revision.digest,
            settings: pretty(&revision.settings),
            source: revision.source,
        }
    }
}

#[cfg(test)]
impl RevisionPage {
    /// A revision in force.
    pub(crate) fn sample() -> Self {
        use crate::console::parts::Tone;
        use crate::console::samples::{NOW, at};

        let frame = Frame::sample(Section::Policies);
        Self {
            here: frame.at("/policies/office-hours"),
            name: "office-hours".to_owned(),
            number: 2,
            badges: vec![Badge::new(Tone::Good, "in force")],
            created: When::new(at(-86_400), NOW),
            by: "mem_07Ada".to_owned(),
            is_published: true,
            source: Some("action.name == \"jobs.delete\" && now.getHours() < 8\n    ? forbid(\"too_early\", \"nobody deletes jobs before eight\")\n    : no_match()\n".to_owned()),
            module_size: String::new(),
            cases: "[\n  {\n    \"name\": \"deleting at seven\",\n    \"expect\": { \"effect\": \"forbid\" }\n  }\n]".to_owned(),
            facts: vec![("engine".to_owned(), "cel".to_owned()), ("cost bound".to_owned(), "214".to_owned())],
            digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
            settings: "{\n  \"from\": 8\n}".to_owned(),
            frame,
        }
    }
}
