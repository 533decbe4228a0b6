//! A store that is only looked at: without the lock, without a change, whether or not another process serves from it.

use std::collections::BTreeMap;
use std::path::Path;

use access_model::{Shard, Timestamp};
use tokio::sync::mpsc;

use super::error::OpenError;
use super::read::{self, Readers};
use super::{dump, file};
use crate::{Commit, CommitError, Committed, IndexEntry, LogEntry, Page, Range, Record, Store, StoreError, Watcher};

/// Objections of SQLite's that are worth telling.
const OBJECTIONS: usize = 5;

/// A store that is only looked at. It is never told of a change, and a commit is refused.
#[derive(Debug)]
pub struct Look {
    schema: i64,
    shards: u8,
    readers: Readers,
}

impl Look {
    /// Looks at the store in the file `path`. Blocks the thread.
    ///
    /// # Errors
    /// When the file is missing, damaged, foreign, from a newer release, or not readable for this user.
    pub fn at(path: &Path) -> Result<Self, OpenError> {
        let (schema, shards) = file::look(path)?;
        let unusable = |detail: String| OpenError::Unusable { path: path.to_owned(), detail };
        let shards = u8::try_from(shards).map_err(|error| unusable(error.to_string()))?;
        let readers = Readers::start(1, || file::connect_to_look(path)).map_err(|error| unusable(error.to_string()))?;
        Ok(Self { schema, shards, readers })
    }

    /// The schema version of the file.
    pub const fn schema(&self) -> i64 {
        self.schema
    }

    /// What SQLite objects to when it goes through the whole file; nothing when the file is sound. Takes about as long as
    /// reading it.
    ///
    /// # Errors
    /// When it can't be gone through at all.
    pub async fn objections(&self) -> Result<Vec<String>, StoreError> {
        let check = format!("PRAGMA quick_check({OBJECTIONS})");
        let found = self.readers.run(move |connection| -> rusqlite::Result<Vec<String>> {
            connection.prepare(&check)?.query_map([], |row| row.get(0))?.collect()
        });
        Ok(found.await?.into_iter().filter(|line| line != "ok").collect())
    }

    /// Names of all logs, and where each is.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn logs(&self) -> Result<Vec<(Shard, String)>, StoreError> {
        let found = self.readers.run(|connection| -> rusqlite::Result<Vec<(u8, String)>> {
            let mut statement =
                connection.prepare("SELECT DISTINCT shard, log FROM log_entries ORDER BY shard, log")?;
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        });
        Ok(found.await?.into_iter().filter_map(|(shard, log)| Some((Shard::new(shard)?, log))).collect())
    }

    /// Sends everything that the store holds, as it is at one instant, to whoever takes pages. A host that serves from it
    /// meanwhile goes on, and can't clear its write-ahead log until this is over.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn dump(&self, pages: mpsc::Sender<Page>) -> Result<(), StoreError> {
        let shards = self.shards;
        self.readers.run(move |connection| dump::dump(connection, shards, &pages)).await
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.readers.close();
    }
}

#[async_trait::async_trait]
impl Store for Look {
    fn shards(&self) -> u8 {
        self.shards
    }

    async fn read(&self, shard: Shard, keys: &[String]) -> Result<Vec<Option<Record>>, StoreError> {
        let keys = keys.to_vec();
        self.readers.run(move |connection| read::records(connection, shard, &keys)).await
    }

    async fn range(&self, shard: Shard, range: Range) -> Result<Vec<IndexEntry>, StoreError> {
        self.readers.run(move |connection| read::range(connection, shard, &range)).await
    }

    async fn log(
        &self,
        shard: Shard,
        log: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let log = log.to_owned();
        self.readers.run(move |connection| read::log(connection, shard, &log, before, limit)).await
    }

    async fn counters(&self, shard: Shard, group: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        let group = group.to_owned();
        self.readers.run(move |connection| read::counters(connection, shard, &group)).await
    }

    async fn commit(&self, _: Commit) -> Result<Committed, CommitError> {
        Err(only_looking().into())
    }

    async fn sweep(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        Err(only_looking())
    }

    fn watch(&self, _: Watcher) {}
}

fn only_looking() -> StoreError {
    StoreError::Unavailable("it is only looked at here".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap as Map;
    use std::fs;
    use std::path::PathBuf;

    use super::super::file::holder;
    use super::super::{Embedded, FILE, Lock, Options};
    use super::*;
    use crate::Put;

    /// The files of a data directory, but for the memory that SQLite's processes share.
    fn files(directory: &Path) -> Map<PathBuf, Vec<u8>> {
        let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        paths
            .filter(|path| !path.ends_with(format!("{FILE}-shm")))
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    }

    fn put(key: &str) -> Commit {
        let mut commit = Commit::new(Shard::PLATFORM);
        commit.puts.push(Put::new(key.to_owned(), key.to_owned().into()));
        commit.appends.push((format!("log of {key}"), "entry".into()));
        commit
    }

    async fn sees(directory: &Path, key: &str) -> bool {
        let look = Look::at(&directory.join(FILE)).unwrap();
        assert_eq!((look.shards(), look.schema()), (16, file::SCHEMA_VERSION));
        assert_eq!(look.objections().await.unwrap(), Vec::<String>::new());
        assert!(look.commit(put("by looking")).await.is_err());
        let found = look.read(Shard::PLATFORM, &[key.to_owned()]).await.unwrap()[0].is_some();
        assert_eq!(look.logs().await.unwrap().contains(&(Shard::PLATFORM, format!("log of {key}"))), found);
        found
    }

    #[tokio::test]
    async fn looking_sees_what_is_served_and_leaves_it_alone() {
        // What means something in a URI must not in a path.
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("a ?#%20 b");
        let store = Embedded::open(&directory, Options::default()).unwrap();
        store.commit(put("first")).await.unwrap();
        assert_eq!(holder(&directory), Some(std::process::id()));
        let before = files(&directory);
        assert!(sees(&directory, "first").await);
        assert!(files(&directory) == before);
        store.commit(put("second")).await.unwrap();
        assert!(sees(&directory, "second").await);

        store.close().await.unwrap();
        assert_eq!(holder(&directory), None);
        let before = files(&directory);
        assert_eq!(before.keys().cloned().collect::<Vec<_>>(), [directory.join(FILE), directory.join(Lock::FILE)]);
        assert!(sees(&directory, "second").await && !sees(&directory, "third").await);
        assert!(files(&directory) == before, "nothing appears beside it");
    }

    #[tokio::test]
    async fn looking_sees_what_a_killed_host_left_in_its_log() {
        let directory = tempfile::tempdir().unwrap();
        let store = Embedded::open(directory.path(), Options::default()).unwrap();
        store.commit(put("first")).await.unwrap();
        let killed = tempfile::tempdir().unwrap();
        for file in [FILE.to_owned(), format!("{FILE}-wal")] {
            fs::copy(directory.path().join(&file), killed.path().join(&file)).unwrap();
        }
        let before = files(killed.path());
        assert!(sees(killed.path(), "first").await);
        assert!(files(killed.path()) == before);
    }

    #[test]
    fn what_is_no_store_is_told_in_the_words_of_opening() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        assert!(matches!(Look::at(&path), Err(OpenError::Unusable { .. })));
        fs::write(&path, "short").unwrap();
        assert!(matches!(Look::at(&path), Err(OpenError::Damaged { .. })));
        fs::write(&path, "this is not a store of anybody").unwrap();
        assert!(matches!(Look::at(&path), Err(OpenError::Foreign { .. })));
        drop(fs::remove_file(&path));
        let store = Embedded::open(directory.path(), Options::default()).unwrap();
        drop(store);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(matches!(Look::at(&path), Err(OpenError::Damaged { detail, .. }) if detail.starts_with("it has ")));
    }
}
