//! Upload a policy: a new revision, in force at once where that is asked for.

use access_model::{Policy, Timestamp};
use access_store::{Check, IndexEntry, Put};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;

use super::change::{Books, Changed, told};
use super::kept::Revision;
use super::upload::{Passed, UploadRequest};
use super::{PolicyView, RevisionView, actions};
use crate::authority::Authority;
use crate::current::{Current, IfMatch};
use crate::decide::Permit;
use crate::error::Error;
use crate::records::{self, CommitExt as _, TRIES};

/// What came of an upload.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "UploadedPolicy")]
pub struct PutView {
    /// The policy as it is now.
    #[serde(flatten)]
    pub policy: PolicyView,
    /// The revision that the upload is. The same again is the same revision.
    pub revision: RevisionView,
}

impl Authority {
    /// Keeps an upload that passes the gate as a revision of the policy `name`, and with a permit to `publish` puts it in
    /// force, in the same commit. When this returns, decisions on this host follow it.
    ///
    /// # Errors
    /// [`Error::UploadRefused`]; [`Error::TooLarge`]; [`Error::Invalid`] names the field; [`Error::Stale`]; [`Error::Busy`];
    /// [`Error::Conflict`] where no more is kept.
    pub async fn put_policy(
        &self,
        permit: &Permit,
        publish: Option<&Permit>,
        name: &str,
        request: UploadRequest,
        if_match: &IfMatch,
    ) -> Result<Current<PutView>, Error> {
        permit.covers(actions::PUT)?;
        publish.map_or(Ok(()), |publish| publish.covers(actions::PUBLISH))?;
        let workspace = permit.workspace_id()?;
        // What is stale already need not be examined.
        if let IfMatch::One(_) = if_match {
            self.read_policy_books(&workspace, name).await?.check(if_match)?;
        }
        let passed = self.examine_upload(permit, name, request).await?;
        self.failpoints.reach("publish.examined");
        for _ in 0..TRIES {
            let books = self.read_policy_books(&workspace, name).await?;
            books.check(if_match)?;
            let now = self.clock.now();
            let (revision, is_new) = self.revision_of(permit, &books, name, &passed, now).await?;
            let alive = books.alive(name).ok();
            let mut policy = alive.map(|alive| alive.value.clone()).unwrap_or_else(|| {
                let mut policy = Policy::new(name, revision.reference(), now);
                // The numbers of one that was deleted go on.
                if let (Some(deleted), false) = (&books.policy, is_new) {
                    policy.latest = deleted.value.latest.clone();
                }
                policy
            });
            if is_new {
                (policy.latest, policy.updated_at) = (revision.reference(), now);
            }
            let mut changed = books.unchanged(policy);
            if is_new || alive.is_none() {
                self.keep(&mut changed, &books, &revision, &passed, is_new).await?;
                let before = alive.map(|alive| &alive.value.latest);
                let (before, after) = (told(before)?, told(Some(&revision.reference()))?);
                self.record_policy_change(&mut changed.commit, permit, name, before, after)?;
            }
            if let Some(publish) = publish
                && changed.policy.published.as_ref() != Some(&revision.reference())
            {
                self.put_in_force(&mut changed, publish, &revision, now)?;
            }
            let shown = |policy: &Policy| PutView {
                policy: policy.into(),
                revision: RevisionView::new(revision.clone(), None),
            };
            if changed.commit.appends.is_empty() {
                let version = alive.map_or(0, |alive| alive.version());
                return Ok(Current { shown: shown(&changed.policy), version });
            }
            let shown = shown(&changed.policy);
            if let Some(version) = self.land_policy(&books, changed, Some(&passed.examined.package)).await? {
                return Ok(Current { shown, version });
            }
        }
        Err(Error::Contended)
    }

    /// The revision that an upload is: one that is kept already, or a new one.
    async fn revision_of(
        &self,
        permit: &Permit,
        books: &Books,
        name: &str,
        passed: &Passed,
        now: Timestamp,
    ) -> Result<(Revision, bool), Error> {
        let workspace = &books.workspace.value.id;
        let content = records::policy_content(workspace, name, &passed.digest);
        if let Some(known) = records::read::<u64>(self.store.as_ref(), workspace.home(), content).await? {
            return Ok((self.get_revision(workspace, name, known.value).await?, false));
        }
        let number = books.policy.as_ref().map_or(1, |policy| policy.value.next());
        let most = self.catalog.limits.policy_revisions;
        if number > most {
            let message = format!("{most} revisions are kept of a policy, and `{name}` has them; give it another name");
            return Err(Error::Conflict(message));
        }
        let upload = &passed.upload;
        let revision = Revision {
            revision: number,
            digest: passed.digest.clone(),
            engine: upload.engine,
            mode: passed.mode,
            settings: upload.settings.clone(),
            attributes: upload.attributes.clone(),
            module: access_model::audit::sha256_hex(&upload.module),
            cases: access_model::audit::sha256_hex(&passed.cases),
            report: passed.examined.report.clone(),
            created_at: now,
            created_by: permit.actor(),
        };
        Ok((revision, true))
    }

    /// Puts a revision, with what of it is not kept yet, and the policy's place in the list into a commit.
    async fn keep(
        &self,
        changed: &mut Changed,
        books: &Books,
        revision: &Revision,
        passed: &Passed,
        is_new: bool,
    ) -> Result<(), Error> {
        let Changed { policy, workspace, commit } = changed;
        let (limits, workspace) = (&self.catalog.limits, &workspace.id);
        let mut totals = books.totals.value.clone();
        if books.alive(&policy.name).is_err() {
            totals.policies += 1;
            if totals.policies > limits.policies {
                let message = format!("a workspace has {} policies at most; delete one", limits.policies);
                return Err(Error::Conflict(message));
            }
            let entry = IndexEntry { score: 0, member: policy.name.clone() };
            commit.index_puts.push((records::policies_of(workspace), entry));
        }
        if is_new {
            commit.put_new(records::policy_revision(workspace, &policy.name, revision.revision), revision)?;
            commit.put_new(records::policy_content(workspace, &policy.name, &revision.digest), &revision.revision)?;
            let parts = [(&revision.module, &passed.upload.module), (&revision.cases, &passed.cases)];
            let known = self.read_parts(workspace, &parts.map(|(sha256, _)| sha256.clone())).await?;
            for (sha256, bytes) in parts.into_iter().filter(|(sha256, _)| !known.contains_key(*sha256)) {
                totals.bytes += bytes.len() as u64;
                commit.puts.push(Put::new(records::policy_part(workspace, sha256), Bytes::copy_from_slice(bytes)));
            }
            if totals.bytes > limits.policy_bytes {
                let message = format!(
                    "{} bytes of policies are kept for a workspace, and this would be more; ask the operator for more",
                    limits.policy_bytes
                );
                return Err(Error::Conflict(message));
            }
        }
        let Check { key, version } = books.totals.check.clone();
        commit.checks.push(Check { key: key.clone(), version });
        commit.put(key, &totals)
    }
}
