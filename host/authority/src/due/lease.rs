//! Which host does a shard's due work: whoever holds the shard's lease.

use std::time::Duration;

use access_model::{Shard, Timestamp};
use access_store::{Check, Commit, CommitError, Put, Store as _, Survives};
use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::error::Error;
use crate::records;

/// A lease lasts so long; a host that dies leaves its shards' work to others after that.
const LASTS: Duration = Duration::from_secs(15);

#[derive(Debug, Serialize, Deserialize)]
struct Lease {
    host: String,
    until: Timestamp,
}

impl Authority {
    /// Takes the lease, or prolongs it. False: another host holds it.
    pub(crate) async fn take_due_lease(&self, shard: Shard) -> Result<bool, Error> {
        let key = records::DUE_LEASE.to_owned();
        let found = records::read::<Lease>(self.store.as_ref(), shard, key.clone()).await?;
        let now = self.clock.now();
        let check = match found {
            Some(found) if found.value.host != self.host && now < found.value.until => return Ok(false),
            Some(found) => found.check,
            None => Check { key: key.clone(), version: None },
        };
        let lease = Lease { host: self.host.clone(), until: now.plus(LASTS) };
        let json = serde_json::to_vec(&lease).map_err(Error::internal)?;
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(shard) };
        commit.checks.push(check);
        commit.puts.push(Put { forget_after: Some(lease.until), ..Put::new(key, json.into()) });
        match self.store.commit(commit).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
