//! `…/policies/{policy}`: how it fares, its revisions; publish, roll back, delete.

use std::sync::Arc;

use access_authority::policies::{HostStatus, PolicyView, Publication, RevisionView, StatusView, actions};
use access_authority::{IfMatch, Permit, Target};
use access_model::{PolicyMode, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::confirm::Confirm;
use super::policies::state;
use super::{Pager, Stat, asked_page};
use crate::app::App;
use crate::console::answer::{see_other, shown};
use crate::console::flash::after;
use crate::console::form::Unread;
use crate::console::frame::{Frame, Section};
use crate::console::parts::{Badge, Field, Tone, When, counted, grouped};
use crate::console::trouble::Trouble;
use crate::console::visitor::Visitor;
use crate::endpoints::place;
use crate::problem::Problem;
use crate::segments::Segments;

/// A policy.
#[derive(Template)]
#[template(path = "console/policy.html")]
pub(crate) struct PolicyPage {
    frame: Frame,
    here: String,
    name: String,
    state: Badge,
    about: String,
    is_published: bool,
    stats: Vec<Stat>,
    revisions: Vec<Revision>,
    pager: Pager,
    hosts: Vec<OnHost>,
}

struct Revision {
    number: u64,
    before: u64,
    badges: Vec<Badge>,
    created: When,
    by: String,
    is_published: bool,
}

struct OnHost {
    name: String,
    state: Badge,
    about: String,
}

/// The policy that a path names, and a permit for it.
pub(super) async fn permit(
    app: &App,
    visitor: &Visitor,
    action: &str,
    path: Result<(String, String), Problem>,
) -> Result<(Permit, String), Problem> {
    let (workspace, name) = path?;
    let target = Target::policy(place(&workspace)?, &name);
    Ok((visitor.permit(app, action, Ok(target)).await?, name))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String)>,
) -> Result<Response, Trouble> {
    let (listing, _) = permit(&app, &visitor, actions::LIST, path.clone()).await?;
    let (permit, name) = permit(&app, &visitor, actions::GET, path).await?;
    let policy = app.authority.get_policy(&permit, &name).await?.shown;
    let status = app.authority.policy_status(&permit, &name).await?;
    let revisions = app.authority.list_policy_revisions(&listing, &name, &asked_page(&visitor.query)).await?;
    let frame = visitor.frame(&app, Section::Policies, Some(&permit)).await;
    let pager = Pager::new(&frame.at(&format!("/policies/{name}")), &visitor.query, revisions.next_cursor.as_ref());
    Ok(shown(&PolicyPage::new(frame, &policy, &status, &revisions.items, pager, app.authority.now())))
}

/// The mode of a revision, and whether it is the one in force or the latest.
pub(super) fn badges(revision: &RevisionView, policy: &PolicyView) -> Vec<Badge> {
    let mut badges = Vec::new();
    if policy.published.as_ref().is_some_and(|published| published.revision == revision.revision) {
        badges.push(Badge::new(Tone::Good, "in force"));
    }
    if revision.mode == PolicyMode::Monitor {
        badges.push(Badge::new(Tone::Warn, "monitor mode"));
    }
    if policy.latest.revision == revision.revision {
        badges.push(Badge::new(Tone::Quiet, "latest"));
    }
    badges
}

/// Who did it, for people: the public id says more than the kind.
pub(super) fn by(actor: &access_model::Actor) -> String {
    actor.id.map_or_else(|| actor.kind.clone(), |id| id.to_string())
}

impl PolicyPage {
    fn new(
        frame: Frame,
        policy: &PolicyView,
        status: &StatusView,
        revisions: &[RevisionView],
        pager: Pager,
        now: Timestamp,
    ) -> Self {
        let total = |pick: fn(&HostStatus) -> u64| -> u64 { status.hosts.iter().map(pick).sum() };
        let is_monitored = policy.published.as_ref().is_some_and(|published| published.mode == PolicyMode::Monitor);
        let denials = if is_monitored {
            Stat::new(
                "denied",
                "Would have denied",
                grouped(total(|host| host.tally.would_have_denied)),
                "in monitor mode nothing is",
            )
        } else {
            Stat::new("denied", "Denied", grouped(total(|host| host.tally.denials)), "requests that it forbade")
        };
        let in_force =
            policy.published.as_ref().map_or_else(|| "none".to_owned(), |published| published.revision.to_string());
        let stats = vec![
            Stat::new("policy", "Revision in force", in_force, format!("of {}", policy.latest.revision)),
            Stat::new("play", "Evaluated", grouped(total(|host| host.tally.evaluations)), "since it is in force"),
            denials,
            Stat::new("warn", "Errors", grouped(total(|host| host.tally.errors)), "each denies, where it is enforced"),
        ];
        let hosts = status.hosts.iter().map(|host| OnHost {
            name: host.host.clone(),
            state: match (host.unavailable, host.tally.quarantine_until, host.revision) {
                (true, ..) => Badge::new(Tone::Bad, "can't load it"),
                (_, Some(_), _) => Badge::new(Tone::Warn, "in quarantine"),
                (_, _, Some(number)) => Badge::new(Tone::Good, format!("revision {number}")),
                _ => Badge::new(Tone::Quiet, "not asked yet"),
            },
            about: format!(
                "{}, {}, {}",
                counted(host.tally.evaluations, "evaluation", "evaluations"),
                counted(host.tally.denials, "denial", "denials"),
                counted(host.tally.errors, "error", "errors")
            ),
        });
        let about = match policy.published.as_ref().map(|published| published.mode) {
            Some(PolicyMode::Enforce) => "It decides along with the platform's policies.",
            Some(PolicyMode::Monitor) => "It is evaluated after the decision, to be watched, and changes nothing.",
            None => "No revision is in force. Publish one when its cases say what you mean.",
        };
        Self {
            here: frame.at(&format!("/policies/{}", policy.name)),
            frame,
            name: policy.name.clone(),
            state: state(policy.published.as_ref()),
            about: about.to_owned(),
            is_published: policy.published.is_some(),
            stats,
            revisions: revisions
                .iter()
                .map(|revision| Revision {
                    number: revision.revision,
                    before: revision.revision.saturating_sub(1),
                    badges: badges(revision, policy),
                    created: When::new(revision.created_at, now),
                    by: by(&revision.created_by),
                    is_published: policy.published.as_ref().is_some_and(|it| it.revision == revision.revision),
                })
                .collect(),
            pager,
            hosts: hosts.collect(),
        }
    }
}

pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String, String)>,
) -> Result<Response, Trouble> {
    let (workspace, name, change) = path?;
    let (permit, name) = permit(&app, &visitor, actions::GET, Ok((workspace, name))).await?;
    let policy = app.authority.get_policy(&permit, &name).await?.shown;
    let frame = visitor.frame(&app, Section::Policies, Some(&permit)).await;
    let here = frame.at(&format!("/policies/{name}"));
    let ask = |icon, heading, lede: String, points: Vec<String>, fields, button, is_danger| Confirm {
        icon,
        heading,
        lede,
        points,
        problem: None,
        fields,
        action: format!("{here}/{change}"),
        button,
        is_danger,
        back: here.clone(),
        frame,
    };
    let page = match change.as_str() {
        "publish" => {
            let number = visitor.query.stated("revision").unwrap_or_else(|| policy.latest.revision.to_string());
            let lede =
                "It decides from then on, on every host within a second. What was in force can be rolled back to.";
            let field = Field::number("revision", "Revision").value(&number);
            ask(
                "check",
                format!("Publish revision {number} of {name}?"),
                lede.to_owned(),
                Vec::new(),
                vec![field],
                "Publish it",
                false,
            )
        }
        "rollback" => {
            let lede = policy.previous.as_ref().map_or_else(
                || "Nothing was in force before, so the policy stops deciding.".to_owned(),
                |before| format!("Revision {} is put in force again.", before.revision),
            );
            ask("rotate", format!("Roll {name} back?"), lede, Vec::new(), Vec::new(), "Roll it back", false)
        }
        "delete" => {
            let points =
                policy.published.iter().map(|it| format!("Revision {} is in force, and stops deciding.", it.revision));
            let lede = "It is taken off the list. Its revisions are kept, and their numbers go on if it comes again.";
            ask(
                "trash",
                format!("Delete {name}?"),
                lede.to_owned(),
                points.collect(),
                Vec::new(),
                "Delete the policy",
                true,
            )
        }
        _ => return Err(Problem::new(404, "not_found", "a policy is published, rolled back or deleted").into()),
    };
    Ok(shown(&page))
}

pub(crate) async fn change(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Segments(path): Segments<(String, String, String)>,
    body: Unread,
) -> Result<Response, Trouble> {
    let (workspace, name, change) = path?;
    let action = match change.as_str() {
        "publish" => actions::PUBLISH,
        "rollback" => actions::ROLLBACK,
        "delete" => actions::DELETE,
        _ => return Err(Problem::new(404, "not_found", "a policy is published, rolled back or deleted").into()),
    };
    let list = format!("/console/workspaces/{workspace}/policies");
    let permit = permit(&app, &visitor, action, Ok((workspace, name)));
    let ((permit, name), sent) = body.permitted(permit, &visitor.token).await?;
    let here = format!("{list}/{name}");
    match action {
        actions::PUBLISH => {
            let revision =
                sent.text("revision").parse().map_err(|_| Problem::invalid("revision", "must be a number"))?;
            let publication = Publication { revision: Some(revision) };
            app.authority.publish_policy(&permit, &name, &publication, &IfMatch::Any).await?;
            Ok(see_other(&after(&here, "policy-published")))
        }
        actions::ROLLBACK => {
            app.authority.roll_back_policy(&permit, &name, &IfMatch::Any).await?;
            Ok(see_other(&after(&here, "policy-rolled-back")))
        }
        _ => {
            app.authority.delete_policy(&permit, &name, &IfMatch::Any).await?;
            Ok(see_other(&after(&list, "policy-deleted")))
        }
    }
}

#[cfg(test)]
impl PolicyPage {
    /// A policy in force.
    pub(crate) fn sample() -> Self {
        use crate::console::samples::{NOW, at};

        let frame = Frame::sample(Section::Policies);
        let revision = |number, badges, seconds: i64| Revision {
            number,
            before: number - 1,
            badges,
            created: When::new(at(seconds), NOW),
            by: "mem_07Ada".to_owned(),
            is_published: number == 2,
        };
        Self {
            here: frame.at("/policies/office-hours"),
            name: "office-hours".to_owned(),
            state: Badge::state("enforced"),
            about: "It decides along with the platform's policies.".to_owned(),
            is_published: true,
            stats: vec![
                Stat::new("policy", "Revision in force", "2", "of 3"),
                Stat::new("play", "Evaluated", "48 310", "since it is in force"),
                Stat::new("denied", "Denied", "312", "requests that it forbade"),
                Stat::new("warn", "Errors", "0", "each denies, where it is enforced"),
            ],
            revisions: vec![
                revision(3, vec![Badge::new(Tone::Warn, "monitor mode"), Badge::new(Tone::Quiet, "latest")], -3_600),
                revision(2, vec![Badge::new(Tone::Good, "in force")], -86_400),
                revision(1, Vec::new(), -20 * 86_400),
            ],
            pager: Pager::default(),
            hosts: vec![OnHost {
                name: "x7Fq2Lm9Rt0Z".to_owned(),
                state: Badge::new(Tone::Good, "revision 2"),
                about: "48 310 evaluations, 312 denials, 0 errors".to_owned(),
            }],
            frame,
        }
    }
}
