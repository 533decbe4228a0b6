//! Due work of keys and clients from before there was any: each is scheduled once, and a mark says that it was done.
//!
//! Nobody scans keys at a start: the mark is one read. Where it is missing, one host goes through the lists, a page at a time,
//! beside everything else. What it schedules is what the next change of a key or client would, so that going on after another host, or
//! beginning anew, changes nothing; flags and what is scheduled later stay as they are.

use std::time::Duration;

use access_model::{ApiKey, Client, Credential, Id, KeyState, Shard, Timestamp};
use access_store::{Commit, IndexEntry, Range, Store as _, Survives, in_background};
use serde::{Deserialize, Serialize};

use super::{Due, key_expiry, reminders};
use crate::authority::Authority;
use crate::error::Error;
use crate::records::{self, CommitExt as _};

/// Entries of a list that are read at a time.
const AT_ONCE: usize = 200;

/// How far the lists were gone through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Filled {
    /// The organization that was done last: its score and member in the list of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<(i64, String)>,
    /// Whether that was the last one.
    is_done: bool,
}

impl Authority {
    /// Schedules what older keys and clients are due for, where that was never done. True: it is done.
    ///
    /// # Errors
    /// Those of the store; calling again goes on.
    pub async fn fill_due(&self) -> Result<bool, Error> {
        in_background(self.go_on_filling()).await
    }

    async fn go_on_filling(&self) -> Result<bool, Error> {
        let (store, key) = (self.store.as_ref(), records::DUE_FILLED.to_owned());
        let found = records::read::<Filled>(store, Shard::PLATFORM, key.clone()).await?;
        let mut filled = found.map(|found| found.value).unwrap_or_default();
        while !filled.is_done {
            // INVARIANT: one host at a time goes on, and what it has done it says before it does more.
            if !self.take_due_lease(Shard::PLATFORM).await? {
                return Ok(false);
            }
            let after = filled.after.take().map(|(score, member)| IndexEntry { score, member });
            let index = records::ORGANIZATIONS.to_owned();
            let range = Range { index, after, up_to: None, descending: false, limit: 1 };
            filled = match store.range(Shard::PLATFORM, range).await?.pop() {
                Some(entry) => {
                    if let Ok(organization) = entry.member.parse() {
                        self.fill_due_of(&organization).await?;
                    }
                    Filled { after: Some((entry.score, entry.member)), is_done: false }
                }
                None => Filled { after: None, is_done: true },
            };
            let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(Shard::PLATFORM) };
            commit.put(key.clone(), &filled)?;
            self.commit_due(commit).await?;
        }
        Ok(true)
    }

    async fn fill_due_of(&self, organization: &Id) -> Result<(), Error> {
        let home = organization.home();
        self.fill_due_in(home, records::clients_of(organization)).await?;
        let mut after = None;
        loop {
            let index = records::workspaces_of(organization);
            let range = Range { index, after, up_to: None, descending: false, limit: AT_ONCE };
            let page = self.store.range(home, range).await?;
            for workspace in page.iter().filter_map(|entry| entry.member.parse::<Id>().ok()) {
                self.fill_due_in(home, records::keys_of(&workspace)).await?;
            }
            if page.len() < AT_ONCE {
                return Ok(());
            }
            after = page.into_iter().next_back();
        }
    }

    /// Schedules those of one list.
    async fn fill_due_in(&self, home: Shard, index: String) -> Result<(), Error> {
        let (store, mut after) = (self.store.as_ref(), None);
        loop {
            let range = Range { index: index.clone(), after, up_to: None, descending: false, limit: AT_ONCE };
            let page = store.range(home, range).await?;
            let keys: Vec<String> = page.iter().map(|entry| format!("credential/{}", entry.member)).collect();
            let now = self.clock.now();
            let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(home) };
            for (key, record) in keys.iter().zip(store.read(home, &keys).await?) {
                let Some(record) = record else { continue };
                self.fill_due_for(&mut commit, &records::decode(key, &record)?, now);
            }
            if !commit.index_puts.is_empty() {
                self.commit_due(commit).await?;
            }
            if page.len() < AT_ONCE {
                return Ok(());
            }
            after = page.into_iter().next_back();
        }
    }

    fn fill_due_for(&self, commit: &mut Commit, credential: &Credential, now: Timestamp) {
        // Whether it was used is looked at when its time has come.
        let unused = |after: Option<Duration>, since: Timestamp| after.map(|after| since.plus(after).max(now));
        match credential {
            Credential::ApiKey(key) => {
                let upkeep = self.upkeep(&key.kind);
                // One that has ended was told of.
                if key.expires_at.is_none_or(|end| now < end) {
                    key_expiry::schedule(commit, key);
                }
                reminders::schedule(commit, key, &upkeep, now);
                let begins = key.not_before.unwrap_or(key.created_at).max(key.created_at);
                if let Some(at) = unused(upkeep.inactive, begins).filter(|_| is_watched(key)) {
                    Due::Inactivity(key.id).put(commit, at);
                }
            }
            Credential::Client(client) => {
                let upkeep = self.upkeep(&client.kind);
                if let Some(at) = unused(upkeep.inactive, client.created_at).filter(|_| Client::is_active(client)) {
                    Due::Inactivity(client.id).put(commit, at);
                }
            }
            _ => {}
        }
    }
}

fn is_watched(key: &ApiKey) -> bool {
    key.state == KeyState::Active && key.successor.is_none()
}
