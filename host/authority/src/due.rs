//! Due work: what happens by itself when its time has come.
//!
//! Each shard has an index of what is due when, kept by the same commits as the records that it is about, so that nobody
//! ever scans those. One host at a time does a shard's work, by lease; each piece is one commit that also takes it out of the
//! index, so that doing it twice is doing it once.
//!
//! To add a kind of work: a variant of [`Due`], its schedule where its record is put, and what is done.

mod fill;
mod inactivity;
mod key_expiry;
mod lease;
mod reminders;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use access_model::{
    ApiKey, Client, Credential, Event, Id, Organization, OwnerState, Shard, Timestamp, Upkeep, Workspace,
};
use access_store::{Check, Commit, CommitError, IndexEntry, Range, Store as _, Survives};

use crate::authority::Authority;
use crate::error::Error;
use crate::events::record;
use crate::records;

pub(crate) use self::inactivity::{inactive_since, used};
use self::reminders::Reminder;

/// A shard's index is looked at every so many seconds.
const TURNS: u32 = 4;
/// Pieces of work of one shard that are read at a time, and times that a turn does so.
const AT_ONCE: usize = 100;
const TIMES: usize = 10;
/// Work that can't be done is put so much later.
const LATER: Duration = Duration::from_secs(60);

/// A piece of work. Its text is its member in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// This key ends.
    KeyExpiry(Id),
    /// This key is to be rotated.
    KeyRotation(Id),
    /// This key ends soon.
    KeyExpiring(Id),
    /// This key or client was not used for as long as its kind allows.
    Inactivity(Id),
    /// Audit records of this workspace or organization may have been kept long enough.
    AuditRetention(Id),
    /// This event waits in the outbox.
    Dispatch(Id),
    /// Events of this workspace or organization, up to this day since 1970, were kept long enough.
    ForgetEvents(Id, i64),
    /// Deliveries to webhooks may be due in this shard.
    Deliveries,
    /// Mails may be due in this shard.
    Mails,
    /// The log of this workspace or organization, or of the platform, was appended to and may not be sealed yet.
    AuditSeal(Option<Id>),
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Turn(AtomicU32);

impl Due {
    fn parse(member: &str) -> Option<Self> {
        match member.split_once('/')? {
            ("key-expiry", id) => id.parse().ok().map(Self::KeyExpiry),
            ("key-rotation", id) => id.parse().ok().map(Self::KeyRotation),
            ("key-expiring", id) => id.parse().ok().map(Self::KeyExpiring),
            ("inactivity", id) => id.parse().ok().map(Self::Inactivity),
            ("forget-events", rest) => {
                let (id, day) = rest.split_once('/')?;
                Some(Self::ForgetEvents(id.parse().ok()?, day.parse().ok()?))
            }
            ("audit-retention", id) => id.parse().ok().map(Self::AuditRetention),
            ("event", id) => id.parse().ok().map(Self::Dispatch),
            ("deliveries", _) => Some(Self::Deliveries),
            ("mails", _) => Some(Self::Mails),
            ("audit-seal", "platform") => Some(Self::AuditSeal(None)),
            ("audit-seal", id) => id.parse().ok().map(|id| Self::AuditSeal(Some(id))),
            _ => None,
        }
    }

    pub(crate) fn member(&self) -> String {
        match self {
            Self::KeyExpiry(id) => format!("key-expiry/{id}"),
            Self::KeyRotation(id) => format!("key-rotation/{id}"),
            Self::KeyExpiring(id) => format!("key-expiring/{id}"),
            Self::Inactivity(id) => format!("inactivity/{id}"),
            Self::ForgetEvents(id, day) => format!("forget-events/{id}/{day}"),
            Self::AuditRetention(id) => format!("audit-retention/{id}"),
            Self::Dispatch(id) => format!("event/{id}"),
            Self::Deliveries => "deliveries/due".to_owned(),
            Self::Mails => "mails/due".to_owned(),
            Self::AuditSeal(None) => "audit-seal/platform".to_owned(),
            Self::AuditSeal(Some(id)) => format!("audit-seal/{id}"),
        }
    }

    /// Has it done at `at`; at no other time any more.
    pub(crate) fn put(&self, commit: &mut Commit, at: Timestamp) {
        let entry = IndexEntry { score: at.as_millis(), member: self.member() };
        commit.index_puts.push((records::DUE.to_owned(), entry));
    }

    /// Takes it out of the index.
    pub(crate) fn take_out(&self, commit: &mut Commit) {
        commit.index_deletes.push((records::DUE.to_owned(), self.member()));
    }
}

/// Keeps index and flags in step with a key that `commit` puts.
pub(crate) fn schedule_key(commit: &mut Commit, key: &ApiKey, upkeep: &Upkeep, now: Timestamp) {
    key_expiry::schedule(commit, key);
    reminders::schedule(commit, key, upkeep, now);
    inactivity::schedule(commit, &Credential::ApiKey(key.clone()), upkeep, now);
}

/// Keeps index and flags in step with a client that `commit` puts.
pub(crate) fn schedule_client(commit: &mut Commit, client: &Client, upkeep: &Upkeep, now: Timestamp) {
    inactivity::schedule(commit, &Credential::Client(client.clone()), upkeep, now);
}

impl Authority {
    /// Does what is due in the shards whose turn it is. To be called each second.
    pub(crate) async fn do_due_work(&self) {
        let turn = self.due_turn.0.fetch_add(1, Ordering::Relaxed) % TURNS;
        for shard in (0..self.store.shards()).filter(|number| u32::from(*number) % TURNS == turn) {
            let Some(shard) = Shard::new(shard) else { continue };
            if let Err(error) = self.do_due_work_of(shard).await {
                tracing::debug!(%error, %shard, "due work waits");
            }
        }
    }

    async fn do_due_work_of(&self, shard: Shard) -> Result<(), Error> {
        let index = records::DUE.to_owned();
        let up_to = Some(self.clock.now().as_millis());
        let mut after = None;
        for _ in 0..TIMES {
            let range = Range { index: index.clone(), after, up_to, descending: false, limit: AT_ONCE };
            let due = self.store.range(shard, range).await?;
            if due.is_empty() || !self.take_due_lease(shard).await? {
                return Ok(());
            }
            for entry in &due {
                let done = match Due::parse(&entry.member) {
                    Some(due) => self.do_one(shard, &due).await,
                    // A newer host's.
                    None => self.put_later(shard, &index, &entry.member).await,
                };
                match done {
                    // Somebody changed what it is about, and its time perhaps: it is looked at again.
                    Ok(()) | Err(Error::Contended) => {}
                    Err(error @ (Error::StoreUnavailable | Error::Unconfirmed)) => return Err(error),
                    Err(error) => {
                        tracing::warn!(%error, work = entry.member, "due work is not done, and put later");
                        self.put_later(shard, &index, &entry.member).await?;
                    }
                }
            }
            if due.len() < AT_ONCE {
                break;
            }
            after = due.into_iter().next_back();
        }
        Ok(())
    }

    /// When people are reminded of credentials of this kind. Of what the catalog doesn't know any more, never.
    pub(crate) fn upkeep(&self, kind: &str) -> Upkeep {
        self.catalog.kinds.get(kind).map(|kind| kind.upkeep.clone()).unwrap_or_default()
    }

    /// Commits a piece of work that tells people of something, once: where that was told before, the rest alone.
    async fn announce(&self, mut commit: Commit, event: &Event) -> Result<(), Error> {
        let key = records::event(&event.id);
        if self.store.read(event.id.home(), &[key]).await?.iter().all(Option::is_none) {
            record(&mut commit, event)?;
        }
        self.failpoints.reach("due.announcing");
        self.commit_due(commit).await?;
        self.failpoints.reach("due.announced");
        Ok(())
    }

    async fn do_one(&self, shard: Shard, due: &Due) -> Result<(), Error> {
        match due {
            Due::KeyExpiry(id) => self.expire_key(id).await,
            Due::KeyRotation(id) => self.remind(id, Reminder::Rotation).await,
            Due::KeyExpiring(id) => self.remind(id, Reminder::Expiry).await,
            Due::Inactivity(id) => self.flag_inactive(id).await,
            Due::ForgetEvents(id, day) => self.forget_events(id, *day).await,
            Due::AuditRetention(id) => self.forget_audit(id).await,
            Due::Dispatch(id) => self.dispatch(id).await,
            Due::Deliveries => {
                self.outgoing.wake(shard);
                Ok(())
            }
            Due::Mails => {
                self.post.wake(shard);
                Ok(())
            }
            Due::AuditSeal(owner) => self.seal_left_over(owner.as_ref()).await,
        }
    }

    /// Moves work that can't be done away from the front: a turn reads a shard's first entries alone, and what stays there keeps
    /// everybody else's from being done. Whoever moves it at the same time finds it no later than this.
    async fn put_later(&self, shard: Shard, index: &str, member: &str) -> Result<(), Error> {
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(shard) };
        let entry = IndexEntry { score: self.clock.now().plus(LATER).as_millis(), member: member.to_owned() };
        commit.index_puts.push((index.to_owned(), entry));
        self.commit_due(commit).await
    }

    /// When an attempt at what stands in `index` is made again that erred. Whoever gives its place back has it made at once, so what
    /// another try alone does not help is put later.
    pub(crate) async fn attempt_again(&self, shard: Shard, index: &str, member: &str, error: Error) {
        if matches!(error, Error::Contended | Error::StoreUnavailable | Error::Unconfirmed) {
            tracing::debug!(%error, work = member, "an attempt was not recorded, and is made again");
            return;
        }
        tracing::warn!(%error, work = member, "an attempt was not made or not recorded, and is put later");
        if let Err(error) = self.put_later(shard, index, member).await {
            tracing::debug!(%error, work = member, "an attempt was not put later");
        }
    }

    /// Whether who owns a credential ended for good: nobody is reminded of what is theirs.
    async fn are_archived(&self, (organization, workspace): &(Id, Option<Id>)) -> Result<bool, Error> {
        let (store, key) = (self.store.as_ref(), records::organization(organization));
        let found = records::read::<Organization>(store, organization.home(), key).await?;
        if found.is_some_and(|found| found.value.state == OwnerState::Archived) {
            return Ok(true);
        }
        let Some(workspace) = workspace else { return Ok(false) };
        let found = records::read::<Workspace>(store, workspace.home(), records::workspace(workspace)).await?;
        Ok(found.is_some_and(|found| found.value.state == OwnerState::Archived))
    }

    /// Moves the shard's entry for all that stands in `index` to when the next of it is due, or to `again` where that is sooner.
    /// `seen` is the record that changes whenever something is put there.
    pub(crate) async fn look_again(
        &self,
        shard: Shard,
        due: Due,
        index: String,
        seen: Check,
        again: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Error> {
        // What is begun stands at or before now until its attempt is recorded, which wakes the shard.
        let after = Some(IndexEntry { score: now.as_millis().saturating_add(1), member: String::new() });
        let range = Range { index, after, up_to: None, descending: false, limit: 1 };
        let next = self.store.range(shard, range).await?.first().map(|entry| entry.score);
        let again = again.map(Timestamp::as_millis);
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(shard) };
        commit.checks.push(seen);
        match again.into_iter().chain(next).min() {
            Some(score) => due.put(&mut commit, Timestamp::from_millis(score)),
            None => due.take_out(&mut commit),
        }
        match self.commit_due(commit).await {
            // Somebody put something, and moved the entry to then.
            Ok(()) | Err(Error::Contended) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn commit_due(&self, commit: Commit) -> Result<(), Error> {
        match self.store.commit(commit).await {
            Ok(_) => Ok(()),
            Err(CommitError::Conflict { .. }) => Err(Error::Contended),
            Err(error) => Err(error.into()),
        }
    }
}
