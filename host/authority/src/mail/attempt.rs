//! One attempt: read what is told and to whom, write it, hand it over, record.

use access_model::{Event, Id, Mail, Member, Organization, Workspace};
use access_outbound::{Letter, MailError};
use access_store::{Check, Commit, CommitError, Store as _, Survives};
use metrics::counter;

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
            return Ok(());
        }
        let told = Versioned::<Event>::of(event_key, told.as_ref())?;
        let to = Versioned::<Member>::of(member_key, to.as_ref())?;
        // Whoever does not look after it any more is not written to any more.
        let Some((told, to)) = told.zip(to).filter(|(told, to)| self.looks_after(&to.value, &told.value)) else {
            return self.settle_mail(mail, commit, None).await;
        };
        let sent = self.send_mail(&told.value, &to.value).await;
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

    async fn send_mail(&self, event: &Event, to: &Member) -> Result<(), MailError> {
        let Some(mailer) = &self.mailer else { return Err(MailError::NoAnswer("there is no relay".to_owned())) };
        let unread = |error: Error| MailError::NoAnswer(error.to_string());
        let (organization, workspace) = self.names_of(event).await.map_err(unread)?;
        let told =
            Told { event, organization: &organization, workspace: workspace.as_deref(), base: &mailer.public_url };
        let (id, subject, body) = (format!("{}.{}", event.id, to.id), text::subject(&told), text::body(&told));
        let letter = Letter { id: &id, to: to.email.as_str(), subject: &subject, body: &body, at: event.at };
        mailer.relay.send(letter).await
    }

    /// What the owners of an event are called.
    async fn names_of(&self, event: &Event) -> Result<(String, Option<String>), Error> {
        let (store, home) = (self.store.as_ref(), event.organization.home());
        let key = records::organization(&event.organization);
        let organization = records::read::<Organization>(store, home, key).await?;
        let workspace = match &event.workspace {
            Some(id) => records::read::<Workspace>(store, home, records::workspace(id)).await?,
            None => None,
        };
        let name = organization.map_or_else(|| event.organization.to_string(), |found| found.value.name);
        Ok((name, workspace.map(|found| found.value.name)))
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
