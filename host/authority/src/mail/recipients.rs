//! Who is written to about an event.

use access_model::mail::{MOST_RECIPIENTS, Pace, is_wanted};
use access_model::{Event, Id, Mail, Member, Organization, OwnerState, Severity, Workspace};
use access_store::{Check, Commit, IndexEntry, Put, Range, Store as _};
use metrics::counter;

use super::post::{put_mail, wake_in};
use crate::authority::Authority;
use crate::error::Error;
use crate::records::{self, Versioned};

/// Members that are read at a time, and times that this is done: whoever joined after so many others is not written to.
const AT_ONCE: usize = 200;
const TIMES: usize = 25;

impl Authority {
    /// Writes to those who look after an organization, inside `commit`, where it wants that of such an event; says to how many.
    pub(crate) async fn write_mails(&self, commit: &mut Commit, event: &Event) -> Result<usize, Error> {
        let (Some(_), Some(kind)) = (&self.mailer, event.kind()) else { return Ok(0) };
        let (store, home, now) = (self.store.as_ref(), event.organization.home(), self.clock.now());
        let Some((organization, _)) = self.owners_of(event).await? else { return Ok(0) };
        if !is_wanted(organization.settings.mail_events.as_deref(), kind) {
            return Ok(0);
        }
        let recipients = self.recipients(event).await?;
        if recipients.is_empty() {
            return Ok(0);
        }
        // Alerts are counted by themselves, so that what is routine keeps none of them back.
        let whose = if kind.row().severity == Severity::Alert { "/alerts" } else { "" };
        let pace_key = format!("{}{whose}", records::mail_pace(&event.organization));
        let counted = records::read::<Pace>(store, home, pace_key.clone()).await?;
        let version = counted.as_ref().map(Versioned::version);
        let Some(after) = counted.map(|found| found.value).unwrap_or_default().count(now) else {
            counter!("access_mails_total", "result" => "too_many").increment(recipients.len() as u64);
            return Ok(0);
        };
        commit.checks.push(Check { key: pace_key.clone(), version });
        let json = serde_json::to_vec(&after).map_err(Error::internal)?;
        let forget_after = Some(now.plus(std::time::Duration::from_secs(7_200)));
        commit.puts.push(Put { forget_after, ..Put::new(pace_key, json.into()) });
        for member in &recipients {
            put_mail(commit, &Mail::new(event.id, *member, now))?;
        }
        wake_in(commit, now);
        Ok(recipients.len())
    }

    /// Whose an event is, while they are active: nobody is written to about what is suspended or archived.
    pub(super) async fn owners_of(&self, event: &Event) -> Result<Option<(Organization, Option<Workspace>)>, Error> {
        let (store, home) = (self.store.as_ref(), event.organization.home());
        let found = records::read::<Organization>(store, home, records::organization(&event.organization)).await?;
        let organization = found.map(|found| found.value).filter(|found| found.state == OwnerState::Active);
        let Some(organization) = organization else { return Ok(None) };
        let Some(id) = &event.workspace else { return Ok(Some((organization, None))) };
        let found = records::read::<Workspace>(store, home, records::workspace(id)).await?;
        let workspace = found.map(|found| found.value).filter(|found| found.state == OwnerState::Active);
        Ok(workspace.map(|workspace| (organization, Some(workspace))))
    }

    /// The members that look after what an event is about.
    async fn recipients(&self, event: &Event) -> Result<Vec<Id>, Error> {
        let (store, home) = (self.store.as_ref(), event.organization.home());
        let (mut recipients, mut after): (Vec<Id>, Option<IndexEntry>) = (Vec::new(), None);
        for _ in 0..TIMES {
            let index = records::members_of(&event.organization);
            let range = Range { index, after: after.take(), up_to: None, descending: false, limit: AT_ONCE };
            let page = store.range(home, range).await?;
            let keys: Vec<String> = page.iter().map(|entry| format!("member/{}", entry.member)).collect();
            for (key, record) in keys.iter().zip(store.read(home, &keys).await?) {
                let Some(record) = record else { continue };
                let member: Member = records::decode(key, &record)?;
                if self.looks_after(&member, event) {
                    recipients.push(member.id);
                }
            }
            if page.len() < AT_ONCE || recipients.len() >= MOST_RECIPIENTS {
                break;
            }
            after = page.into_iter().next_back();
        }
        recipients.truncate(MOST_RECIPIENTS);
        Ok(recipients)
    }

    /// Whether a member is written to about an event.
    pub(super) fn looks_after(&self, member: &Member, event: &Event) -> bool {
        let wanted = &self.catalog.mail.roles;
        let has = |roles: &[String]| roles.iter().any(|role| wanted.contains(role));
        let there = event.workspace.map(|workspace| member.roles_in(&workspace)).unwrap_or_default();
        member.is_active() && (has(&member.roles) || has(&there))
    }
}
