//! `…/policies/{policy}/diff`: what differs between two revisions.

use std::sync::Arc;

use access_authority::policies::{DiffRequest, DiffView, actions};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::policy::permit;
use crate::app::App;
use crate::console::answer::shown;
use crate::console::frame::{Frame, Section};
use crate::console::parts::Field;
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::segments::Segments;

/// What differs.
#[derive(Template)]
#[template(path = "console/policy_diff.html")]
pub(crate) struct DiffPage {
    frame: Frame,
    here: String,
    name: String,
    from: u64,
    to: u64,
    from_field: Field,
    to_field: Field,
    is_same: bool,
    /// Class and text.
    lines: Vec<(&'static str, String)>,
    /// What, as it was, as it is.
    changes: Vec<(&'static str, String, String)>,
    cases: Vec<String>,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (permit, name) = permit(&app, &visitor, actions::GET, path).await?;
    let number = |field: &str| visitor.query.stated(field).and_then(|text| text.parse().ok());
    let request = DiffRequest { from: number("from"), to: number("to") };
    let diff = app.authority.diff_policy(&permit, &name, &request).await?;
    let frame = visitor.frame(&app, Section::Policies, Some(&permit)).await;
    Ok(shown(&DiffPage::new(frame, name, &diff)))
}

impl DiffPage {
    fn new(frame: Frame, name: String, diff: &DiffView) -> Self {
        let (from, to) = (diff.from.revision, diff.to.revision);
        let class = |line: &str| match line.bytes().next() {
            Some(b'+') => "plus",
            Some(b'-') => "minus",
            Some(b'@') => "at",
            _ => "same",
        };
        let lines = diff.source.as_deref().unwrap_or_default().lines().skip(2);
        let changes = diff.changes.iter().map(|change| (change.field, change.from.to_string(), change.to.to_string()));
        Self {
            here: frame.at(&format!("/policies/{name}")),
            frame,
            name,
            from,
            to,
            from_field: Field::number("from", "From revision").value(from.to_string()),
            to_field: Field::number("to", "to revision").value(to.to_string()),
            is_same: diff.source.is_none() && diff.changes.is_empty() && diff.cases.is_empty(),
            lines: lines.map(|line| (class(line), line.to_owned())).collect(),
            changes: changes.collect(),
            cases: diff.cases.clone(),
        }
    }
}

#[cfg(test)]
impl DiffPage {
    /// Everything differs.
    pub(crate) fn sample() -> Self {
        let frame = Frame::sample(Section::Policies);
        let line = |class, text: &str| (class, text.to_owned());
        Self {
            here: frame.at("/policies/office-hours"),
            name: "office-hours".to_owned(),
            from: 2,
            to: 3,
            from_field: Field::number("from", "From revision").value("2"),
            to_field: Field::number("to", "to revision").value("3"),
            is_same: false,
            lines: vec![
                line("at", "@@ -1,3 +1,3 @@"),
                line("same", " action.name == \"jobs.delete\""),
                line("minus", "-    && now.getHours() < 8"),
                line("plus", "+    && (now.getHours() < 8 || now.getHours() > 18)"),
            ],
            changes: vec![("mode", "\"enforce\"".to_owned(), "\"monitor\"".to_owned())],
            cases: vec!["deleting at seven in the evening".to_owned()],
            frame,
        }
    }
}
