//! `…/keys/{key}/rotate`: how long the old one goes on, who uses it, and the successor with its secret.

use std::sync::Arc;

use access_authority::IfMatch;
use access_authority::keys::{KeyView, actions};
use access_model::Timestamp;
use axum::extract::State;
use axum::response::Response;

use super::form_page::FormPage;
use super::key::permit;
use super::{Notice, error_of, key_issue, problem_of};
use crate::app::App;
use crate::console::answer::shown;
use crate::console::form::{Form, Unread};
use crate::console::frame::{Frame, Link, Section};
use crate::console::parts::{Choice, Field, When, stretch};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::problem::Problem;
use crate::segments::Segments;

/// Overlaps that are offered, in seconds.
const OVERLAPS: [u64; 6] = [0, 3_600, 21_600, 86_400, 259_200, 604_800];

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (permit, key) = permit(&app, &visitor, actions::GET, path).await?;
    let key = app.authority.get_key(&permit, &key).await?.shown;
    let frame = visitor.frame(&app, Section::Keys, Some(&permit)).await;
    let most = app.authority.catalog().limits.overlap_seconds;
    Ok(shown(&form(frame, &key, &visitor.query, most, None, app.authority.now())))
}

pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let (permit, key) = permit(&app, &visitor, actions::ROTATE, path.clone()).await?;
    let sent = body.read_for(&permit, &visitor.token).await?;
    let overlap = sent.stated("overlap_seconds").map(|text| text.parse::<u64>());
    let overlap = overlap.transpose().map_err(|_| Problem::invalid("overlap_seconds", "must be a number of seconds"));
    let rotated = match overlap {
        Ok(overlap) => {
            app.authority.rotate_key(&permit, &key, overlap, &IfMatch::Any, None).await.map_err(Trouble::from)
        }
        Err(problem) => Err(problem.into()),
    };
    match rotated {
        Ok(done) => {
            let gone = || Problem::new(409, "conflict", "it was rotated before, and the secret is shown once");
            let issued = done.now().ok_or_else(gone)?;
            let frame = visitor.frame(&app, Section::Keys, Some(&permit)).await;
            Ok(shown(&key_issue::page(frame, &permit, &issued.shown, issued.secret)))
        }
        Err(trouble) if trouble.is_of_form() => {
            let (seen, key) = self::permit(&app, &visitor, actions::GET, path).await?;
            let key = app.authority.get_key(&seen, &key).await?.shown;
            let frame = visitor.frame(&app, Section::Keys, Some(&permit)).await;
            let most = app.authority.catalog().limits.overlap_seconds;
            Ok(shown(&form(frame, &key, &sent, most, Some(trouble.problem().detail()), app.authority.now())))
        }
        Err(trouble) => Err(trouble.again(sent.as_query())),
    }
}

fn form(frame: Frame, key: &KeyView, sent: &Form, most: u64, detail: Option<&str>, now: Timestamp) -> FormPage {
    let wanted = sent.stated("overlap_seconds").unwrap_or_else(|| "86400".to_owned());
    let offered = OVERLAPS.iter().filter(|seconds| **seconds <= most).map(|seconds| {
        let (label, about) = match seconds {
            0 => ("No overlap".to_owned(), "The old secret ends now: for one that leaked."),
            _ => (stretch(*seconds), "Both work meanwhile."),
        };
        Choice::new(seconds.to_string(), label, about).chosen(wanted == seconds.to_string())
    });
    let used = key.last_used_at.map_or_else(
        || "Nobody has used this key yet.".to_owned(),
        |at| {
            let at = When::new(at, now);
            format!(
                "It was last used {} ({}). Whoever that is needs the new secret before the overlap ends.",
                at.distance(),
                at.exactly()
            )
        },
    );
    let here = frame.at(&format!("/keys/{}", key.id));
    FormPage {
        crumbs: vec![Link::new(frame.at("/keys"), "API keys"), Link::new(&here, &key.name)],
        heading: format!("Rotate {}", key.name),
        lede: "A successor takes over with the same scopes, networks and quota. Its secret is shown once, on the next page.".to_owned(),
        notice: Some(Notice { text: used, link: None }),
        problem: problem_of(detail, &["overlap_seconds"]),
        hidden: Vec::new(),
        fields: vec![
            Field::radios("overlap_seconds", "How long the old secret goes on", offered.collect())
                .hint("Its own end, where it has one, is never put off.")
                .error(detail.and_then(|detail| error_of(detail, "overlap_seconds"))),
        ],
        action: format!("{here}/rotate"),
        button: "Rotate the key",
        back: here,
        frame,
    }
}

#[cfg(test)]
impl FormPage {
    /// Rotating a key that is in use.
    pub(crate) fn sample_of_rotation() -> Self {
        let now = crate::console::samples::NOW;
        form(Frame::sample(Section::Keys), &sample_key(), &Form::default(), 604_800, None, now)
    }
}

#[cfg(test)]
pub(super) fn sample_key() -> KeyView {
    use access_model::{Id, IdKind};

    use crate::console::samples::{NOW, at};

    let id = |kind| Id::example(kind).parse::<Id>().unwrap();
    KeyView {
        id: id(IdKind::Key),
        kind: "production".to_owned(),
        name: "ci-deploy".to_owned(),
        state: "active",
        scopes: Vec::new(),
        prefix: "cf_prod_".to_owned(),
        workspace: id(IdKind::Workspace),
        lineage: id(IdKind::Lineage),
        ip_allow: None,
        created_at: NOW,
        not_before: None,
        expires_at: None,
        rotation_due_at: None,
        last_used_at: Some(at(-720)),
        inactive_since: None,
        predecessor: None,
        successor: None,
        issued_by: None,
        metadata: std::collections::BTreeMap::new(),
    }
}
