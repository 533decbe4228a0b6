//! What the audit trail is told: who came in, who didn't, what was locked. Never what was typed.

use access_model::audit::{Actor, AuditRecord};
use access_model::invitation::InvitationError;
use access_model::{Event, EventKind, Id, IdKind, Invitation, Member, Shard, Timestamp};
use access_store::{Commit, Store as _};
use serde_json::{Value, json};

use super::{Visitor, actions};
use crate::audit::append;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::events::record;

/// Who was refused: a member, or whoever stands at an address that nobody has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refused<'a> {
    Member(&'a Member),
    /// Digest of the address, which may be a password that was typed in the wrong place.
    Nobody(&'a str),
}

impl Authority {
    /// Records what a member does to what is its own, in `commit`.
    pub(super) fn put_on_record(
        &self,
        commit: &mut Commit,
        member: &Member,
        permit: &Permit,
        target: &str,
        after: Value,
    ) -> Result<(), Error> {
        let record = AuditRecord {
            actor: permit.actor(),
            decision_id: Some(permit.decision_id().to_string()),
            ..self.record_of(Some(member), permit.action(), target, after)?
        };
        append(commit, &record)
    }

    /// Records that somebody came in, in `commit`.
    pub(super) fn put_entry(
        &self,
        commit: &mut Commit,
        member: &Member,
        action: &str,
        target: &str,
        after: Value,
    ) -> Result<(), Error> {
        append(commit, &self.record_of(Some(member), action, target, after)?)
    }

    /// Records that somebody did not, and that this locked something.
    pub(super) async fn record_refusal(
        &self,
        whom: Refused<'_>,
        reason: &str,
        visitor: &Visitor,
        locks_until: Option<Timestamp>,
    ) -> Result<(), Error> {
        let (member, target) = match whom {
            Refused::Member(member) => (Some(member), member.id.to_string()),
            Refused::Nobody(digest) => (None, format!("address/{}", digest.get(..16).unwrap_or_default())),
        };
        let nobody = || Actor { kind: "anonymous".to_owned(), id: None };
        let mut commit = Commit::new(member.map_or(Shard::PLATFORM, |member| member.id.home()));
        let after = visitor.told([("reason", json!(reason))]);
        let refusal = self.record_of(member, actions::REFUSE, &target, after)?;
        append(&mut commit, &AuditRecord { actor: nobody(), ..refusal })?;
        if let Some(until) = locks_until {
            let locked = json!({ "until": until, "reason": reason });
            let lock = self.record_of(member, actions::LOCK, &target, locked)?;
            append(&mut commit, &AuditRecord { actor: crate::lifecycle::system(), ..lock })?;
            if let Some(member) = member {
                let (owners, now) = ((member.organization, None), self.clock.now());
                let locked = Event::new(EventKind::MemberLockedOut, owners, &target, now, self.entropy.as_ref())?;
                record(&mut commit, &locked.with(json!({ "until": until, "reason": reason })))?;
            }
        }
        self.store.commit(commit).await?;
        Ok(())
    }

    /// Records that somebody came with an invitation that is none any more.
    pub(super) async fn record_late_guest(
        &self,
        invitation: &Invitation,
        why: InvitationError,
        visitor: &Visitor,
    ) -> Result<(), Error> {
        let after = visitor.told([("reason", json!(format!("invitation_{}", why.name())))]);
        let record = self.record_of(None, actions::REFUSE, &invitation.id.to_string(), after)?;
        let anonymous = Actor { kind: "anonymous".to_owned(), id: None };
        let home = invitation.id.home();
        let id = Id::draw(IdKind::Audit, home, self.entropy.as_ref())?;
        let mut commit = Commit::new(home);
        let organization = Some(invitation.organization);
        append(&mut commit, &AuditRecord { id, organization, actor: anonymous, ..record })?;
        self.store.commit(commit).await?;
        Ok(())
    }

    /// The platform's record of an address being reserved for a member to be.
    pub(super) fn reservation(&self, member: &Id, organization: &Id) -> Result<AuditRecord, Error> {
        let after = json!({ "organization": organization });
        let record = self.record_of(None, actions::ACCEPT, &member.to_string(), after)?;
        Ok(AuditRecord { actor: crate::lifecycle::system(), ..record })
    }

    fn record_of(
        &self,
        member: Option<&Member>,
        action: &str,
        target: &str,
        after: Value,
    ) -> Result<AuditRecord, Error> {
        let home = member.map_or(Shard::PLATFORM, |member| member.id.home());
        Ok(AuditRecord {
            id: Id::draw(IdKind::Audit, home, self.entropy.as_ref())?,
            at: self.clock.now(),
            organization: member.map(|member| member.organization),
            workspace: None,
            actor: Actor { kind: "member".to_owned(), id: member.map(|member| member.id) },
            action: action.to_owned(),
            target: target.to_owned(),
            decision_id: None,
            before: None,
            after: Some(after),
        })
    }
}

impl Visitor {
    /// What somebody did and where they stand, for the audit trail.
    pub(super) fn told<const N: usize>(&self, what: [(&str, Value); N]) -> Value {
        let ip = self.ip.map(|ip| ip.to_canonical().to_string());
        let place = [("ip", json!(ip)), ("user_agent", json!(self.user_agent))];
        place.into_iter().chain(what).collect()
    }
}
