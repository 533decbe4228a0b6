//! What all changes of a policy have in common: its head and the workspace's, one commit, one audit record for each thing
//! done, and the new set at hand before anybody hears of it.

use std::sync::Arc;

use access_engine::PolicyPackage;
use access_model::audit::AuditRecord;
use access_model::policy::is_policy_name;
use access_model::{Event, EventKind, Id, IdKind, Policy, RevisionRef, Workspace};
use access_store::{Check, Commit, CommitError, Store};
use serde_json::{Value, json};

use super::kept::Totals;
use crate::audit::append;
use crate::authority::Authority;
use crate::current::IfMatch;
use crate::decide::Permit;
use crate::error::Error;
use crate::events::record;
use crate::records::{self, CommitExt as _, Versioned};

/// A policy's books, as they were read in one go.
pub(super) struct Books {
    pub(super) workspace: Versioned<Workspace>,
    pub(super) totals: Versioned<Totals>,
    /// Absent when there never was one of the name; deleted ones are there.
    pub(super) policy: Option<Versioned<Policy>>,
}

/// What a change makes of them.
pub(super) struct Changed {
    pub(super) policy: Policy,
    pub(super) workspace: Workspace,
    /// What else lands with it.
    pub(super) commit: Commit,
}

impl Books {
    /// The policy that must be there.
    pub(super) fn alive(&self, name: &str) -> Result<&Versioned<Policy>, Error> {
        let alive = self.policy.as_ref().filter(|policy| policy.value.deleted_at.is_none());
        alive.ok_or_else(|| missing(name))
    }

    /// Refuses a change of what has moved on.
    pub(super) fn check(&self, if_match: &IfMatch) -> Result<(), Error> {
        let alive = self.policy.as_ref().filter(|policy| policy.value.deleted_at.is_none());
        if_match.check(alive.map_or(0, Versioned::version))
    }

    /// A change that changes nothing yet.
    pub(super) fn unchanged(&self, policy: Policy) -> Changed {
        let workspace = self.workspace.value.clone();
        Changed { policy, commit: Commit::new(workspace.id.home()), workspace }
    }
}

/// As far as whoever asks may know, there is none.
pub(super) fn missing(name: &str) -> Error {
    Error::NotFound { what: "policy", id: name.chars().take(63).collect() }
}

/// A revision as audit records tell of it: never its source.
pub(super) fn told(revision: Option<&RevisionRef>) -> Result<Value, Error> {
    revision.map_or(Ok(json!({ "revision": null })), |revision| serde_json::to_value(revision).map_err(Error::internal))
}

impl Authority {
    /// Reads what a change of the policy `name` is about.
    pub(super) async fn read_policy_books(&self, workspace: &Id, name: &str) -> Result<Books, Error> {
        if !is_policy_name(name) {
            return Err(missing(name));
        }
        let keys = [records::workspace(workspace), records::policy_totals(workspace), records::policy(workspace, name)];
        let found = self.store.read(workspace.home(), &keys).await?;
        let ([workspace_key, totals_key, policy_key], [of_workspace, of_totals, of_policy]) = (keys, found.as_slice())
        else {
            return Err(Error::internal("the store answers what it was not asked"));
        };
        let gone = || Error::NotFound { what: "workspace", id: workspace.to_string() };
        let none = Versioned { value: Totals::default(), check: Check { key: totals_key.clone(), version: None } };
        Ok(Books {
            workspace: Versioned::of(workspace_key, of_workspace.as_ref())?.ok_or_else(gone)?,
            totals: Versioned::of(totals_key, of_totals.as_ref())?.unwrap_or(none),
            policy: Versioned::of(policy_key, of_policy.as_ref())?,
        })
    }

    /// Creates in `commit` the event of another revision of the policy `name` being in force; none: it is out of force.
    pub(super) fn tell_of_policy(
        &self,
        commit: &mut Commit,
        permit: &Permit,
        kind: EventKind,
        name: &str,
        revision: Option<u64>,
    ) -> Result<(), Error> {
        let workspace = &permit.workspace()?.record;
        let owners = (workspace.organization, Some(workspace.id));
        let event = Event::new(kind, owners, name, self.clock.now(), self.entropy.as_ref())?;
        record(commit, &event.with(json!({ "revision": revision, "by": permit.actor() })))
    }

    /// Puts into `commit` who did what to the policy `name`.
    pub(super) fn record_policy_change(
        &self,
        commit: &mut Commit,
        permit: &Permit,
        name: &str,
        before: Value,
        after: Value,
    ) -> Result<(), Error> {
        let workspace = &permit.workspace()?.record;
        let record = AuditRecord {
            id: Id::draw(IdKind::Audit, workspace.id.home(), self.entropy.as_ref())?,
            at: self.clock.now(),
            organization: Some(workspace.organization),
            workspace: Some(workspace.id),
            actor: permit.actor(),
            action: permit.action().to_owned(),
            target: name.to_owned(),
            decision_id: Some(permit.decision_id().to_string()),
            before: Some(before),
            after: Some(after),
        };
        append(commit, &record)
    }

    /// Lands a change: the policy's new version, or nothing when others were quicker. What is put in force is loaded before
    /// it is committed, and decides on this host when this returns. `fresh` is a package of it that is at hand.
    ///
    /// # Errors
    /// [`Error::Conflict`] for what would put something in force that can't be loaded. What takes something out is done
    /// nevertheless: it may be the cure.
    pub(super) async fn land_policy(
        &self,
        books: &Books,
        changed: Changed,
        fresh: Option<&Arc<PolicyPackage>>,
    ) -> Result<Option<u64>, Error> {
        let Changed { policy, workspace, mut commit } = changed;
        let key = records::policy(&workspace.id, &policy.name);
        let version = books.policy.as_ref().and_then(|policy| policy.check.version);
        commit.checks.push(Check { key: key.clone(), version });
        commit.put(key, &policy)?;
        let changes_force = workspace.policy_revision != books.workspace.value.policy_revision;
        // Held until it has landed, so that nobody works it out twice.
        let mut set = None;
        if changes_force {
            commit.checks.push(books.workspace.check.clone());
            commit.put(records::workspace(&workspace.id), &workspace)?;
            if !workspace.policies.is_empty() {
                match self.tenant_set(&workspace, fresh).await {
                    Ok(loaded) => set = Some(loaded),
                    Err(Error::Internal) if fresh.is_some() => {
                        let message =
                            "another policy in force can't be loaded; roll it back or delete it, then publish";
                        return Err(Error::Conflict(message.to_owned()));
                    }
                    Err(error) if fresh.is_some() => return Err(error),
                    Err(error) => tracing::warn!(%error, "what stays in force can't be loaded"),
                }
            }
            self.failpoints.reach("publish.loaded");
        }
        let committed = match self.store.commit(commit).await {
            Ok(committed) => committed,
            Err(CommitError::Conflict { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if changes_force {
            self.failpoints.reach("publish.committed");
            // It is done already; what can't be read now is read by whoever needs it.
            let _ = self.workspace(&workspace.id).await;
            self.failpoints.reach("publish.answering");
        }
        drop(set);
        Ok(Some(committed.sequence))
    }
}
