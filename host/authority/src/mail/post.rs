//! Which mails are tried when: those that are due, by the host that holds their shard's lease, a few at a time.
//!
//! As of deliveries to webhooks, the shard's index of due work holds one entry for all its mails, at a time when one of them may be
//! due; those have an index of their own.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access_model::{Event, Id, Mail, Shard, Timestamp};
use access_store::{Check, Commit, IndexEntry, Put, Range, Record, Store as _, in_background};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::health::Fares;
use crate::authority::{Authority, lock};
use crate::due::Due;
use crate::error::Error;
use crate::records;

/// Mails at a time on a host. One connection each.
const PLACES: usize = 8;
/// Of them, mails of one organization: whoever has many keeps nobody else's back.
const PLACES_EACH: usize = 3;
/// Entries of the index that are read at a time, more than there are places, and times that one look does so in search of an
/// organization that may have one. The next look goes on where this one ended.
const PAGE: usize = 100;
const PAGES: usize = 10;
/// When a shard is looked at again whose due mails were not all begun.
const AGAIN: Duration = Duration::from_secs(1);
/// When it is where this host has no relay: another may.
const WITHOUT_A_RELAY: Duration = Duration::from_secs(3_600);

/// Mails on their way out of this host.
#[derive(Debug)]
pub(crate) struct Post {
    places: Arc<Semaphore>,
    /// Mails that are tried, and whose they are.
    in_flight: Mutex<HashMap<(Id, Id), Id>>,
    /// What is looked at next, in this order.
    awake: Mutex<Vec<Shard>>,
    /// Where mails found no place, in the order in which they get one.
    waiting: Mutex<VecDeque<Shard>>,
    /// What the last look at a shard ended with, short of the end.
    positions: Mutex<BTreeMap<Shard, IndexEntry>>,
    woken: Notify,
    pub(super) fares: Mutex<Fares>,
}

/// A place of an attempt, given back when it is dropped.
struct Place {
    place: Option<OwnedSemaphorePermit>,
    mail: (Id, Id),
    authority: Arc<Authority>,
}

impl Default for Post {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            in_flight: Mutex::default(),
            awake: Mutex::default(),
            waiting: Mutex::default(),
            positions: Mutex::default(),
            woken: Notify::new(),
            fares: Mutex::default(),
        }
    }
}

impl Post {
    /// Has a shard looked at soon.
    pub(crate) fn wake(&self, shard: Shard) {
        let mut awake = lock(&self.awake);
        if !awake.contains(&shard) {
            awake.push(shard);
        }
        drop(awake);
        self.woken.notify_one();
    }

    /// Has a shard looked at once a place is free, in its turn.
    fn queue(&self, shard: Shard) {
        let mut waiting = lock(&self.waiting);
        if !waiting.contains(&shard) {
            waiting.push_back(shard);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Before anybody is woken who looks for it.
        drop(self.place.take());
        let post = &self.authority.post;
        lock(&post.in_flight).remove(&self.mail);
        // The place goes round: what is left in this one's own shard comes after whoever waited longest.
        let next = lock(&post.waiting).pop_front();
        for shard in next.into_iter().chain([self.mail.0.home()]) {
            post.wake(shard);
        }
    }
}

/// Puts a mail, and when something is to be done about it, into `commit`.
pub(super) fn put_mail(commit: &mut Commit, mail: &Mail) -> Result<(), Error> {
    let json = serde_json::to_vec(mail).map_err(Error::internal)?;
    let forget_after = Some(mail.created_at.plus(access_model::mail::FORGOTTEN));
    commit.puts.push(Put { forget_after, ..Put::new(records::mail(&mail.event, &mail.member), json.into()) });
    let entry = IndexEntry { score: mail.next_at.as_millis(), member: due_member(&mail.event, &mail.member) };
    commit.index_puts.push((records::MAILS_DUE.to_owned(), entry));
    Ok(())
}

/// Takes a mail away, wherever it stands.
pub(super) fn take_out(commit: &mut Commit, event: &Id, member: &Id) {
    commit.deletes.push(records::mail(event, member));
    commit.index_deletes.push((records::MAILS_DUE.to_owned(), due_member(event, member)));
}

/// Has the shard's mails looked at from `now` on, by whichever host does its due work.
pub(super) fn wake_in(commit: &mut Commit, now: Timestamp) {
    commit.puts.push(Put::new(records::MAILS_WAKE.to_owned(), now.to_string().into()));
    Due::Mails.put(commit, now);
}

fn due_member(event: &Id, member: &Id) -> String {
    format!("{event}/{member}")
}

/// The event and the member of an entry; none: it is a newer host's.
fn ids_of(entry: &IndexEntry) -> Option<(Id, Id)> {
    let (event, member) = entry.member.split_once('/')?;
    Some((event.parse().ok()?, member.parse().ok()?))
}

impl Authority {
    /// Begins the mails that are due, whenever some may be. Never ends by itself.
    pub async fn carry_mails(self: Arc<Self>) {
        loop {
            self.post.woken.notified().await;
            let awake = std::mem::take(&mut *lock(&self.post.awake));
            for shard in awake {
                if let Err(error) = in_background(self.carry_mails_of(shard)).await {
                    tracing::debug!(%error, %shard, "mails wait");
                }
            }
        }
    }

    async fn carry_mails_of(self: &Arc<Self>, shard: Shard) -> Result<(), Error> {
        if !self.take_due_lease(shard).await? {
            return Ok(());
        }
        let store = self.store.as_ref();
        let wake = records::MAILS_WAKE.to_owned();
        let seen = store.read(shard, std::slice::from_ref(&wake)).await?.pop().flatten();
        let seen = Check { key: wake, version: seen.map(|record| record.version) };
        let now = self.clock.now();
        let index = records::MAILS_DUE.to_owned();
        if self.mailer.is_none() {
            return self.look_again(shard, Due::Mails, index, seen, Some(now.plus(WITHOUT_A_RELAY)), now).await;
        }
        let mut position = lock(&self.post.positions).remove(&shard);
        let began_at_the_start = position.is_none();
        let mut again = (!began_at_the_start).then(|| now.plus(AGAIN));
        for _ in 0..PAGES {
            let (after, up_to) = (position.clone(), Some(now.as_millis()));
            let range = Range { index: index.clone(), after, up_to, descending: false, limit: PAGE };
            let due = store.range(shard, range).await?;
            if due.is_empty() {
                position = None;
                break;
            }
            again = Some(now.plus(AGAIN));
            let owners = self.owners_of_mails(shard, &due).await?;
            let owner_of = |event: Id| owners.get(&event).copied().unwrap_or(event);
            let (mut is_full, is_last) = (false, due.len() < PAGE);
            for entry in due {
                is_full = ids_of(&entry).is_some_and(|mail| !self.begin_mail(mail, owner_of(mail.0)));
                if is_full {
                    break;
                }
                position = Some(entry);
            }
            if is_full {
                self.post.queue(shard);
                break;
            }
            if is_last {
                position = None;
                break;
            }
        }
        match position {
            Some(position) => drop(lock(&self.post.positions).insert(shard, position)),
            // There may be places yet for what stands before where it began.
            None if !began_at_the_start => self.post.wake(shard),
            None => {}
        }
        self.look_again(shard, Due::Mails, index, seen, again, now).await
    }

    /// Whose the events are that mails tell of, as far as they can be read.
    async fn owners_of_mails(&self, shard: Shard, due: &[IndexEntry]) -> Result<BTreeMap<Id, Id>, Error> {
        let events: BTreeSet<Id> = due.iter().filter_map(ids_of).map(|(event, _)| event).collect();
        let keys: Vec<String> = events.iter().map(records::event).collect();
        let read = self.store.read(shard, &keys).await?;
        let whose = |record: Option<Record>| serde_json::from_slice::<Event>(&record?.value).ok();
        Ok(events.into_iter().zip(read).filter_map(|(id, record)| Some((id, whose(record)?.organization))).collect())
    }

    /// Begins a mail, unless it is on its way or enough of its organization's are. False: there is no place for it.
    fn begin_mail(self: &Arc<Self>, mail: (Id, Id), organization: Id) -> bool {
        let mut in_flight = lock(&self.post.in_flight);
        let of_it = in_flight.values().filter(|owner| **owner == organization).count();
        if in_flight.contains_key(&mail) || of_it >= PLACES_EACH {
            return true;
        }
        let Ok(place) = Arc::clone(&self.post.places).try_acquire_owned() else { return false };
        in_flight.insert(mail, organization);
        drop(in_flight);
        let place = Place { place: Some(place), mail, authority: Arc::clone(self) };
        let (event, member) = mail;
        tokio::spawn(async move {
            let authority = &place.authority;
            in_background(async {
                if let Err(error) = authority.attempt_mail(&event, &member).await {
                    let entry = due_member(&event, &member);
                    authority.attempt_again(event.home(), records::MAILS_DUE, &entry, error).await;
                }
            })
            .await;
            drop(place);
        });
        true
    }

    /// Has every shard looked at soon: time went on by more than it does by itself.
    pub(crate) fn wake_mails(&self) {
        (0..self.store.shards()).filter_map(Shard::new).for_each(|shard| self.post.wake(shard));
    }
}
