//! Names of records, indexes and logs, and how they are read and written. The one place that knows both.

use access_model::{Credential, Id, IdKind, Shard};
use access_store::{Check, Commit, Put, Record, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// Times that a change is tried against others'.
pub(crate) const TRIES: usize = 5;

/// The platform's first record: how the installation began.
pub(crate) const INSTALLATION: &str = "installation";
/// Peppers and derived keys, sealed under the root key.
pub(crate) const KEYRING: &str = "keyring";
/// How far the dev clock runs ahead.
pub(crate) const DEV_CLOCK: &str = "dev-clock";

/// Key of the record that a secret resolves to.
pub(crate) fn credential(id: &Id) -> String {
    format!("credential/{id}")
}

/// Key of an organization's record.
pub(crate) fn organization(id: &Id) -> String {
    format!("organization/{id}")
}

/// Key of a workspace's record.
pub(crate) fn workspace(id: &Id) -> String {
    format!("workspace/{id}")
}

/// Key of a meter's record.
pub(crate) fn meter(lineage: &Id) -> String {
    format!("meter/{lineage}")
}

/// Index of a workspace's keys, by time of issue.
pub(crate) fn keys_of(workspace: &Id) -> String {
    format!("keys/{workspace}")
}

/// Index of an organization's workspaces, by time of creation.
pub(crate) fn workspaces_of(organization: &Id) -> String {
    format!("workspaces/{organization}")
}

/// Key of the record that reserves an organization's name.
pub(crate) fn organization_name(name: &str) -> String {
    format!("organization-name/{name}")
}

/// Key of the record that reserves a workspace's name within its organization.
pub(crate) fn workspace_name(organization: &Id, name: &str) -> String {
    format!("workspace-name/{organization}/{name}")
}

/// Key of the record of a request that may be sent again, by a digest of whose it is.
pub(crate) fn idempotency(digest: &str) -> String {
    format!("idempotency/{digest}")
}

/// Key of a policy's head.
pub(crate) fn policy(workspace: &Id, name: &str) -> String {
    format!("policy/{workspace}/{name}")
}

/// Key of a policy's revision, without its module.
pub(crate) fn policy_revision(workspace: &Id, name: &str, revision: u64) -> String {
    format!("policy-revision/{workspace}/{name}/{revision}")
}

/// Key of the number that a policy's content has, by its digest.
pub(crate) fn policy_content(workspace: &Id, name: &str, digest: &str) -> String {
    format!("policy-content/{workspace}/{name}/{digest}")
}

/// Key of a module, or of cases, by their SHA-256.
pub(crate) fn policy_part(workspace: &Id, sha256: &str) -> String {
    format!("policy-part/{workspace}/{sha256}")
}

/// Key of what is kept of a workspace's policies altogether.
pub(crate) fn policy_totals(workspace: &Id) -> String {
    format!("policy-totals/{workspace}")
}

/// Key of how a workspace's policies fare on a host.
pub(crate) fn policy_status(workspace: &Id, host: &str) -> String {
    format!("policy-status/{workspace}/{host}")
}

/// Index of a workspace's policies, by name.
pub(crate) fn policies_of(workspace: &Id) -> String {
    format!("policies/{workspace}")
}

/// Index of all organizations, by time of creation.
pub(crate) const ORGANIZATIONS: &str = "organizations";

/// Index of the operators, by when they came to be.
pub(crate) const OPERATORS: &str = "operators";

/// Index of all gateway credentials, by time of issue.
pub(crate) const GATEWAYS: &str = "gateways";

/// Counters of a workspace's usage on a day.
pub(crate) fn usage(workspace: &Id, day: &str) -> String {
    format!("usage/{workspace}/{day}")
}

/// Counters of the scopes that a key needed on a day.
pub(crate) fn scopes_needed(key: &Id, day: &str) -> String {
    format!("scopes-needed/{key}/{day}")
}

/// Counters of what was asked about a workspace's keys on a day, by hour and what came of it.
pub(crate) fn traffic(workspace: &Id, day: &str) -> String {
    format!("traffic/{workspace}/{day}")
}

/// Counters of the same, by key and where it came from.
pub(crate) fn traffic_clients(workspace: &Id, day: &str) -> String {
    format!("traffic-clients/{workspace}/{day}")
}

/// Counters of the hours of a day in which something came from somewhere.
pub(crate) fn traffic_seen(workspace: &Id, day: &str) -> String {
    format!("traffic-seen/{workspace}/{day}")
}

/// Key of the record of when a key was last used.
pub(crate) fn last_used(key: &Id) -> String {
    format!("last-used/{key}")
}

/// Key of the record that flags a key or client as inactive: since when.
pub(crate) fn inactive(id: &Id) -> String {
    format!("inactive/{id}")
}

/// Key of the record of what is snoozed about a key.
pub(crate) fn snoozes(key: &Id) -> String {
    format!("snoozes/{key}")
}

/// Key of the record of which secrets of a credential were reported as leaked and dealt with.
pub(crate) fn leaked(id: &Id) -> String {
    format!("leaked/{id}")
}

/// Key of the record that is put where a report came to nothing, once for each shard.
pub(crate) const LEAK_OF_NOBODY: &str = "leaked/nobody";

/// Key of the record of when a client's secret was last used.
pub(crate) fn secret_last_used(client: &Id, number: u32) -> String {
    format!("last-used/{client}/{number}")
}

/// Index of an organization's clients, by time of registration.
pub(crate) fn clients_of(organization: &Id) -> String {
    format!("clients/{organization}")
}

/// Key of an event's record.
pub(crate) fn event(id: &Id) -> String {
    format!("event/{id}")
}

/// Index of the events of a workspace, or of an organization's own, by when they happened.
pub(crate) fn events_of(owner: &Id) -> String {
    format!("events/{owner}")
}

/// Key of a webhook endpoint's record.
pub(crate) fn webhook(id: &Id) -> String {
    format!("webhook/{id}")
}

/// Key of how a webhook endpoint fares.
pub(crate) fn webhook_health(id: &Id) -> String {
    format!("webhook-health/{id}")
}

/// Index of a workspace's webhook endpoints, by time of creation; and key of the record that changes with each.
pub(crate) fn webhooks_of(workspace: &Id) -> String {
    format!("webhooks/{workspace}")
}

/// Index of the webhook endpoints that are told of an organization's own events.
pub(crate) fn organization_webhooks(organization: &Id) -> String {
    format!("organization-webhooks/{organization}")
}

/// Key of what webhook endpoints are told.
pub(crate) fn message(id: &Id) -> String {
    format!("message/{id}")
}

/// Key of a message's delivery to an endpoint.
pub(crate) fn delivery(id: &Id) -> String {
    format!("delivery/{id}")
}

/// Index of an endpoint's deliveries, by when they came to be.
pub(crate) fn deliveries_of(webhook: &Id) -> String {
    format!("deliveries/{webhook}")
}

/// Index of a shard's deliveries, by when something is to be done about them.
pub(crate) const DELIVERIES_DUE: &str = "deliveries-due";
/// Key of the record that changes whenever something is put there.
pub(crate) const DELIVERIES_WAKE: &str = "deliveries-wake";

/// Key of a mail: an event on its way to a member.
pub(crate) fn mail(event: &Id, member: &Id) -> String {
    format!("mail/{event}/{member}")
}

/// Key of the count of an organization's events that were mailed lately.
pub(crate) fn mail_pace(organization: &Id) -> String {
    format!("mail-pace/{organization}")
}

/// Index of a shard's mails, by when something is to be done about them.
pub(crate) const MAILS_DUE: &str = "mails-due";
/// Key of the record that changes whenever something is put there.
pub(crate) const MAILS_WAKE: &str = "mails-wake";
/// Key of the platform's record that mails fail, and of the last that was given up.
pub(crate) const MAIL_FAILING: &str = "mail-failing";
pub(crate) const MAIL_GIVEN_UP: &str = "mail-given-up";

/// Index of a shard's due work, by when it is due. What waits in the outbox is a part of it.
pub(crate) const DUE: &str = "due";
/// Key of the platform's record of how far keys from before there was any were scheduled.
pub(crate) const DUE_FILLED: &str = "due-filled";
/// Key of the lease of whoever does it.
pub(crate) const DUE_LEASE: &str = "due-lease";
/// Index of the hosts that serve from this store, by when they last said so.
pub(crate) const HOSTS: &str = "hosts";

/// Key of a host's record of itself.
pub(crate) fn host(name: &str) -> String {
    format!("host/{name}")
}

/// Audit log of an organization, or of the platform.
pub(crate) fn audit_of(organization: Option<&Id>) -> String {
    organization.map_or_else(|| "audit/platform".to_owned(), |id| format!("audit/{id}"))
}

/// Key of a member's record.
pub(crate) fn member(id: &Id) -> String {
    format!("member/{id}")
}

/// Index of an organization's members, by when they came to be.
pub(crate) fn members_of(organization: &Id) -> String {
    format!("members/{organization}")
}

/// Key of the record that reserves an e-mail address in the installation, by the digest of its canonical form.
pub(crate) fn member_email(digest: &str) -> String {
    format!("member-email/{digest}")
}

/// Key of the record of an organization's active owners.
pub(crate) fn owners_of(organization: &Id) -> String {
    format!("owners/{organization}")
}

/// Index of the keys and clients that a member issued, by when.
pub(crate) fn issued_by(member: &Id) -> String {
    format!("issued/{member}")
}

/// Key of an invitation's record.
pub(crate) fn invitation(id: &Id) -> String {
    format!("invitation/{id}")
}

/// Index of an organization's invitations, by when they were made.
pub(crate) fn invitations_of(organization: &Id) -> String {
    format!("invitations/{organization}")
}

/// What the key of every role of an organization begins with.
const ROLE: &str = "role/";

/// Key of a role's record.
pub(crate) fn role(organization: &Id, name: &str) -> String {
    format!("{ROLE}{organization}/{name}")
}

/// Index of an organization's roles of its own, by name.
pub(crate) fn roles_of(organization: &Id) -> String {
    format!("roles/{organization}")
}

/// Log of what a workspace's audit trail tells of decisions.
pub(crate) fn decisions_of(workspace: &Id) -> String {
    format!("decisions/{workspace}")
}

/// Log of an organization's changes, of what a workspace's trail tells of decisions, or of the platform's changes.
pub(crate) fn log_of(owner: Option<&Id>) -> String {
    match owner.filter(|owner| owner.kind() == IdKind::Workspace) {
        Some(workspace) => decisions_of(workspace),
        None => audit_of(owner),
    }
}

/// Whose log it is. The outer nothing: it is none of those.
pub(crate) fn owner_of_log(log: &str) -> Option<Option<Id>> {
    let (_, owner) = log.split_once('/')?;
    let owner = if owner == "platform" { None } else { Some(owner.parse().ok()?) };
    (log_of(owner.as_ref()) == log).then_some(owner)
}

/// Key of a log's chain.
pub(crate) fn chain_of(log: &str) -> String {
    format!("audit-chain/{log}")
}

/// Key of the number of the first record that a log keeps.
pub(crate) fn log_begins(log: &str) -> String {
    format!("log-begins/{log}")
}

/// The id in a record's key, for caches. A role is remembered with its organization.
pub(crate) fn id_in(key: &str) -> Option<Id> {
    if let Some(role) = key.strip_prefix(ROLE) {
        return role.split_once('/').and_then(|(organization, _)| organization.parse().ok());
    }
    key.split_once('/').and_then(|(_, id)| id.parse().ok())
}

/// What the key of a question to all hosts begins with; who asks, and about which commit, follows.
pub(crate) const FLEET_QUESTION: &str = "fleet-question/";

/// Key of a question to all hosts.
pub(crate) fn fleet_question(asker: &str, sequence: u64, id: &str) -> String {
    format!("{FLEET_QUESTION}{asker}/{sequence}/{id}")
}

/// Counters of the hosts that have answered it.
pub(crate) fn fleet_answers(id: &str) -> String {
    format!("fleet-answers/{id}")
}

/// A record read for changing: what it says, and the check that it still does when the change lands.
pub(crate) struct Versioned<T> {
    pub(crate) value: T,
    pub(crate) check: Check,
}

impl<T> Versioned<T> {
    /// What was read has one.
    pub(crate) fn version(&self) -> u64 {
        self.check.version.unwrap_or_default()
    }
}

impl<T: DeserializeOwned> Versioned<T> {
    /// What was read under `key`, if anything was.
    pub(crate) fn of(key: String, record: Option<&Record>) -> Result<Option<Self>, Error> {
        let Some(record) = record else { return Ok(None) };
        let value = decode(&key, record)?;
        Ok(Some(Self { value, check: Check { key, version: Some(record.version) } }))
    }
}

pub(crate) async fn read<T: DeserializeOwned>(
    store: &dyn Store,
    shard: Shard,
    key: String,
) -> Result<Option<Versioned<T>>, Error> {
    let records = store.read(shard, std::slice::from_ref(&key)).await?;
    Versioned::of(key, records.first().and_then(Option::as_ref))
}

pub(crate) fn decode<T: DeserializeOwned>(key: &str, record: &Record) -> Result<T, Error> {
    serde_json::from_slice(&record.value).map_err(|error| Error::internal(format!("record `{key}`: {error}")))
}

/// What every commit here is made of.
pub(crate) trait CommitExt {
    fn put<T: Serialize>(&mut self, key: String, value: &T) -> Result<(), Error>;
    fn put_new<T: Serialize>(&mut self, key: String, value: &T) -> Result<(), Error>;
    fn put_credential(&mut self, credential: &Credential) -> Result<(), Error>;
}

impl CommitExt for Commit {
    fn put<T: Serialize>(&mut self, key: String, value: &T) -> Result<(), Error> {
        let json = serde_json::to_vec(value).map_err(Error::internal)?;
        self.puts.push(Put::new(key, json.into()));
        Ok(())
    }

    fn put_new<T: Serialize>(&mut self, key: String, value: &T) -> Result<(), Error> {
        self.checks.push(Check { key: key.clone(), version: None });
        self.put(key, value)
    }

    fn put_credential(&mut self, credential: &Credential) -> Result<(), Error> {
        self.put(self::credential(credential.id()), credential)
    }
}
