//! One attempt: read what is told and to whom, write it, hand it over, record.

use access_model::{Credential, Event, Id, IdKind, Mail, Member, Organization, Workspace};
use access_outbound::{Letter, MailError};
use access_store::{Check, Commit, CommitError, Store as _, Survives};
use metrics::counter;
use serde_json::Value;

use super::post::{put_mail, take_out, wake_in};
use super::text::{self, Told};
use crate::authority::Authority;
use crate::error::Error;
use crate::records::{self, Versioned};

impl Authority {
    /// Makes an attempt at a mail that is due, or does away with one that is over.
    pub(super) async fn attempt_mail(&self, event: &Id, member: &Id) -> Result<(), Error> {
        let (store, home, now) = (self.store.as_ref(), event.home(), self.clock.now());
        let keys = [records::mail(event, member), records::event(event), records::member(member)];
        let read = store.read(home, &keys).await?;
        let ([mail_key, event_key, member_key], [mail, told, to]) = (keys, read.as_slice()) else {
            return Err(Error::internal("the store answers what it was not asked"));
        };
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(home) };
        let Some(mail) = Versioned::<Mail>::of(mail_key.clone(), mail.as_ref())? else {
            commit.checks.push(Check { key: mail_key, version: None });
            take_out(&mut commit, event, member);
            return self.commit_due(commit).await;
        };
        if !mail.value.is_due_at(now) {
            // Whoever put it later did not know when it is due, and it would be begun until then.
            let as_it_is = mail.value.clone();
            return self.settle_mail(mail, commit, Some(as_it_is)).await;
        }
        let told = Versioned::<Event>::of(event_key, told.as_ref())?;
        let to = Versioned::<Member>::of(member_key, to.as_ref())?;
        // Whoever does not look after it any more is not written to any more.
        let Some((told, to)) = told.zip(to).filter(|(told, to)| self.looks_after(&to.value, &told.value)) else {
            return self.settle_mail(mail, commit, None).await;
        };
        // Nor is anybody while its owners are switched off.
        let Some((organization, workspace)) = self.owners_of(&told.value).await? else {
            return self.settle_mail(mail, commit, None).await;
        };
        let sent = self.send_mail(&told.value, (&organization, workspace.as_ref()), &to.value).await;
        self.failpoints.reach("mail.sent");
        let mut spread = [0_u8; 4];
        self.entropy.fill(&mut spread)?;
        let spread = u32::from_be_bytes(spread) % 1_001;
        let now = self.clock.now();
        let (result, after) = match &sent {
            Ok(()) => ("sent", None),
            Err(error) if error.is_final() => ("given_up", None),
            Err(_) => match mail.value.clone().put_off(spread, now) {
                Some(after) => ("put_off", Some(after)),
                None => ("given_up", None),
            },
        };
        counter!("access_mails_total", "result" => result).increment(1);
        if let Err(error) = &sent {
            tracing::warn!(%error, event = %event, member = %member, result, "a mail was not taken");
        }
        self.tell_how_mail_fares(&sent, (result == "given_up").then_some((event, member))).await;
        wake_in(&mut commit, now);
        self.settle_mail(mail, commit, after).await
    }

    async fn send_mail(
        &self,
        event: &Event,
        (organization, workspace): (&Organization, Option<&Workspace>),
        to: &Member,
    ) -> Result<(), MailError> {
        let Some(mailer) = &self.mailer else { return Err(MailError::NoAnswer("there is no relay".to_owned())) };
        // Without a name, its id is told.
        let name = self.name_of_target(event).await.unwrap_or_default();
        let told = Told {
            event,
            organization: &organization.name,
            workspace: workspace.map(|workspace| workspace.name.as_str()),
            name: name.as_deref(),
            base: &mailer.public_url,
        };
        let (id, subject, body) = (format!("{}.{}", event.id, to.id), text::subject(&told), text::body(&told));
        let letter = Letter { id: &id, to: to.email.as_str(), subject: &subject, body: &body, at: event.at };
        mailer.relay.send(letter).await
    }

    /// What an event's target is called, where the event doesn't say: the name of a key or a client, a member's address.
    async fn name_of_target(&self, event: &Event) -> Result<Option<String>, Error> {
        let target = event.target.parse::<Id>().ok().filter(|_| event.data.get("name").is_none_or(Value::is_null));
        let (Some(id), store, home) = (target, self.store.as_ref(), event.organization.home()) else { return Ok(None) };
        Ok(match id.kind() {
            IdKind::Key | IdKind::Client => {
                let found = records::read::<Credential>(store, home, records::credential(&id)).await?;
                match found.map(|found| found.value) {
                    Some(Credential::ApiKey(key)) => Some(key.name),
                    Some(Credential::Client(client)) => Some(client.terms.name),
                    _ => None,
                }
            }
            IdKind::Member => {
                let found = records::read::<Member>(store, home, records::member(&id)).await?;
                found.map(|found| found.value.email.to_string())
            }
            _ => None,
        })
    }

    /// Puts what became of a mail; `after`: it is tried again.
    async fn settle_mail(&self, before: Versioned<Mail>, mut commit: Commit, after: Option<Mail>) -> Result<(), Error> {
        commit.checks.push(before.check);
        match after {
            Some(after) => put_mail(&mut commit, &after)?,
            None => take_out(&mut commit, &before.value.event, &before.value.member),
        }
        match self.store.commit(commit).await {
            // Another host did the same.
            Ok(_) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
