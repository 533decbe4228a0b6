//! What is done about a leaked secret: one commit.

use std::collections::BTreeMap;
use std::time::Duration;

use access_model::audit::{Actor, AuditRecord};
use access_model::catalog::Reaction;
use access_model::{
    AccessToken, ApiKey, Client, Credential, Event, EventKind, Gateway, Id, IdKind, PlainSecret, Timestamp,
};
use access_store::{Check, Commit, CommitError, Put, Store as _};
use metrics::counter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::actions;
use super::report::Told;
use super::subject::{Named, Subject};
use crate::audit::append;
use crate::authority::Authority;
use crate::due::{schedule_client, schedule_key};
use crate::error::Error;
use crate::events::record;
use crate::records::{self, CommitExt as _, TRIES, decode};

/// It is remembered for so long which secrets were dealt with.
const REMEMBERED: Duration = Duration::from_secs(400 * 86_400);

/// What was done already, by the numbers of secrets: the strictest reaction that changed something, or `notify`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Leaked {
    #[serde(default)]
    done: BTreeMap<u32, Reaction>,
}

impl Leaked {
    /// Whether a report is the first of its secret, or `reaction` is more than was done and would change something now. So what
    /// changed nothing, because the credential was switched off already or the catalog was milder, stands in no later one's way.
    fn calls_for(&self, reaction: Reaction, subject: &Subject, now: Timestamp) -> bool {
        match self.done.get(&subject.number()) {
            None => true,
            Some(done) => strictness(*done) < strictness(reaction) && subject.is_short_of(reaction, now),
        }
    }
}

const fn strictness(reaction: Reaction) -> u8 {
    match reaction {
        Reaction::Notify => 0,
        Reaction::Disable => 1,
        Reaction::Revoke => 2,
    }
}

impl Authority {
    /// Does what is called for about one secret, and as much where nothing is.
    pub(super) async fn report_leak(&self, secret: &PlainSecret, told: &Told) -> Result<(), Error> {
        let Some(named) = self.named(secret) else { return Ok(()) };
        let (home, keys) = (named.id.home(), [named.key(), records::leaked(&named.id)]);
        let reaction = named.reaction();
        for _ in 0..TRIES {
            let now = self.clock.now();
            let found = self.store.read(home, &keys).await?;
            let [credential, before] = found.as_slice() else { return Err(Error::internal("two keys, two records")) };
            let [key, leaked_key] = &keys;
            let mut leaked: Leaked = match before {
                Some(before) => decode(leaked_key, before)?,
                None => Leaked::default(),
            };
            let subject = self.subject(&named, credential.as_ref(), secret, now)?;
            let subject = subject.filter(|subject| leaked.calls_for(reaction, subject, now));
            let mut commit = Commit::new(home);
            let is_ours = subject.as_ref().map(|subject| subject.owners().is_none());
            if let Some(subject) = subject {
                let version = |found: &Option<access_store::Record>| found.as_ref().map(|record| record.version);
                commit.checks.push(Check { key: key.clone(), version: version(credential) });
                commit.checks.push(Check { key: leaked_key.clone(), version: version(before) });
                let done = if subject.is_short_of(reaction, now) { reaction } else { Reaction::Notify };
                leaked.done.insert(subject.number(), done);
                put_for(&mut commit, leaked_key.clone(), &leaked, now.plus(REMEMBERED))?;
                self.react(&mut commit, &named, subject, told, now)?;
            } else {
                // As much work as there would have been, in a place that nobody looks at.
                put_for(&mut commit, records::LEAK_OF_NOBODY.to_owned(), &Leaked::default(), now.plus(REMEMBERED))?;
            }
            match self.store.commit(commit).await {
                Ok(_) => {
                    if let Some(is_ours) = is_ours {
                        let (reaction, kind) = (reaction.name(), named.kind_name().to_owned());
                        if is_ours {
                            // There is no event of what has no owners: this is what operators are told by.
                            tracing::error!(
                                id = %named.id, kind, reaction,
                                "a secret of this installation was reported as leaked: replace it"
                            );
                        } else {
                            tracing::warn!(id = %named.id, kind, reaction, "a secret was reported as leaked");
                        }
                        counter!("access_leaks_total", "kind" => kind, "reaction" => reaction).increment(1);
                    }
                    return Ok(());
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Puts into `commit` what is done, its record in the trail, and what people are told.
    fn react(
        &self,
        commit: &mut Commit,
        named: &Named<'_>,
        subject: Subject,
        told: &Told,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (reaction, owners, event) = (named.reaction(), subject.owners(), subject.event());
        let (before, number) = (subject.state(now), subject.number());
        let after = self.change_leaked(commit, subject, reaction, now)?;
        let number = (number > 0).then_some(number);
        let ip = told.from.map(|ip| ip.to_canonical().to_string());
        let mut about = json!({
            "kind": named.kind_name(),
            "reaction": reaction,
            "state": after,
            "secret": number,
            "url": told.url,
            "note": told.note,
        });
        if let (Some(event), Some(owners)) = (event, owners) {
            let target = named.id.to_string();
            let event = Event::new(event, owners, &target, now, self.entropy.as_ref())?;
            record(commit, &event.with(about.clone()))?;
        }
        if let Some(about) = about.as_object_mut() {
            about.insert("ip".to_owned(), json!(ip));
        }
        append(
            commit,
            &AuditRecord {
                id: Id::draw(IdKind::Audit, named.id.home(), self.entropy.as_ref())?,
                at: now,
                organization: owners.map(|(organization, _)| organization),
                workspace: owners.and_then(|(_, workspace)| workspace),
                actor: Actor { kind: "anonymous".to_owned(), id: None },
                action: match reaction {
                    Reaction::Revoke => actions::REVOKE,
                    Reaction::Disable => actions::DISABLE,
                    Reaction::Notify => actions::NOTIFY,
                }
                .to_owned(),
                target: named.id.to_string(),
                decision_id: None,
                before: Some(json!({ "state": before })),
                after: Some(about),
            },
        )
    }

    /// Changes what the secret is of. Answers where it stands then.
    fn change_leaked(
        &self,
        commit: &mut Commit,
        subject: Subject,
        reaction: Reaction,
        now: Timestamp,
    ) -> Result<&'static str, Error> {
        if reaction == Reaction::Notify {
            return Ok(subject.state(now));
        }
        let after = match subject {
            Subject::Key(key) => Subject::Key(self.end_key(commit, key, reaction, now)?),
            Subject::Client(client, number) => Subject::Client(self.end_client(commit, client, reaction, now)?, number),
            Subject::Token(token) => {
                let ended = AccessToken { revoked_at: Some(now), ..token };
                let (id, forget_at) = (ended.id, ended.expires_at);
                put_for(commit, records::credential(&id), &Credential::AccessToken(ended.clone()), forget_at)?;
                Subject::Token(ended)
            }
            Subject::Session(session) => Subject::Session(self.end(commit, session)?),
            Subject::Invitation(invitation) => {
                let after = invitation.revoke(now)?;
                commit.put(records::invitation(&after.id), &after)?;
                Subject::Invitation(after)
            }
            Subject::Gateway(gateway) => {
                let after = Gateway { revoked_at: Some(now), ..gateway };
                commit.put_credential(&Credential::Gateway(after.clone()))?;
                Subject::Gateway(after)
            }
            // The catalog says nothing but `notify` of these.
            Subject::Operator | Subject::Webhook(..) => subject,
        };
        Ok(after.state(now))
    }

    fn end_key(&self, commit: &mut Commit, key: ApiKey, reaction: Reaction, now: Timestamp) -> Result<ApiKey, Error> {
        let before = key.state;
        let after = if reaction == Reaction::Revoke { key.revoke(now) } else { key.disable(now)? };
        commit.put_credential(&Credential::ApiKey(after.clone()))?;
        schedule_key(commit, &after, &self.upkeep(&after.kind), now);
        if after.state != before {
            let happened = if after.is_revoked() { EventKind::KeyRevoked } else { EventKind::KeyDisabled };
            let owners = (after.organization, Some(after.workspace));
            let event = Event::new(happened, owners, &after.id.to_string(), now, self.entropy.as_ref())?;
            record(commit, &event.with(by_report(&after.name)))?;
        }
        Ok(after)
    }

    fn end_client(
        &self,
        commit: &mut Commit,
        client: Client,
        reaction: Reaction,
        now: Timestamp,
    ) -> Result<Client, Error> {
        let before = client.state;
        let is_revoked = reaction == Reaction::Revoke;
        let after = if is_revoked { client.revoke(now) } else { client.disable(now)? };
        commit.put_credential(&Credential::Client(after.clone()))?;
        if after.state != before {
            schedule_client(commit, &after, &self.upkeep(&after.kind), now);
            let happened = if is_revoked { EventKind::ClientRevoked } else { EventKind::ClientDisabled };
            let owners = (after.organization, None);
            let event = Event::new(happened, owners, &after.id.to_string(), now, self.entropy.as_ref())?;
            record(commit, &event.with(by_report(&after.terms.name)))?;
        }
        Ok(after)
    }
}

fn by_report(name: &str) -> Value {
    json!({ "name": name, "by": { "kind": "anonymous" }, "because": "leaked" })
}

fn put_for<T: Serialize>(commit: &mut Commit, key: String, value: &T, until: Timestamp) -> Result<(), Error> {
    let json = serde_json::to_vec(value).map_err(Error::internal)?;
    commit.puts.push(Put { forget_after: Some(until), ..Put::new(key, json.into()) });
    Ok(())
}
