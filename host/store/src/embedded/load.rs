//! Filling a new store from a dump.

use std::fs::File;
use std::path::{Path, PathBuf};

use access_model::{Shard, Timestamp};
use rusqlite::Connection;

use super::FILE;
use super::error::{OpenError, store_error};
use super::file::{Lock, connect, create, sync_directory};
use crate::{Item, Page, StoreError};

/// A new store that is being filled. It is a store like any other, however little of it is there yet, so whoever fills it does that
/// in a folder of its own, and puts the file in its place when it is whole.
#[derive(Debug)]
pub struct Loading {
    shards: u8,
    connection: Connection,
    directory: PathBuf,
    /// Given back after the connection is closed.
    _lock: Lock,
}

impl Loading {
    /// Makes a store in `directory`, which exists and has none. Blocks the thread, as all of this does.
    ///
    /// # Errors
    /// When there is a store, when the directory can't be written to, or when no store has so many shards.
    pub fn begin(directory: &Path, shards: u8) -> Result<Self, OpenError> {
        let lock = Lock::take(directory)?;
        let path = directory.join(FILE);
        if path.exists() {
            return Err(OpenError::Exists { path });
        }
        create(directory, shards)?;
        let connected = || -> rusqlite::Result<Connection> {
            let connection = connect(&path)?;
            // Nothing half-made is ever gone on with, so that the disk needs to hear of it once, in the end.
            connection.pragma_update(None, "journal_mode", "memory")?;
            connection.pragma_update(None, "synchronous", "off")?;
            Ok(connection)
        };
        let connection = connected().map_err(|error| OpenError::Unusable { path, detail: error.to_string() })?;
        Ok(Self { shards, connection, directory: directory.to_owned(), _lock: lock })
    }

    /// Puts what a page holds, all of it new.
    ///
    /// # Errors
    /// When something in it was put already, when the store has no such shard, or when the disk is full. What was put of the page
    /// is of no use then, nor is the store.
    pub fn put(&mut self, page: &Page) -> Result<(), StoreError> {
        if page.shard.number() >= self.shards {
            return Err(StoreError::Corrupt(format!(
                "a page is of the shard `{}`, which it does not have",
                page.shard
            )));
        }
        let mut put = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            page.items.iter().try_for_each(|item| insert(&transaction, page.shard, item))?;
            transaction.commit()
        };
        put().map_err(|error| store_error(&error))
    }

    /// Hands everything to the disk. From then on it may be put in its place.
    ///
    /// # Errors
    /// When the disk can't take it.
    pub fn end(self) -> Result<(), StoreError> {
        let Self { connection, directory, .. } = self;
        connection.close().map_err(|(_, error)| store_error(&error))?;
        let synced = File::open(directory.join(FILE)).and_then(|file| file.sync_all());
        let synced = synced.and_then(|()| sync_directory(&directory));
        synced.map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

fn insert(connection: &Connection, shard: Shard, item: &Item) -> rusqlite::Result<()> {
    let shard = shard.number();
    let millis = |time: &Option<Timestamp>| time.map(Timestamp::as_millis);
    match item {
        Item::Stand { sequence, .. } => {
            let sql = "UPDATE shards SET sequence = ?2 WHERE shard = ?1";
            connection.prepare_cached(sql)?.execute((shard, signed(*sequence)))
        }
        Item::Record { key, record, forget_after } => {
            let sql = "INSERT INTO records (shard, key, version, value, forget_after) VALUES (?1, ?2, ?3, ?4, ?5)";
            let (version, value) = (signed(record.version), record.value.as_ref());
            connection.prepare_cached(sql)?.execute((shard, key, version, value, millis(forget_after)))
        }
        Item::Member { index, entry } => {
            let sql = "INSERT INTO index_entries (shard, name, member, score) VALUES (?1, ?2, ?3, ?4)";
            connection.prepare_cached(sql)?.execute((shard, index, &entry.member, entry.score))
        }
        Item::Logged { log, entry } => {
            let sql = "INSERT INTO log_entries (shard, log, sequence, value) VALUES (?1, ?2, ?3, ?4)";
            connection.prepare_cached(sql)?.execute((shard, log, signed(entry.sequence), entry.value.as_ref()))
        }
        Item::Sum { group, name, sum, forget_after } => {
            let sql = "INSERT INTO counter_groups (shard, name, forget_after) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO UPDATE SET forget_after = excluded.forget_after";
            connection.prepare_cached(sql)?.execute((shard, group, millis(forget_after)))?;
            let sql = "INSERT INTO counters (shard, grp, name, value) VALUES (?1, ?2, ?3, ?4)";
            connection.prepare_cached(sql)?.execute((shard, group, name, sum))
        }
    }
    .map(drop)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
