//! Opening the store: one file in the data folder, or the Redis that the settings name.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use access_authority::lifecycle::LifecycleError;
use access_model::{Clock, Entropy, PlainSecret};
use access_store::{Embedded, Store, embedded};
use access_store_redis::{Options, Redis};
use anyhow::{Context, bail};

use crate::config::Settings;

/// How many shards a store gets that is begun here.
const SHARDS: u8 = 16;
/// How long what was read from Redis is believed, when the settings don't say.
const FRESHNESS_MILLIS: u64 = 1_000;
/// From a heartbeat each 25 milliseconds to a revocation that takes a minute.
const FRESHNESS_RANGE: std::ops::RangeInclusive<u64> = 100..=60_000;
/// More replicas than anybody has.
const MOST_REPLICAS: u32 = 10;

/// A store that is open.
pub(crate) enum Opened {
    /// In a file, for this host alone.
    Embedded(Arc<Embedded>, PathBuf),
    /// In a Redis, which other hosts may serve from too.
    Redis(Arc<Redis>),
}

/// What to do where there is no store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenAbsent {
    /// Begin one.
    Begin,
    /// Say so.
    Refuse,
}

impl Opened {
    /// Opens the store that `settings` name.
    pub(crate) async fn open(
        settings: &Settings,
        dev: bool,
        when_absent: WhenAbsent,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> anyhow::Result<Self> {
        let data_dir = settings.data_dir(dev);
        if when_absent == WhenAbsent::Begin {
            // The root key lies there, wherever the store is.
            create_private(&data_dir)?;
        }
        let Some(url) = &settings.redis else {
            let file = data_dir.join(embedded::FILE);
            if when_absent == WhenAbsent::Refuse && !file.exists() {
                return Err(LifecycleError::NotInitialized.into());
            }
            let options = embedded::Options { shards_when_new: SHARDS, ..embedded::Options::default() };
            return Ok(Self::Embedded(Arc::new(Embedded::open(&data_dir, options)?), file));
        };
        let options = Options {
            shards_when_new: (when_absent == WhenAbsent::Begin).then_some(SHARDS),
            bound: bound(settings)?,
            ..redis_options(settings, url)?
        };
        Ok(Self::Redis(Arc::new(Redis::open(options, clock, entropy).await?)))
    }

    /// The store.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Embedded(store, _) => Arc::clone(store) as Arc<dyn Store>,
            Self::Redis(store) => Arc::clone(store) as Arc<dyn Store>,
        }
    }

    /// Leaves it in order.
    pub(crate) async fn close(&self) -> anyhow::Result<()> {
        match self {
            Self::Embedded(store, _) => store.close().await?,
            Self::Redis(store) => store.close().await,
        }
        Ok(())
    }
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(_, file) => write!(f, "{}", file.display()),
            Self::Redis(store) => write!(f, "Redis at {}", store.address()),
        }
    }
}

/// How the Redis at `url` is reached.
pub(crate) fn redis_options(settings: &Settings, url: &PlainSecret) -> anyhow::Result<Options> {
    let (ca_file, wait_replicas) = (settings.redis_ca_file.clone(), settings.redis_wait_replicas);
    if let Some(replicas) = wait_replicas.filter(|replicas| *replicas > MOST_REPLICAS) {
        bail!("`redis_wait_replicas` can't be {replicas}; choose from 0 to {MOST_REPLICAS}");
    }
    Ok(Options { ca_file, wait_replicas, ..Options::new(url.clone()) })
}

/// How long what was read from Redis is believed.
pub(crate) fn bound(settings: &Settings) -> anyhow::Result<Duration> {
    let millis = settings.freshness_ms.unwrap_or(FRESHNESS_MILLIS);
    if !FRESHNESS_RANGE.contains(&millis) {
        bail!("`freshness_ms` can't be {millis}; choose from {} to {}", FRESHNESS_RANGE.start(), FRESHNESS_RANGE.end());
    }
    Ok(Duration::from_millis(millis))
}

/// Makes a folder that only its owner may enter.
fn create_private(dir: &std::path::Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("data folder `{}` can't be made", dir.display()))
}
