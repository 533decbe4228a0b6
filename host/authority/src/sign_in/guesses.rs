//! Attempts, counted in the store before anything is looked at: those at one account's password, at one member's second factor,
//! and all from one network.
//!
//! Accounts are counted by address, whether or not somebody has it: so a lockout tells nobody who is a member.

use std::net::IpAddr;

use access_model::attempts::{AttemptLimits, Locked};
use access_model::network::client_network;
use access_model::{Attempts, Id, Member, Shard, Timestamp};
use access_store::{Check, Commit, CommitError, Put, Store as _, Survives};

use super::records;
use crate::authority::Authority;
use crate::error::Error;
use crate::records::read;

/// Times that a count is tried against other hosts'.
const TRIES: usize = 100;

/// An attempt that was counted.
#[derive(Debug)]
pub(super) struct Guess {
    account: String,
    network: Option<String>,
    /// It was the last before a lockout, until then.
    pub(super) locks_until: Option<Timestamp>,
    /// The account is locked, so that nothing is let in.
    pub(super) locked: Option<Locked>,
}

impl Authority {
    /// Counts an attempt at the password of the account `digest`, and from a network.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] for the network alone: a locked account looks like a wrong password.
    pub(super) async fn count_guess(&self, digest: &str, from: Option<IpAddr>) -> Result<Guess, Error> {
        let limits = &self.catalog.sign_in;
        let network = from.map(client_network).map(|network| records::attempts_from(&network));
        if let Some(network) = &network {
            let counted = self.count(Shard::PLATFORM, network, &limits.of_network()).await?;
            counted.map_err(|locked| self.too_many(locked))?;
        }
        let account = records::attempts_at(digest);
        let counted = self.count(Shard::PLATFORM, &account, &limits.of_account()).await?;
        let (locks_until, locked) = match counted {
            Ok(attempts) => (attempts.locked_until(), None),
            Err(locked) => (None, Some(locked)),
        };
        Ok(Guess { account, network, locks_until, locked })
    }

    /// It was right: the account begins anew, and the network has tried once less.
    pub(super) async fn forget_guess(&self, guess: &Guess) -> Result<(), Error> {
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(Shard::PLATFORM) };
        commit.deletes.push(guess.account.clone());
        self.store.commit(commit).await?;
        let Some(network) = &guess.network else { return Ok(()) };
        self.take_back(network).await
    }

    /// Lets in again whom wrong passwords or codes have locked out: what was counted is forgotten.
    pub(crate) async fn lift_lockouts(&self, member: &Member) -> Result<(), Error> {
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(Shard::PLATFORM) };
        commit.deletes.push(records::attempts_at(&member.email.digest()));
        self.store.commit(commit).await?;
        let home = member.id.home();
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(home) };
        commit.deletes.push(records::factor_attempts(&member.id));
        self.store.commit(commit).await?;
        Ok(())
    }

    /// Whether wrong passwords or codes have locked a member out.
    pub(crate) async fn is_locked_out(&self, member: &Member) -> Result<bool, Error> {
        let counters = [
            (Shard::PLATFORM, records::attempts_at(&member.email.digest())),
            (member.id.home(), records::factor_attempts(&member.id)),
        ];
        for (shard, key) in counters {
            let attempts = read::<Attempts>(self.store.as_ref(), shard, key).await?;
            let until = attempts.and_then(|attempts| attempts.value.locked_until());
            if until.is_some_and(|until| self.clock.now() < until) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts an attempt of an address that stands for no account: somebody's at an invitation. What web pages make browsers
    /// ask is counted here as well, so it is counted apart from signing in.
    pub(super) async fn count_visit(&self, from: Option<IpAddr>) -> Result<(), Error> {
        let Some(network) = from.map(client_network) else { return Ok(()) };
        let key = records::visits_from(&network);
        let counted = self.count(Shard::PLATFORM, &key, &self.catalog.sign_in.of_network()).await?;
        counted.map(drop).map_err(|locked| self.too_many(locked))
    }

    /// It was none at guessing.
    pub(super) async fn forget_visit(&self, from: Option<IpAddr>) -> Result<(), Error> {
        match from.map(client_network) {
            Some(network) => self.take_back(&records::visits_from(&network)).await,
            None => Ok(()),
        }
    }

    /// Counts an attempt at a member's second factor. What was right is forgotten by [`records::factor_attempts`] being deleted.
    pub(super) async fn count_factor(&self, member: &Id) -> Result<Result<Attempts, Locked>, Error> {
        let limits = self.catalog.sign_in.of_account();
        self.count(member.home(), &records::factor_attempts(member), &limits).await
    }

    /// The refusal of whoever may be told.
    pub(super) fn too_many(&self, Locked { until }: Locked) -> Error {
        let millis = until.as_millis().saturating_sub(self.clock.now().as_millis());
        Error::TooManyAttempts { seconds: u64::try_from(millis).unwrap_or_default().div_ceil(1_000).max(1) }
    }

    async fn count(&self, shard: Shard, key: &str, limits: &AttemptLimits) -> Result<Result<Attempts, Locked>, Error> {
        self.change(shard, key, limits, |attempts, now| attempts.count(limits, now)).await
    }

    async fn take_back(&self, network: &str) -> Result<(), Error> {
        let limits = self.catalog.sign_in.of_network();
        let changed = self.change(Shard::PLATFORM, network, &limits, |attempts, _| Ok(attempts.take_back(&limits)));
        changed.await.map(drop)
    }

    async fn change(
        &self,
        shard: Shard,
        key: &str,
        limits: &AttemptLimits,
        change: impl Fn(Attempts, Timestamp) -> Result<Attempts, Locked> + Send + Sync,
    ) -> Result<Result<Attempts, Locked>, Error> {
        let _turn = self.door.counting.lock().await;
        for _ in 0..TRIES {
            let now = self.clock.now();
            let found = read::<Attempts>(self.store.as_ref(), shard, key.to_owned()).await?;
            let (before, version) = found.map(|found| (found.value, found.check.version)).unwrap_or_default();
            let after = match change(before, now) {
                Ok(after) => after,
                Err(locked) => return Ok(Err(locked)),
            };
            let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(shard) };
            let json = serde_json::to_vec(&after).map_err(Error::internal)?;
            commit.checks.push(Check { key: key.to_owned(), version });
            let forget_after = Some(after.forget_after(limits));
            commit.puts.push(Put { forget_after, ..Put::new(key.to_owned(), json.into()) });
            match self.store.commit(commit).await {
                Ok(_) => return Ok(Ok(after)),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }
}
