//! Update, suspend, resume and remove a member, and reset its factors: one record, one check, one audit record.

use std::collections::BTreeMap;

use access_model::audit::AuditRecord;
use access_model::{Event, EventKind, Id, IdKind, Member, Timestamp};
use access_store::{Commit, CommitError, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::actions;
use super::beyond::Beyond;
use super::owners::count_owners;
use super::rights::Rights;
use super::view::MemberView;
use crate::audit::append;
use crate::authority::Authority;
use crate::current::{Current, IfMatch};
use crate::decide::Permit;
use crate::error::Error;
use crate::events::record;
use crate::keys::{NAME_LENGTH, check_name};
use crate::records::{self, CommitExt as _, TRIES};

/// What is to be different. A field left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberUpdate {
    /// A name for people, 1 to 120 characters.
    #[serde(default)]
    #[schemars(length(min = 1, max = NAME_LENGTH), extend("x-catalog" = "name"))]
    pub name: Option<String>,
    /// Roles in the whole organization.
    #[serde(default)]
    #[schemars(example = &["viewer"])]
    pub roles: Option<Vec<String>>,
    /// Roles in single workspaces besides, by the workspace's id.
    #[serde(default, deserialize_with = "workspaces")]
    pub workspaces: Option<BTreeMap<String, Vec<String>>>,
}

fn workspaces<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, Vec<String>>>, D::Error> {
    cronflow_policy_cases::distinct(deserializer).map(Some)
}

/// A change of whether a member may sign in, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberChange {
    /// Keep it out for now.
    Suspend,
    /// Let it in again: whoever was suspended, or locked out by wrong passwords and codes.
    Resume,
    /// Keep it out for good.
    Remove,
    /// Take its second factors away.
    ResetFactors,
}

impl MemberChange {
    /// The action that it needs a permit for.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Suspend => actions::SUSPEND,
            Self::Resume => actions::RESUME,
            Self::Remove => actions::REMOVE,
            Self::ResetFactors => actions::RESET_FACTORS,
        }
    }

    fn apply(self, member: Member, now: Timestamp) -> Result<Member, Error> {
        Ok(match self {
            Self::Suspend => member.suspend(now)?,
            Self::Resume => member.resume()?,
            Self::Remove => member.remove(now),
            Self::ResetFactors => member.reset_factors(now)?,
        })
    }
}

/// A member, with what it issued that it could not issue with the roles it has now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "MemberInFull", example = example())]
pub struct MemberChanged {
    /// The member.
    #[serde(flatten)]
    pub member: MemberView,
    /// Keys and clients that it issued and that go beyond its rights. They work on until somebody ends them.
    pub beyond: Vec<Beyond>,
    /// Whether wrong passwords or codes keep it out for now; resuming it lets it in again.
    pub locked_out: bool,
}

fn example() -> Value {
    let mut example = super::view::example();
    if let Some(fields) = example.as_object_mut() {
        fields.insert("beyond".to_owned(), json!([super::beyond::example()]));
        fields.insert("locked_out".to_owned(), json!(false));
    }
    example
}

impl Authority {
    /// Changes the name and the roles of the member `id` of the permit's organization. Its sessions follow at once.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] names the field; [`Error::Member`]; [`Error::Stale`]; [`Error::Denied`] for roles
    /// that the caller may not give or take.
    pub async fn update_member(
        &self,
        permit: &Permit,
        id: &Id,
        update: MemberUpdate,
        if_match: &IfMatch,
    ) -> Result<Current<MemberChanged>, Error> {
        permit.covers(actions::UPDATE)?;
        if let Some(name) = &update.name {
            check_name(name)?;
        }
        let stated = self
            .rights(permit, update.roles.clone().unwrap_or_default(), update.workspaces.clone().unwrap_or_default())
            .await?;
        self.put_member_change(permit, id, if_match, false, |member, _| {
            let Rights { roles, workspaces } = stated.clone();
            let name = update.name.clone().unwrap_or_else(|| member.name.clone());
            let roles = if update.roles.is_some() { roles } else { member.roles.clone() };
            let workspaces = if update.workspaces.is_some() { workspaces } else { member.workspaces.clone() };
            Ok(member.with(name, roles, workspaces)?)
        })
        .await
    }

    /// Changes whether the member `id` of the permit's organization may sign in, or with what.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Member`]; [`Error::Stale`]; [`Error::Denied`] for a member whose roles the caller may not
    /// give or take.
    pub async fn change_member(
        &self,
        permit: &Permit,
        id: &Id,
        change: MemberChange,
        if_match: &IfMatch,
    ) -> Result<Current<MemberChanged>, Error> {
        permit.covers(change.action())?;
        let lifts = change == MemberChange::Resume && {
            let member = self.read_member(permit, id).await?.value;
            self.is_locked_out(&member).await?
        };
        let apply = |member, now| change.apply(member, now);
        let mut changed = self.put_member_change(permit, id, if_match, lifts, apply).await?;
        if lifts {
            let member = self.read_member(permit, id).await?.value;
            self.lift_lockouts(&member).await?;
            changed.shown.locked_out = false;
        }
        Ok(changed)
    }

    async fn put_member_change(
        &self,
        permit: &Permit,
        id: &Id,
        if_match: &IfMatch,
        // Whether it is recorded even where nothing of the member itself is to be different.
        in_any_case: bool,
        change: impl Fn(Member, Timestamp) -> Result<Member, Error>,
    ) -> Result<Current<MemberChanged>, Error> {
        for _ in 0..TRIES {
            let found = self.read_member(permit, id).await?;
            if_match.check(found.version())?;
            let (version, before, now) = (found.version(), found.value, self.clock.now());
            let after = change(before.clone(), now)?;
            // Whoever stands above one is not brought down by one.
            let touched = before.all_roles().union(&after.all_roles()).cloned().collect();
            let permit = self.permit_roles(permit, &touched, Some(id)).await?;
            let (was, member) = (MemberView::from(&before), MemberView::from(&after));
            let is_same = !in_any_case && was == member && before.sessions_after == after.sessions_after;
            let version = if is_same {
                version
            } else {
                let mut commit = Commit::new(id.home());
                commit.checks.push(found.check);
                commit.put(records::member(id), &after)?;
                count_owners(self.store.as_ref(), &mut commit, Some(&before), &after).await?;
                append(&mut commit, &self.member_record(&permit, &was, &member)?)?;
                if was.roles != member.roles || was.workspaces != member.workspaces {
                    let (owners, entropy) = ((after.organization, None), self.entropy.as_ref());
                    let event = Event::new(EventKind::MemberRoleChanged, owners, &id.to_string(), now, entropy)?;
                    let roles = |of: &MemberView| json!({ "roles": of.roles, "workspaces": of.workspaces });
                    let told = json!({ "before": roles(&was), "after": roles(&member), "by": permit.actor() });
                    record(&mut commit, &event.with(told))?;
                }
                match self.store.commit(commit).await {
                    Ok(committed) => committed.sequence,
                    Err(CommitError::Conflict { .. }) => continue,
                    Err(error) => return Err(error.into()),
                }
            };
            let beyond = self.beyond(permit.organization()?, &after).await?;
            let locked_out = self.is_locked_out(&after).await?;
            return Ok(Current { shown: MemberChanged { member, beyond, locked_out }, version });
        }
        Err(Error::Contended)
    }

    fn member_record(&self, permit: &Permit, before: &MemberView, after: &MemberView) -> Result<AuditRecord, Error> {
        let shown = |of: &MemberView| serde_json::to_value(of).map_err(Error::internal);
        Ok(AuditRecord {
            id: Id::draw(IdKind::Audit, after.id.home(), self.entropy.as_ref())?,
            at: self.clock.now(),
            organization: Some(after.organization),
            workspace: None,
            actor: permit.actor(),
            action: permit.action().to_owned(),
            target: after.id.to_string(),
            decision_id: Some(permit.decision_id().to_string()),
            before: Some(shown(before)?),
            after: Some(shown(after)?),
        })
    }
}
