//! Which mails are tried when: those that are due, by the host that holds their shard's lease, a few at a time.
//!
//! As of deliveries to webhooks, the shard's index of due work holds one entry for all its mails, at a time when one of them may be
//! due; those have an index of their own.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access_model::{Id, Mail, Shard, Timestamp};
use access_store::{Check, Commit, IndexEntry, Put, Range, Store as _, in_background};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::health::Fares;
use crate::authority::{Authority, lock};
use crate::due::Due;
use crate::error::Error;
use crate::records;

/// Mails at a time on a host. One connection each.
const PLACES: usize = 8;
/// Entries of the index that are read at a time: more than there are places.
const PAGE: usize = 100;
/// When a shard is looked at again whose due mails were not all begun.
const AGAIN: Duration = Duration::from_secs(1);
/// When it is where this host has no relay: another may.
const WITHOUT_A_RELAY: Duration = Duration::from_secs(3_600);

/// Mails on their way out of this host.
#[derive(Debug)]
pub(crate) struct Post {
    places: Arc<Semaphore>,
    in_flight: Mutex<HashSet<(Id, Id)>>,
    awake: Mutex<BTreeSet<Shard>>,
    woken: Notify,
    pub(super) fares: Mutex<Fares>,
}

/// A place of an attempt, given back when it is dropped.
struct Place {
    _place: OwnedSemaphorePermit,
    mail: (Id, Id),
    authority: Arc<Authority>,
}

impl Default for Post {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            in_flight: Mutex::default(),
            awake: Mutex::default(),
            woken: Notify::new(),
            fares: Mutex::default(),
        }
    }
}

impl Post {
    /// Has a shard looked at soon.
    pub(crate) fn wake(&self, shard: Shard) {
        lock(&self.awake).insert(shard);
        self.woken.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let post = &self.authority.post;
        lock(&post.in_flight).remove(&self.mail);
        post.wake(self.mail.0.home());
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
        let up_to = Some(now.as_millis());
        let range = Range { index: index.clone(), after: None, up_to, descending: false, limit: PAGE };
        let due = store.range(shard, range).await?;
        for entry in &due {
            if !self.begin_mail(entry) {
                break;
            }
        }
        let again = (!due.is_empty()).then(|| now.plus(AGAIN));
        self.look_again(shard, Due::Mails, index, seen, again, now).await
    }

    /// Begins a mail, unless it is on its way. False: there is no place for it.
    fn begin_mail(self: &Arc<Self>, entry: &IndexEntry) -> bool {
        let ids = entry.member.split_once('/');
        let Some((Ok(event), Ok(member))) = ids.map(|(event, member)| (event.parse::<Id>(), member.parse::<Id>()))
        else {
            // A newer host's.
            return true;
        };
        let mut in_flight = lock(&self.post.in_flight);
        if in_flight.contains(&(event, member)) {
            return true;
        }
        let Ok(place) = Arc::clone(&self.post.places).try_acquire_owned() else { return false };
        in_flight.insert((event, member));
        drop(in_flight);
        let place = Place { _place: place, mail: (event, member), authority: Arc::clone(self) };
        tokio::spawn(async move {
            if let Err(error) = in_background(place.authority.attempt_mail(&event, &member)).await {
                tracing::debug!(%error, %event, "a mail's attempt was not recorded, and is made again");
            }
            drop(place);
        });
        true
    }

    /// Has every shard looked at soon: time went on by more than it does by itself.
    pub(crate) fn wake_mails(&self) {
        (0..self.store.shards()).filter_map(Shard::new).for_each(|shard| self.post.wake(shard));
    }
}
