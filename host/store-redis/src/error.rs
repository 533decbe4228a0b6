//! Why the store can't be opened and what to do about it; and how Redis' failures read above the seam.

use std::sync::Arc;

use access_store::StoreError;
use redis::{ErrorKind, RedisError, ServerError};

use crate::scripts::ANOTHER_STORE;

/// What to do about a Redis that holds another store than was opened.
pub(crate) const RESTORE: &str =
    "Redis came back empty, or holds another store; restore its data, or restart the hosts to use what it holds now";

/// The store could not be opened. None of these names the password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one, or of a kind that this release can't use.
    #[error(
        "the URL of Redis can't be used: {0}; it reads `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, \
         `redis-sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST…]/MASTER[/DB]`, `redis-cluster://[USER:PASSWORD@]HOST[:PORT][,HOST…]`, \
         each with `rediss` for TLS, or `unix:///PATH`"
    )]
    Url(String),
    /// The file of certificates can't be read.
    #[error("the certificates in `{path}`, by which Redis is to be known, can't be used: {detail}")]
    CaFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
    /// No connection, or no answer, or no permission.
    #[error(
        "can't use Redis at {address}: {detail}; check that it runs there and that its user and password are right"
    )]
    Unreachable {
        /// Host and port, or path.
        address: String,
        /// What went wrong.
        detail: String,
    },
    /// It answers, and takes nothing.
    #[error("Redis at {address} refuses to be written to: {detail}; mend that there")]
    Refuses {
        /// Host and port, or path.
        address: String,
        /// What it says.
        detail: String,
    },
    /// Before sharded announcements and functions of scripts that the store needs.
    #[error("Redis at {address} is version {found}; 7.0 or newer is needed")]
    TooOld {
        /// Host and port, or path.
        address: String,
        /// Its version.
        found: String,
    },
    /// It can't be written to.
    #[error("Redis at {address} is a replica; name its primary")]
    Replica {
        /// Host and port, or path.
        address: String,
    },
    /// It would throw records away.
    #[error(
        "Redis at {address} has `maxmemory-policy {policy}` and would throw away keys and audit records when memory runs short; \
         set `maxmemory-policy noeviction`"
    )]
    Evicts {
        /// Host and port, or path.
        address: String,
        /// Its policy.
        policy: String,
    },
    /// A fail-over would lose what was confirmed.
    #[error("Redis at {address} may lose revocations when it fails over: {detail}; set {todo}")]
    Loses {
        /// Host and port, or path.
        address: String,
        /// What is wrong.
        detail: String,
        /// What to set.
        todo: String,
    },
    /// There is no store, and none was to be made.
    #[error(
        "nothing has been set up here: there is no store in Redis at {address}; run `cronflow-access init --redis URL \
         --organization NAME --workspace NAME` first, or `serve --dev --redis URL` for a demo; if there was a store, Redis has \
         lost its data, so restore that"
    )]
    Absent {
        /// Host and port, or path.
        address: String,
    },
    /// There is one where a new one was to be filled.
    #[error(
        "there is a store in Redis at {address} already; name another Redis, or another of its databases (`redis://HOST/1`), or empty \
         this one if nobody needs it"
    )]
    Exists {
        /// Host and port, or path.
        address: String,
    },
    /// It was not filled to its end.
    #[error(
        "the store in Redis at {address} is not whole: an import into it is under way, or was cut short; wait for it, or run \
         `cronflow-access import` again, which begins anew"
    )]
    CutShort {
        /// Host and port, or path.
        address: String,
    },
    /// A newer release has written it.
    #[error(
        "the store in Redis at {address} has format {found}, and this release knows formats up to {known}; use the newer \
         release that wrote it"
    )]
    Newer {
        /// Host and port, or path.
        address: String,
        /// The format in the store.
        found: u32,
        /// The highest format that this release knows.
        known: u32,
    },
    /// Parts of it are there and parts are not.
    #[error(
        "the store in Redis at {address} is not whole ({detail}); restore a backup, or empty it to begin a new one"
    )]
    Damaged {
        /// Host and port, or path.
        address: String,
        /// What is wrong with it.
        detail: String,
    },
    /// More shards, or fewer, than ids can spell.
    #[error("a store can't have `{0}` shards; choose from 1 to 100")]
    Shards(u8),
    /// No randomness to be had.
    #[error(transparent)]
    Entropy(#[from] access_model::entropy::EntropyError),
}

/// A command was not answered as hoped.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// There is no connection: nothing was sent.
    Away(Arc<str>),
    /// It was sent, and no answer came.
    NoAnswer(RedisError),
    /// Redis answered with an error, and did nothing.
    Refused(ServerError),
}

impl Failure {
    /// How it reads when nothing was to be changed.
    pub(crate) fn of_read(self) -> StoreError {
        match self {
            Self::Away(why) => StoreError::Unavailable(format!("Redis is away: {why}")),
            Self::NoAnswer(error) => StoreError::Unavailable(format!("Redis gave no answer: {}", describe(&error))),
            Self::Refused(error) if error.code() == ANOTHER_STORE => StoreError::Unavailable(RESTORE.to_owned()),
            Self::Refused(error) if error.code() == "WRONGTYPE" => StoreError::Corrupt(text(&error)),
            Self::Refused(error) => StoreError::Unavailable(format!("Redis refused: {}", text(&error))),
        }
    }

    /// How it reads when the store was to be opened.
    pub(crate) fn of_opening(self, address: &str) -> OpenError {
        let address = address.to_owned();
        match self {
            Self::Away(why) => OpenError::Unreachable { address, detail: why.to_string() },
            Self::NoAnswer(error) => OpenError::Unreachable { address, detail: describe(&error) },
            Self::Refused(error) => OpenError::Refuses { address, detail: text(&error) },
        }
    }

    /// How it reads when something was to be changed.
    pub(crate) fn of_commit(self) -> StoreError {
        match self {
            Self::NoAnswer(error) => StoreError::Unconfirmed(describe(&error)),
            other => other.of_read(),
        }
    }
}

/// What went wrong on a connection.
pub(crate) fn describe(error: &RedisError) -> String {
    if error.is_timeout() {
        "it took too long".to_owned()
    } else if error.kind() == ErrorKind::Io && error.is_connection_dropped() && !error.is_connection_refusal() {
        "the connection was closed".to_owned()
    } else {
        error.to_string()
    }
}

/// What Redis said.
pub(crate) fn text(error: &ServerError) -> String {
    error.details().map_or_else(|| error.code().to_owned(), |details| format!("{} {details}", error.code()))
}
