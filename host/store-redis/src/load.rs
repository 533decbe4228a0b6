//! Filling a new store from a dump. No host serves from it before it is whole: until then its format is none.

use access_model::{Entropy, Shard};
use access_store::{Item, Page, StoreError};

use crate::begin::{Aim, begin};
use crate::commit::expiry;
use crate::error::{Failure, OpenError};
use crate::names::Home;
use crate::options::Options;
use crate::scripts::{Call, Script};
use crate::store::Redis;

/// Items, or keys that go, in one script.
const ITEMS: usize = 500;
/// Nor many more bytes than this.
const BYTES: usize = 1 << 20;

/// A new store that is being filled. When it is dropped before its end, what is there is of no use, and the next one takes it away.
#[derive(Debug)]
pub struct Loading {
    redis: Redis,
    options: Options,
    epoch: String,
}

impl Loading {
    /// Begins one where there is none, or where filling one was cut short.
    ///
    /// # Errors
    /// As [`Redis::open`] has them, and [`OpenError::Exists`].
    pub async fn begin(options: Options, shards: u8, entropy: &dyn Entropy) -> Result<Self, OpenError> {
        let options = Options { shards_when_new: Some(shards), ..options };
        let begun = begin(&options, Aim::Load(entropy)).await?;
        let redis = Redis::unproven(&begun, &options).await?;
        let this = Self { redis, options, epoch: begun.epoch };
        for shard in (0..begun.shards).filter_map(Shard::new) {
            let cleared = this.clear(shard).await;
            cleared.map_err(|error| OpenError::Unreachable {
                address: this.redis.address().to_owned(),
                detail: error.to_string(),
            })?;
        }
        Ok(this)
    }

    /// Puts what a page holds, all of it new.
    ///
    /// # Errors
    /// When Redis refuses it, is away, or is being filled by another.
    pub async fn put(&self, page: &Page) -> Result<(), StoreError> {
        let home = self.redis.home(page.shard).ok_or_else(|| {
            StoreError::Corrupt(format!("a page is of the shard `{}`, which it does not have", page.shard))
        })?;
        let mut call = self.call(home);
        let (mut items, mut bytes) = (0, 0);
        for item in &page.items {
            add(&mut call, home, item);
            items += 1;
            bytes += item.weight();
            if items >= ITEMS || bytes >= BYTES {
                self.redis.run(home, &call).await.map_err(Failure::of_commit)?;
                call = self.call(home);
                (items, bytes) = (0, 0);
            }
        }
        if items > 0 {
            self.redis.run(home, &call).await.map_err(Failure::of_commit)?;
        }
        Ok(())
    }

    /// The store as it is so far. What is committed to it stands when it is whole.
    pub const fn store(&self) -> &Redis {
        &self.redis
    }

    /// Says that it is whole: from then on hosts may serve from it.
    ///
    /// # Errors
    /// When Redis is away, or when another filling of it has begun meanwhile.
    pub async fn end(self) -> Result<(), OpenError> {
        begin(&self.options, Aim::Finish(&self.epoch)).await?;
        self.redis.close().await;
        Ok(())
    }

    fn call<'a>(&'a self, home: &'a Home) -> Call<'a> {
        let mut call = Call::new(Script::Load, home, &self.epoch);
        call.key(home.log_numbers.as_str());
        call
    }

    /// Takes away what an earlier filling left in a shard.
    async fn clear(&self, shard: Shard) -> Result<(), StoreError> {
        let Some(home) = self.redis.home(shard) else { return Ok(()) };
        let mut cursor = 0;
        loop {
            let (next, mut names) = self.redis.keys(home, cursor).await?;
            names.retain(|name| *name != home.state);
            for names in names.chunks(ITEMS) {
                let mut call = self.call(home);
                names.iter().for_each(|name| {
                    call.key(name.as_str()).text("gone");
                });
                self.redis.run(home, &call).await.map_err(Failure::of_commit)?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }
}

/// Adds an item to a call of `load.lua`.
fn add<'a>(call: &mut Call<'a>, home: &'a Home, item: &'a Item) {
    match item {
        Item::Stand { sequence, announced } => {
            call.key(home.state.as_str()).text("stand").shown(Some(*sequence)).shown(Some(*announced));
        }
        Item::Record { key, record, forget_after } => {
            call.key(home.record(key)).text("record").shown(Some(record.version)).bytes(&record.value);
            call.shown(expiry(*forget_after));
        }
        Item::Member { index, entry } => {
            call.key(home.index(index)).text("member").shown(Some(entry.score)).text(&entry.member);
        }
        Item::Logged { log, entry } => {
            call.key(home.log(log)).text("logged").text(log).shown(Some(entry.sequence)).bytes(&entry.value);
        }
        Item::Sum { group, name, sum, forget_after } => {
            call.key(home.counters(group)).text("sum").text(name).shown(Some(*sum)).shown(expiry(*forget_after));
        }
    }
}
