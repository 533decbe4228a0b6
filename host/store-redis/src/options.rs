//! How to open the store.

use std::time::Duration;

use access_model::PlainSecret;

use crate::begin;
use crate::error::OpenError;

/// How to open a [`Redis`](crate::Redis) store.
#[derive(Debug, Clone)]
pub struct Options {
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/DB]` or `unix:///PATH`. A secret, since a password may stand in it.
    pub url: PlainSecret,
    /// What every key begins with.
    pub prefix: String,
    /// How many shards a store that doesn't exist yet gets, from 1 to 100. Absent: it must exist. One that exists keeps its own
    /// number.
    pub shards_when_new: Option<u8>,
    /// How long what was read is believed after the last proof that it still holds: another host's change is seen here no
    /// later.
    pub bound: Duration,
    /// How long Redis may take to answer, and to accept a connection.
    pub time_out: Duration,
}

impl Options {
    /// A store that exists at `url`, with a bound of a second.
    pub fn new(url: PlainSecret) -> Self {
        Self {
            url,
            prefix: "access".to_owned(),
            shards_when_new: None,
            bound: Duration::from_secs(1),
            time_out: Duration::from_millis(500),
        }
    }

    /// Where Redis is: host and port, or path. Nobody is asked.
    ///
    /// # Errors
    /// [`OpenError::Url`].
    pub fn address(&self) -> Result<String, OpenError> {
        begin::client(self).map(|(_, address)| address)
    }
}
