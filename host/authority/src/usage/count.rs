//! Counting, and what goes to the store each second.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access_model::{Class, Credential, Id, Shard, Timestamp};
use access_store::{Commit, Count, Put, Store as _, Survives};

use super::needed::{self, Needed};
use super::show::day_of;
use crate::authority::{Authority, lock};
use crate::decide::cache::CredentialEntry;
use crate::due;
use crate::records;
use crate::traffic::{Heard, Taken};

/// Days that are kept: a year and the one before it to compare with the month.
const KEPT: Duration = Duration::from_secs(400 * 86_400);
/// What was needed is kept for as long as where it came from.
const NEEDED_KEPT: Duration = Duration::from_secs(31 * 86_400);
const DAY_MILLIS: i64 = 86_400_000;
/// `last_used_at` is told to the store again after so long.
const LAST_USED_EVERY: Duration = Duration::from_secs(60);
/// Credentials of one commit, and counters that it may have before the next is begun.
const AT_ONCE: usize = 500;
const COUNTERS_AT_ONCE: usize = 2_000;
/// Credentials that are waited with while the store is out of reach. What others do meanwhile goes uncounted.
const MOST: usize = 200_000;

/// Uses of a credential that the store has not been told of.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    allowed: AtomicU32,
    denied: AtomicU32,
    rate_limited: AtomicU32,
    heard: Heard,
    needed: Needed,
    is_waiting: AtomicBool,
    // When the store was last told of its last use.
    told: AtomicI64,
}

/// Credentials whose uses wait to be told of.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    waiting: Mutex<Vec<Arc<CredentialEntry>>>,
    // When clients' secrets were last used, by client and number.
    secrets: Mutex<BTreeMap<(Id, u32), Timestamp>>,
}

impl Usage {
    /// Counts a request that identified `entry`, by the status of its answer.
    pub(crate) fn count(&self, entry: &Arc<CredentialEntry>, status: u16) {
        // Whom an answer calls unauthenticated, it has identified nobody.
        if status == 401 || counted_as(entry).is_none() {
            return;
        }
        let uses = &entry.uses;
        match status {
            200 => uses.allowed.fetch_add(1, Ordering::Relaxed),
            429 => uses.rate_limited.fetch_add(1, Ordering::Relaxed),
            // Nothing was decided.
            503 => 0,
            _ => uses.denied.fetch_add(1, Ordering::Relaxed),
        };
        if !uses.is_waiting.load(Ordering::Relaxed) && !uses.is_waiting.swap(true, Ordering::AcqRel) {
            self.wait(Arc::clone(entry));
        }
    }

    /// Notes that a client was authenticated by its secret `number`.
    pub(crate) fn used_secret(&self, client: &Id, number: u32, now: Timestamp) {
        let mut secrets = lock(&self.secrets);
        if secrets.len() < MOST {
            secrets.insert((*client, number), now);
        }
    }

    fn wait(&self, entry: Arc<CredentialEntry>) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() < MOST {
            waiting.push(entry);
        } else {
            entry.uses.is_waiting.store(false, Ordering::Release);
        }
    }
}

type Counted = [(&'static str, u32); 3];

/// A commit that tells of uses, and what it tells of.
struct Telling {
    commit: Commit,
    taken: Vec<(Arc<CredentialEntry>, Counted, Taken, u64)>,
    workspaces: BTreeSet<Id>,
}

impl Telling {
    fn new(shard: Shard) -> Self {
        let commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(shard) };
        Self { commit, taken: Vec::new(), workspaces: BTreeSet::new() }
    }

    fn is_full(&self) -> bool {
        self.taken.len() >= AT_ONCE || self.commit.counters.len() >= COUNTERS_AT_ONCE
    }
}

impl Uses {
    /// Counts what an enforcement point asked: a request from `client`, allowed or denied with this code first. To be followed by
    /// [`Usage::count`], which has it told.
    pub(crate) fn hear(&self, client: Option<IpAddr>, code: Option<&str>) {
        self.heard.count(client, code);
    }

    /// Notes which of the scopes `held` an allowed request needed. To be followed by [`Usage::count`].
    pub(crate) fn need(&self, held: &[String], asked: &[String]) {
        self.needed.note(held, asked);
    }

    /// What is to be told. Uses that come from here on wait for the next time.
    fn take(&self) -> Counted {
        // INVARIANT: first, so that a use between here and the counters is waited with again, and never forgotten.
        self.is_waiting.store(false, Ordering::Release);
        [
            ("allowed", self.allowed.swap(0, Ordering::AcqRel)),
            ("denied", self.denied.swap(0, Ordering::AcqRel)),
            ("rate_limited", self.rate_limited.swap(0, Ordering::AcqRel)),
        ]
    }

    fn give_back(&self, [(_, allowed), (_, denied), (_, rate_limited)]: Counted) {
        self.allowed.fetch_add(allowed, Ordering::Relaxed);
        self.denied.fetch_add(denied, Ordering::Relaxed);
        self.rate_limited.fetch_add(rate_limited, Ordering::Relaxed);
    }
}

impl Authority {
    /// Tells the store what was used since the last time.
    pub(crate) async fn tell_usage(&self) {
        let mut by_shard: BTreeMap<Shard, Vec<Arc<CredentialEntry>>> = BTreeMap::new();
        for entry in std::mem::take(&mut *lock(&self.usage.waiting)) {
            by_shard.entry(entry.credential.id().home()).or_default().push(entry);
        }
        for (shard, entries) in by_shard {
            let mut telling = Telling::new(shard);
            for entry in entries {
                self.take_usage(&mut telling, entry);
                if telling.is_full() {
                    self.tell_taken(std::mem::replace(&mut telling, Telling::new(shard))).await;
                }
            }
            self.tell_taken(telling).await;
        }
        let secrets: Vec<_> = std::mem::take(&mut *lock(&self.usage.secrets)).into_iter().collect();
        // Sorted by client, so those of a shard stand together.
        for of_shard in secrets.chunk_by(|((one, _), _), ((other, _), _)| one.home() == other.home()) {
            for some in of_shard.chunks(AT_ONCE) {
                self.tell_secrets_used(some).await;
            }
        }
    }

    async fn tell_secrets_used(&self, used: &[((Id, u32), Timestamp)]) {
        let Some(((first, _), _)) = used.first() else { return };
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(first.home()) };
        for ((client, number), at) in used {
            put_last_used(&mut commit, records::secret_last_used(client, *number), *at);
            put_last_used(&mut commit, records::last_used(client), *at);
            if let Some(kind) = self.catalog.kind_of_class(Class::Client) {
                due::used(&mut commit, client, &kind.upkeep);
            }
        }
        if let Err(error) = self.store.commit(commit).await {
            tracing::debug!(%error, "the use of clients' secrets waits to be told of");
            let mut waiting = lock(&self.usage.secrets);
            for (secret, at) in used {
                waiting.entry(*secret).or_insert(*at);
            }
        }
    }

    fn take_usage(&self, telling: &mut Telling, entry: Arc<CredentialEntry>) {
        let Some((workspace, id)) = counted_as(&entry) else { return };
        let now = self.clock.now();
        // INVARIANT: the counts come first, since taking them ends the waiting.
        let counted = entry.uses.take();
        let heard = entry.uses.heard.take();
        let needed = entry.uses.needed.take(now.as_millis().div_euclid(DAY_MILLIS));
        put_needed(&mut telling.commit, &entry, needed, now);
        put(&mut telling.commit, &workspace, &id, &counted, now);
        self.traffic.put(&mut telling.commit, &workspace, &id, &heard, now);
        let told = Timestamp::from_millis(entry.uses.told.load(Ordering::Relaxed));
        if told.plus(LAST_USED_EVERY) <= now {
            put_last_used(&mut telling.commit, records::last_used(&id), now);
            let kind = entry.client.as_ref().map_or(&entry.kind, |client| &client.kind);
            due::used(&mut telling.commit, &id, &kind.upkeep);
        }
        telling.workspaces.insert(workspace);
        telling.taken.push((entry, counted, heard, needed));
    }

    async fn tell_taken(&self, telling: Telling) {
        let Telling { commit, taken, workspaces } = telling;
        if taken.is_empty() {
            return;
        }
        let now = self.clock.now();
        let told = self.store.commit(commit).await;
        if let Err(error) = &told {
            tracing::debug!(%error, "usage waits to be told of");
            self.traffic.forget_hours(&workspaces);
        }
        for (entry, counted, heard, needed) in taken {
            match &told {
                Ok(_) => {
                    entry.uses.needed.told(needed);
                    self.told_of(&entry, now);
                }
                Err(_) => {
                    entry.uses.give_back(counted);
                    entry.uses.heard.give_back(heard);
                    entry.uses.needed.give_back(needed);
                    if !entry.uses.is_waiting.swap(true, Ordering::AcqRel) {
                        self.usage.wait(entry);
                    }
                }
            }
        }
    }

    fn told_of(&self, entry: &CredentialEntry, now: Timestamp) {
        let uses = &entry.uses;
        if Timestamp::from_millis(uses.told.load(Ordering::Relaxed)).plus(LAST_USED_EVERY) <= now {
            uses.told.store(now.as_millis(), Ordering::Relaxed);
        }
    }
}

/// Whose use it is, and in which workspace: a key's, or a client's with whichever of its tokens.
fn counted_as(entry: &CredentialEntry) -> Option<(Id, Id)> {
    match &entry.credential {
        Credential::ApiKey(key) => Some((key.workspace, key.id)),
        Credential::AccessToken(token) => Some((entry.workspace?, token.client)),
        Credential::Client(_) | Credential::Session(_) | Credential::Gateway(_) | Credential::Operator(_) => None,
    }
}

fn put(commit: &mut Commit, workspace: &Id, id: &Id, counted: &[(&'static str, u32)], now: Timestamp) {
    let group = records::usage(workspace, &day_of(now));
    for (what, amount) in counted.iter().filter(|(_, amount)| *amount > 0) {
        commit.counters.push(Count {
            group: group.clone(),
            name: format!("{id}/{what}"),
            amount: i64::from(*amount),
            forget_after: Some(now.plus(KEPT)),
        });
    }
}

/// Which scopes a key needed today; a client's are its tokens', which come and go.
fn put_needed(commit: &mut Commit, entry: &CredentialEntry, needed: u64, now: Timestamp) {
    let Credential::ApiKey(key) = &entry.credential else { return };
    for scope in needed::scopes(&entry.principal.scopes, needed) {
        commit.counters.push(Count {
            group: records::scopes_needed(&key.id, &day_of(now)),
            name: scope.clone(),
            amount: 1,
            forget_after: Some(now.plus(NEEDED_KEPT)),
        });
    }
}

/// Whoever tells last is right: hosts differ by no more than they wait.
fn put_last_used(commit: &mut Commit, key: String, now: Timestamp) {
    let value = now.as_millis().to_string();
    commit.puts.push(Put { forget_after: Some(now.plus(KEPT)), ..Put::new(key, value.into()) });
}
