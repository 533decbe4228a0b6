//! Who is written to about an event.

use access_model::mail::{MOST_RECIPIENTS, Pace, is_wanted};
use access_model::{Event, Id, Mail, Member, Organization};
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
        let keys = [records::organization(&event.organization), records::mail_pace(&event.organization)];
        let read = store.read(home, &keys).await?;
        let ([owner_key, pace_key], [owner, pace]) = (keys, read.as_slice()) else {
            return Err(Error::internal("the store answers what it was not asked"));
        };
        let Some(owner) = Versioned::<Organization>::of(owner_key, owner.as_ref())? else { return Ok(0) };
        if !is_wanted(owner.value.settings.mail_events.as_deref(), kind) {
            return Ok(0);
        }
        let recipients = self.recipients(event).await?;
        if recipients.is_empty() {
            return Ok(0);
        }
        let counted = Versioned::<Pace>::of(pace_key.clone(), pace.as_ref())?;
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
