//! How to open the store.

use std::path::PathBuf;
use std::time::Duration;

use access_model::PlainSecret;

use crate::error::OpenError;
use crate::place::Place;

/// How to open a [`Redis`](crate::Redis) store.
#[derive(Debug, Clone)]
pub struct Options {
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, `redis-sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST…]/MASTER[/DB]` or
    /// `redis-cluster://[USER:PASSWORD@]HOST[:PORT][,HOST…]`, each with `rediss` for TLS, or `unix:///PATH`. A secret, since a
    /// password may stand in it.
    pub url: PlainSecret,
    /// File of certificates (PEM) that are trusted in place of the machine's.
    pub ca_file: Option<PathBuf>,
    /// What every key begins with.
    pub prefix: String,
    /// How many shards a store that doesn't exist yet gets, from 1 to 100. Absent: it must exist. One that exists keeps its own
    /// number.
    pub shards_when_new: Option<u8>,
    /// How long what was read is believed after the last proof that it still holds: another host's change is seen here no
    /// later.
    pub bound: Duration,
    /// How many replicas must have what takes something from somebody before it is confirmed. Absent: one where there are
    /// sentinels or a cluster, else none.
    pub wait_replicas: Option<u32>,
    /// How long Redis may take to answer, and to accept a connection.
    pub time_out: Duration,
}

impl Options {
    /// A store that exists at `url`, with a bound of a second.
    pub fn new(url: PlainSecret) -> Self {
        Self {
            url,
            ca_file: None,
            wait_replicas: None,
            prefix: "access".to_owned(),
            shards_when_new: None,
            bound: Duration::from_secs(1),
            time_out: Duration::from_millis(500),
        }
    }

    /// Where Redis is: host and port, or path, or who leads there. Nobody is asked.
    ///
    /// # Errors
    /// [`OpenError::Url`] and [`OpenError::CaFile`].
    pub fn address(&self) -> Result<String, OpenError> {
        Ok(Place::of(self)?.to_string())
    }
}
