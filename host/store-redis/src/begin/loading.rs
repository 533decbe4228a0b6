//! How a store comes into being that is filled from a dump. Its format is none until it is whole, so that no host, of whatever
//! release, takes it for a store.

use access_model::{Entropy, Shard};

use super::{Beginning, EPOCH_LENGTH, FORMAT};
use crate::error::OpenError;
use crate::names;

/// What stands in place of a format.
pub(super) const LOADING: &str = "loading";

impl Beginning<'_> {
    /// Claims the place of a store: its epoch, and its number of shards. Whoever was filling it before can't go on.
    pub(super) async fn load(&mut self, entropy: &dyn Entropy) -> Result<(String, u8), OpenError> {
        let shards = self.options.shards_when_new.unwrap_or_default();
        if shards == 0 || shards > Shard::LIMIT {
            return Err(OpenError::Shards(shards));
        }
        let (found, shown) = (self.read().await?, shards.to_string());
        // What it left in shards that this one does not have would stay.
        let is_left = found.get("format").is_some_and(|format| format == LOADING);
        if let Some(other) = found.get("shards").filter(|other| is_left && **other != shown) {
            return Err(self.damaged(&format!("an import of one with {other} shards was cut short in it")));
        }
        let epoch = access_model::entropy::random_base62(entropy, EPOCH_LENGTH)?;
        let store = names::store(&self.options.prefix);
        let mut claim = redis::cmd("EVAL");
        claim.arg(include_str!("../scripts/claim.lua")).arg(1).arg(&store).arg(LOADING).arg(&epoch).arg(shown);
        if self.query::<i64>(&store, &claim).await? == 0 {
            return Err(OpenError::Exists { address: self.place.to_string() });
        }
        for shard in (0..shards).filter_map(Shard::new) {
            let state = names::state(&self.options.prefix, shard);
            let _: i64 = self.query(&state, redis::cmd("HSET").arg(&state).arg("epoch").arg(&epoch)).await?;
        }
        Ok((epoch, shards))
    }

    /// Says that the store of this epoch is filled.
    pub(super) async fn finish(&mut self, epoch: &str) -> Result<(String, u8), OpenError> {
        let shards = self.options.shards_when_new.unwrap_or_default();
        self.shards(shards, epoch, true).await?;
        let store = names::store(&self.options.prefix);
        let mut finish = redis::cmd("EVAL");
        finish.arg(include_str!("../scripts/finish.lua")).arg(1).arg(&store).arg(LOADING).arg(epoch).arg(FORMAT);
        if self.query::<i64>(&store, &finish).await? == 0 {
            return Err(self.damaged("another import into it has begun meanwhile"));
        }
        Ok((epoch.to_owned(), shards))
    }
}
