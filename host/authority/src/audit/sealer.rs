//! Sealing: what was appended to a log is linked into its chain, and the end of that is signed.
//!
//! A commit that appends marks its log in the shard's due index. The host that made it seals within a second, all logs of a shard
//! in one commit, without having looked for any. What it leaves, since it died, is done by whoever does the shard's due work. Both at
//! once do no harm: a chain is checked to be what it was worked out from, and a mark goes only if the log still ends there.

use std::collections::BTreeMap;
use std::time::Duration;

use access_model::audit::chain::{Chain, Checkpoint, Link};
use access_model::audit::key::{AuditKey, PublicKey};
use access_model::{Id, Shard, Timestamp};
use access_store::{Check, Commit, IndexEntry, Store as _, Survives};

use super::forward::Forward;
use super::retention;
use crate::authority::Authority;
use crate::due::Due;
use crate::error::Error;
use crate::records::{self, CommitExt as _, Versioned};

/// Whoever appended has so long to seal.
const LEFT_OVER_AFTER: Duration = Duration::from_secs(5);
/// Logs of one commit.
const AT_ONCE: usize = 50;
/// Records of a log that are read with its end, which are mostly all that are new.
const NEW: usize = 20;
/// Pages that are read of a log at a time: one from before there were chains may be long.
const PAGES: usize = 20;

/// A log, the chain that it had and the one that it has.
struct Sealed<'a> {
    log: &'a str,
    check: Check,
    was: Option<Chain>,
    is: Chain,
    /// Whether that is all of the log.
    is_whole: bool,
}

/// Marks a log to be sealed, unless it is marked or was sealed by then.
pub(super) fn schedule(commit: &mut Commit, owner: Option<Id>, at: Timestamp) {
    commit.index_marks.push(mark(owner, at));
}

fn mark(owner: Option<Id>, at: Timestamp) -> (String, IndexEntry) {
    let score = at.plus(LEFT_OVER_AFTER).as_millis();
    (records::DUE.to_owned(), IndexEntry { score, member: Due::AuditSeal(owner).member() })
}

/// Begins the chain of a log that a host may be long in coming to, in a commit of its home: doctors wonder at one that begins late.
/// Nothing is sealed by that.
pub(crate) fn begin_chain(
    commit: &mut Commit,
    owner: Option<&Id>,
    key: &AuditKey,
    now: Timestamp,
) -> Result<(), Error> {
    let log = records::log_of(owner);
    let begins = Checkpoint::sign(&log, 0, Link::beginning(&log, 0), now, key);
    commit.put_new(records::chain_of(&log), &Chain { sealed: begins.clone(), begins })
}

impl Authority {
    /// Seals what this host appended since it was last called.
    pub(crate) async fn seal_appended(&self) {
        let mut shards: BTreeMap<Shard, Vec<String>> = BTreeMap::new();
        for (shard, log) in self.store.take_appended() {
            shards.entry(shard).or_default().push(log);
        }
        for (shard, logs) in shards {
            for logs in logs.chunks(AT_ONCE) {
                if let Err(error) = self.seal(shard, logs).await {
                    tracing::debug!(%error, %shard, "audit records wait to be sealed");
                }
            }
        }
    }

    /// Seals a log that a host left unsealed.
    pub(crate) async fn seal_left_over(&self, owner: Option<&Id>) -> Result<(), Error> {
        let is_sound = self.seal(owner.map_or(Shard::PLATFORM, Id::home), &[records::log_of(owner)]).await?;
        // Due work that errs is put later.
        if is_sound { Ok(()) } else { Err(Error::Internal) }
    }

    /// Seals logs of a shard, and says whether none of them is broken.
    pub(super) async fn seal(&self, home: Shard, logs: &[String]) -> Result<bool, Error> {
        match self.seal_together(home, logs, true).await {
            Err(Error::Contended) => {}
            done => return done,
        }
        // Something was appended meanwhile, or another host seals as well. The marks stay.
        let mut are_sound = true;
        for log in logs {
            match self.seal_together(home, std::slice::from_ref(log), false).await {
                Ok(is_sound) => are_sound &= is_sound,
                Err(Error::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(are_sound)
    }

    async fn seal_together(&self, home: Shard, logs: &[String], take_marks: bool) -> Result<bool, Error> {
        let keys: Vec<String> = logs.iter().map(|log| records::chain_of(log)).collect();
        let found = self.store.read(home, &keys).await?;
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(home) };
        let (mut done, mut are_sound) = (Vec::new(), true);
        for ((log, key), found) in logs.iter().zip(keys).zip(&found) {
            let found = Versioned::<Chain>::of(key.clone(), found.as_ref())?;
            match self.seal_on(home, log, key, found).await {
                Ok(Some(sealed)) => {
                    done.push(log);
                    sealed.put(&mut commit, take_marks, self.clock.now())?;
                }
                Ok(None) => {}
                // One log that is broken keeps no other from being sealed.
                Err(Error::Internal) => {
                    are_sound = false;
                    tracing::error!(%log, "an audit log can't be sealed; `doctor` says what is wrong with it");
                }
                Err(error) => return Err(error),
            }
        }
        if !commit.puts.is_empty() || !commit.index_deletes.is_empty() {
            self.commit_due(commit).await?;
        }
        for log in done {
            self.store.sealed(home, log);
        }
        Ok(are_sound)
    }

    /// Nothing: there is no such log.
    async fn seal_on<'a>(
        &self,
        home: Shard,
        log: &'a str,
        key: String,
        found: Option<Versioned<Chain>>,
    ) -> Result<Option<Sealed<'a>>, Error> {
        let store = self.store.as_ref();
        let (was, check) = match found {
            Some(found) => (Some(found.value), found.check),
            None => (None, Check { key, version: None }),
        };
        // What others wrote into the store is not to be signed as if it had been here.
        if was.as_ref().is_some_and(|chain| !chain.is_sealed(log, &self.audit_keys())) {
            return Err(Error::internal(format!(
                "the chain of `{log}` is none that was sealed by this installation's keys"
            )));
        }
        let newest = store.log(home, log, None, NEW).await?;
        let Some(last) = newest.first().map(|entry| entry.sequence) else { return Ok(None) };
        let begins = match &was {
            Some(chain) => chain.begins.clone(),
            None => self.beginning(home, log).await?,
        };
        let (sequence, link) = match &was {
            Some(Chain { sealed, .. }) => (sealed.sequence, sealed.link),
            None => (begins.sequence, begins.link),
        };
        let mut forward = Forward { home, log: log.to_owned(), sequence, link };
        if sequence > last {
            return Err(forward.broken(sequence, "was sealed and is not there"));
        }
        if newest.last().is_some_and(|oldest| oldest.sequence <= sequence + 1) {
            for entry in newest.iter().rev().filter(|entry| entry.sequence > sequence) {
                forward.link(entry)?;
            }
        }
        for _ in 0..PAGES {
            if forward.next(store, last).await?.is_empty() {
                break;
            }
        }
        let Forward { sequence, link, .. } = forward;
        let sealed = match &was {
            Some(chain) if chain.sealed.sequence == sequence => chain.sealed.clone(),
            _ => Checkpoint::sign(log, sequence, link, self.clock.now(), &self.audit_key()?),
        };
        Ok(Some(Sealed { log, check, was, is: Chain { begins, sealed }, is_whole: sequence == last }))
    }

    /// What the signatures of checkpoints and exports are checked with: the key that signs now, then those before it.
    pub fn audit_keys(&self) -> Vec<PublicKey> {
        self.keyring().audit_keys()
    }

    /// What signs.
    pub(super) fn audit_key(&self) -> Result<AuditKey, Error> {
        self.keyring().audit_key().cloned().map_err(Error::internal)
    }

    /// Where the chain of a log begins that has none.
    async fn beginning(&self, home: Shard, log: &str) -> Result<Checkpoint, Error> {
        let begins = records::read::<u64>(self.store.as_ref(), home, records::log_begins(log)).await?;
        let gone = begins.map_or(0, |begins| begins.value.saturating_sub(1));
        Ok(Checkpoint::sign(log, gone, Link::beginning(log, gone), self.clock.now(), &self.audit_key()?))
    }
}

impl Sealed<'_> {
    fn put(self, commit: &mut Commit, take_mark: bool, now: Timestamp) -> Result<(), Error> {
        let owner = records::owner_of_log(self.log);
        // INVARIANT: a mark goes only if nothing was appended since.
        match owner {
            Some(owner) if take_mark && self.is_whole => {
                commit.log_ends.push((self.log.to_owned(), self.is.sealed.sequence));
                Due::AuditSeal(owner).take_out(commit);
            }
            // What is appended to without a pause is not left over.
            Some(owner) if self.is_whole => commit.index_puts.push(mark(owner, now)),
            _ => {}
        }
        let is_first = self.was.as_ref().is_none_or(|was| was.sealed.sequence == 0);
        if let Some(Some(owner)) = owner.filter(|_| is_first) {
            retention::schedule(commit, &owner, now);
        }
        if self.was.as_ref() != Some(&self.is) {
            commit.checks.push(self.check);
            commit.put(records::chain_of(self.log), &self.is)?;
        }
        Ok(())
    }
}
