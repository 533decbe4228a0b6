//! Who else serves from this store, and by which rules: hosts whose platform set differs answer differently, and somebody
//! ought to know.
//!
//! Each host keeps a record of itself, which is forgotten soon after the host is gone, and looks at the others'.

use std::sync::Mutex;
use std::time::Duration;

use access_model::{Shard, Timestamp};
use access_store::{Commit, IndexEntry, Put, Range, Store as _, Survives};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::authority::{Authority, lock};
use crate::error::Error;
use crate::records;

/// Between two looks, in monotonic time.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A host that has not been heard of for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(20);
/// Hosts at most that are looked at.
const MOST: usize = 200;

/// A host that serves from this store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostView {
    /// Its random name, which its decision ids begin with.
    pub id: String,
    /// Version of the product.
    pub version: String,
    /// Digest of what decides there: platform set and catalog.
    pub set_digest: String,
    /// When it last said so.
    pub seen_at: Timestamp,
}

/// What a host tells the others of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Greeting {
    #[serde(flatten)]
    view: HostView,
    /// Version of the keyring that it holds; none from a release that tells nothing of it.
    #[serde(default)]
    keyring: u64,
    /// Id of the root key that it was started with.
    #[serde(default)]
    root_key: String,
}

/// The other hosts, as this one last saw them.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    others: Mutex<Vec<HostView>>,
    /// In monotonic time.
    next_look: Mutex<Duration>,
}

impl Hosts {
    /// Has the others told with the next tick: something about this host has changed.
    pub(crate) fn look_soon(&self) {
        *lock(&self.next_look) = Duration::ZERO;
    }
}

impl Authority {
    /// The other hosts of this store, as last seen. Empty on a store that only this process has open.
    pub fn other_hosts(&self) -> Vec<HostView> {
        lock(&self.hosts.others).clone()
    }

    /// Tells of this host and looks at the others, every few seconds.
    pub(crate) async fn greet_hosts(&self) {
        let now = self.clock.monotonic();
        if self.freshness.is_none() || now < *lock(&self.hosts.next_look) {
            return;
        }
        *lock(&self.hosts.next_look) = now + LOOK_EVERY;
        if let Err(error) = self.see_hosts().await {
            tracing::debug!(%error, "the other hosts could not be looked at");
        }
    }

    /// Looks at the other hosts, and remembers what it saw.
    pub(crate) async fn see_hosts(&self) -> Result<(), Error> {
        let others = self.look_at_hosts().await?;
        *lock(&self.hosts.others) = others.into_iter().map(|other| other.view).collect();
        Ok(())
    }

    /// Refuses while a host has not told that it holds the keyring of this version, or a newer one.
    pub(crate) async fn check_all_know(&self, version: u64) -> Result<(), Error> {
        self.read_keyring().await?;
        if self.freshness.is_some()
            && let Some(behind) = self.look_at_hosts().await?.into_iter().find(|other| other.keyring < version)
        {
            return Err(Error::HostBehind { host: behind.view.id });
        }
        Ok(())
    }

    /// Hosts that were started with the root key `root`, this one among them.
    pub(crate) async fn hosts_under_root(&self, root: &str) -> Result<Vec<String>, Error> {
        Ok(self.hosts_and_roots().await?.into_iter().filter(|(_, of)| of == root).map(|(id, _)| id).collect())
    }

    /// Hosts that were started with another root key than `root`, this one among them.
    pub(crate) async fn hosts_under_another_root(&self, root: &str) -> Result<Vec<String>, Error> {
        Ok(self.hosts_and_roots().await?.into_iter().filter(|(_, of)| of != root).map(|(id, _)| id).collect())
    }

    /// Every host, this one first, and the id of the root key that it was started with.
    async fn hosts_and_roots(&self) -> Result<Vec<(String, String)>, Error> {
        let own = (self.host.clone(), self.keyring().root().to_owned());
        let mut all = vec![own];
        if self.freshness.is_some() {
            all.extend(self.look_at_hosts().await?.into_iter().map(|other| (other.view.id, other.root_key)));
        }
        Ok(all)
    }

    async fn look_at_hosts(&self) -> Result<Vec<Greeting>, Error> {
        let (store, now) = (self.store.as_ref(), self.clock.now());
        let keyring = self.keyring();
        let own = Greeting {
            view: HostView {
                id: self.host.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                set_digest: self.policies.digest().to_string(),
                seen_at: now,
            },
            keyring: keyring.version(),
            root_key: keyring.root().to_owned(),
        };
        let id = &own.view.id;
        let oldest = now.as_millis() - GONE_AFTER.as_millis() as i64;
        let range =
            Range { index: records::HOSTS.to_owned(), after: None, up_to: None, descending: false, limit: MOST };
        let members = store.range(Shard::PLATFORM, range).await?;
        let (here, gone): (Vec<_>, Vec<_>) = members.into_iter().partition(|entry| entry.score > oldest);
        let mut commit = quiet();
        let key = records::host(id);
        let json = serde_json::to_vec(&own).map_err(Error::internal)?;
        commit.puts.push(Put { forget_after: Some(now.plus(GONE_AFTER)), ..Put::new(key, json.into()) });
        let entry = IndexEntry { score: now.as_millis(), member: id.clone() };
        commit.index_puts.push((records::HOSTS.to_owned(), entry));
        commit.index_deletes.extend(gone.into_iter().map(|entry| (records::HOSTS.to_owned(), entry.member)));
        store.commit(commit).await?;
        let others: Vec<_> = here.iter().filter(|entry| entry.member != *id).collect();
        let keys: Vec<_> = others.iter().map(|entry| records::host(&entry.member)).collect();
        let found = store.read(Shard::PLATFORM, &keys).await?;
        let views = keys.iter().zip(&found).filter_map(|(key, record)| Some(records::decode(key, record.as_ref()?)));
        views.collect()
    }

    /// Takes this host out of the others' sight.
    pub(crate) async fn leave_hosts(&self) {
        if self.freshness.is_some() {
            let mut commit = quiet();
            commit.deletes.push(records::host(&self.host));
            commit.index_deletes.push((records::HOSTS.to_owned(), self.host.clone()));
            if let Err(error) = self.store.commit(commit).await {
                tracing::debug!(%error, "the other hosts will find out by themselves");
            }
        }
    }
}

/// Nobody caches these records, and nobody misses them after power loss.
fn quiet() -> Commit {
    Commit { announce: false, survives: Survives::Process, ..Commit::new(Shard::PLATFORM) }
}
