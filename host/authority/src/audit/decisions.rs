//! Decisions in a workspace's audit trail, where it wants them there.
//!
//! Never a write inside a decision: they come together in memory and a tick each second records them. The first of its sort
//! (who, what, from where, what came of it) is recorded with the next tick; what repeats it is added up and recorded once a
//! minute, with its number. So many sorts are kept apart; a decision beyond them is lost to the trail, and how many were is
//! recorded as well. What waits on a host that is killed is lost uncounted, a second's worth or a minute's repetitions.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use access_model::audit::{Actor, AuditRecord};
use access_model::catalog::STATED;
use access_model::text::quotable;
use access_model::{Id, IdKind, Timestamp};
use access_store::{Commit, Store as _, Survives};
use serde_json::json;

use super::append_decision;
use crate::authority::{Authority, lock};
use crate::decide::cache::{CredentialEntry, WorkspaceEntry};
use crate::decide::stated::in_logs;
use crate::error::Error;
use crate::lifecycle::system;

/// What the actions of such records begin with.
const ALLOWED: &str = "decisions.allow";
const DENIED: &str = "decisions.deny";
const LOST: &str = "decisions.lost";
/// Repetitions are recorded so often.
const REPEATS_EVERY: Duration = Duration::from_secs(60);
/// Sorts of a workspace that are kept apart, and of all workspaces of a host.
const MOST: usize = 256;
const MOST_OF_HOST: usize = 16_384;
/// Records of one commit.
const AT_ONCE: usize = 500;

/// Whether a record is of a decision, and not of a change.
pub(super) fn is_decision(record: &AuditRecord) -> bool {
    [ALLOWED, DENIED, LOST].contains(&record.action.as_str())
}

/// Decisions that wait to be recorded.
#[derive(Debug, Default)]
pub(crate) struct Decisions(Mutex<OfHost>);

#[derive(Debug, Default)]
struct OfHost {
    workspaces: HashMap<Id, OfWorkspace>,
    sorts: usize,
}

#[derive(Debug)]
struct OfWorkspace {
    organization: Id,
    sorts: HashMap<Sort, Repeated>,
    lost: u64,
}

/// Decisions that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Sort {
    actor: Actor,
    /// The subject that an enforcement point stated, in place of a credential.
    subject: Option<String>,
    client: Option<String>,
    action: Option<String>,
    /// Code and policy, where it was denied.
    denied: Option<(String, Option<String>)>,
    ip: Option<IpAddr>,
    environment: Option<String>,
}

#[derive(Debug, Default)]
struct Repeated {
    count: u64,
    /// The first of those that were not recorded, and when.
    first: Option<(String, Timestamp)>,
    last: Option<Timestamp>,
    recorded: Option<Timestamp>,
}

/// What a decision was about, for its record.
pub(crate) struct Told<'a> {
    pub(crate) workspace: &'a WorkspaceEntry,
    pub(crate) principal: &'a CredentialEntry,
    pub(crate) action: Option<&'a str>,
    pub(crate) denied: Option<(&'a str, Option<&'a str>)>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) environment: Option<&'a str>,
    pub(crate) decision_id: String,
}

impl Decisions {
    /// Takes a decision along.
    pub(crate) fn tell(&self, told: Told<'_>, now: Timestamp) {
        let owned = |text: &str| text.to_owned();
        let principal = &told.principal.principal;
        let is_stated = principal.key_kind == STATED;
        let actor = if is_stated {
            // Behind it stands the credential of whoever stated it, which did nothing.
            Actor { kind: STATED.to_owned(), id: None }
        } else {
            Actor { kind: principal.kind.clone(), id: Some(*told.principal.credential.id()) }
        };
        let sort = Sort {
            actor,
            subject: is_stated.then(|| in_logs(principal).into_owned()),
            client: principal.client.clone(),
            action: told.action.map(owned),
            denied: told.denied.map(|(code, policy)| (owned(code), policy.map(owned))),
            ip: told.ip,
            // Of any length, where it was too long for anything.
            environment: told.environment.map(quotable),
        };
        let record = &told.workspace.record;
        let mut of_host = lock(&self.0);
        let OfHost { workspaces, sorts } = &mut *of_host;
        let of = workspaces.entry(record.id).or_insert_with(|| OfWorkspace::new(record.organization));
        if !of.sorts.contains_key(&sort) {
            if of.sorts.len() >= MOST || *sorts >= MOST_OF_HOST {
                of.lost += 1;
                return;
            }
            *sorts += 1;
        }
        let repeated = of.sorts.entry(sort).or_default();
        repeated.count += 1;
        repeated.first.get_or_insert((told.decision_id, now));
        repeated.last = Some(now);
    }

    /// What is to be recorded at `now`, by workspace. With `all`, repetitions as well.
    fn take(&self, now: Timestamp, all: bool) -> Vec<(Id, OfWorkspace)> {
        let mut of_host = lock(&self.0);
        let mut taken = Vec::new();
        let mut left = 0;
        of_host.workspaces.retain(|id, of| {
            let mut due = OfWorkspace { lost: std::mem::take(&mut of.lost), ..OfWorkspace::new(of.organization) };
            of.sorts.retain(|sort, repeated| {
                let is_quiet = repeated.recorded.is_none_or(|at| at.plus(REPEATS_EVERY) <= now);
                if repeated.count > 0 && (all || is_quiet) {
                    let taken = std::mem::replace(repeated, Repeated { recorded: Some(now), ..Repeated::default() });
                    due.sorts.insert(sort.clone(), taken);
                    return true;
                }
                repeated.count > 0 || !is_quiet
            });
            left += of.sorts.len();
            if !due.sorts.is_empty() || due.lost > 0 {
                taken.push((*id, due));
            }
            !of.sorts.is_empty()
        });
        of_host.sorts = left;
        taken
    }

    /// Takes back what could not be recorded. It may be one more minute's, so room is not asked for.
    fn give_back(&self, workspace: Id, unrecorded: OfWorkspace) {
        let mut of_host = lock(&self.0);
        let OfHost { workspaces, sorts } = &mut *of_host;
        let of = workspaces.entry(workspace).or_insert_with(|| OfWorkspace::new(unrecorded.organization));
        of.lost += unrecorded.lost;
        for (sort, earlier) in unrecorded.sorts {
            let repeated = of.sorts.entry(sort).or_insert_with(|| {
                *sorts += 1;
                Repeated::default()
            });
            repeated.count += earlier.count;
            repeated.first = earlier.first.or(repeated.first.take());
            repeated.last = repeated.last.or(earlier.last);
            repeated.recorded = None;
        }
    }
}

impl OfWorkspace {
    fn new(organization: Id) -> Self {
        Self { organization, sorts: HashMap::new(), lost: 0 }
    }
}

impl Authority {
    /// Records the decisions that came together.
    pub(crate) async fn record_decisions(&self, all: bool) {
        for (workspace, mut of) in self.decisions.take(self.clock.now(), all) {
            while !of.sorts.is_empty() || of.lost > 0 {
                let mut some = OfWorkspace::new(of.organization);
                some.lost = std::mem::take(&mut of.lost);
                let sorts: Vec<_> = of.sorts.keys().take(AT_ONCE).cloned().collect();
                some.sorts.extend(sorts.iter().filter_map(|sort| of.sorts.remove_entry(sort)));
                if let Err(error) = self.record_some(&workspace, &some).await {
                    tracing::debug!(%error, "decisions wait to be recorded");
                    self.decisions.give_back(workspace, some);
                    self.decisions.give_back(workspace, of);
                    break;
                }
            }
        }
    }

    async fn record_some(&self, workspace: &Id, of: &OfWorkspace) -> Result<(), Error> {
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(workspace.home()) };
        let mut lines: Vec<_> = of.sorts.iter().collect();
        lines.sort_by_key(|(_, repeated)| repeated.first.as_ref().map(|(_, at)| *at));
        for (sort, repeated) in lines {
            let Some((decision_id, at)) = repeated.first.clone() else { continue };
            let (code, policy) = sort.denied.clone().map_or((None, None), |(code, policy)| (Some(code), policy));
            let record = AuditRecord {
                id: Id::draw(IdKind::Audit, workspace.home(), self.entropy.as_ref())?,
                at,
                organization: Some(of.organization),
                workspace: Some(*workspace),
                actor: sort.actor.clone(),
                action: if code.is_none() { ALLOWED } else { DENIED }.to_owned(),
                target: sort.action.clone().unwrap_or_else(|| "unknown".to_owned()),
                decision_id: Some(decision_id),
                before: None,
                after: Some(json!({
                    "code": code, "policy": policy, "ip": sort.ip, "environment": sort.environment,
                    "client": sort.client, "subject": sort.subject, "count": repeated.count, "last_at": repeated.last,
                })),
            };
            append_decision(&mut commit, workspace, &record)?;
        }
        if of.lost > 0 {
            let record = AuditRecord {
                id: Id::draw(IdKind::Audit, workspace.home(), self.entropy.as_ref())?,
                at: self.clock.now(),
                organization: Some(of.organization),
                workspace: Some(*workspace),
                actor: system(),
                action: LOST.to_owned(),
                target: workspace.to_string(),
                decision_id: None,
                before: None,
                after: Some(json!({ "count": of.lost })),
            };
            append_decision(&mut commit, workspace, &record)?;
        }
        self.store.commit(commit).await?;
        Ok(())
    }
}
