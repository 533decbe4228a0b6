//! Reading, by threads with connections of their own: they see the last whole transaction and never wait for the writer.
//!
//! A read takes microseconds and waking a thread takes more, so that these threads drain their queues as the writer does:
//! the busier they are, the less a read costs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use access_model::Shard;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row};
use tokio::sync::{mpsc, oneshot};

use super::error::{closed, store_error};
use crate::{IndexEntry, LogEntry, Range, Record, StoreError};

/// Reads that may wait for each thread; more than that wait in their callers.
const QUEUE: usize = 256;
/// Reads that a thread takes from its queue at a time.
const BATCH: usize = 8;
/// With so many reads waiting for a thread, the next thread is woken.
const BUSY: usize = 4;

/// A read that sends its answer by itself.
type Work = Box<dyn FnOnce(&mut Connection) + Send>;

/// The threads that read.
#[derive(Debug)]
pub(super) struct Readers {
    /// Whose turn it is when all are busy.
    turn: AtomicUsize,
    /// Empty once closed.
    threads: Mutex<Vec<(mpsc::Sender<Work>, JoinHandle<()>)>>,
}

impl Readers {
    /// Opens the connections and starts the threads.
    pub(super) fn start(
        count: usize,
        connect: impl Fn() -> rusqlite::Result<Connection>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let mut threads = Vec::new();
        for _ in 0..count.max(1) {
            let mut connection = connect()?;
            let (queue, mut works) = mpsc::channel::<Work>(QUEUE);
            let serve = move || {
                let mut batch = Vec::with_capacity(BATCH);
                while works.blocking_recv_many(&mut batch, BATCH) > 0 {
                    batch.drain(..).for_each(|work| work(&mut connection));
                }
            };
            threads.push((queue, thread::Builder::new().name("store-reader".to_owned()).spawn(serve)?));
        }
        Ok(Self { turn: AtomicUsize::new(0), threads: Mutex::new(threads) })
    }

    /// Runs `work` on one of the threads.
    pub(super) async fn run<T, Read>(&self, read: Read) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Read: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            // Nobody waits any more when the caller has gone away.
            let _ = answer.send(read(connection).map_err(|error| store_error(&error)));
        });
        self.next().ok_or_else(closed)?.send(work).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// No read begins after this. Those under way end first.
    pub(super) fn close(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let (queues, threads): (Vec<_>, Vec<_>) = threads.into_iter().unzip();
        drop(queues);
        for thread in threads {
            if thread.thread().id() != thread::current().id() && thread.join().is_err() {
                tracing::error!("a reader of the store had panicked");
            }
        }
    }

    /// The first thread that is not busy, so that few reads keep few threads awake; when all are, they take turns.
    fn next(&self) -> Option<mpsc::Sender<Work>> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = threads.iter().find(|(queue, _)| QUEUE - queue.capacity() < BUSY);
        let chosen = idle.or_else(|| {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(threads.len())?;
            threads.get(turn)
        });
        chosen.map(|(queue, _)| queue.clone())
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("a reader has stopped; restart the host".to_owned())
}

pub(super) fn records(
    connection: &mut Connection,
    shard: Shard,
    keys: &[String],
) -> rusqlite::Result<Vec<Option<Record>>> {
    let transaction = connection.transaction()?;
    let mut statement =
        transaction.prepare_cached("SELECT version, value FROM records WHERE shard = ?1 AND key = ?2")?;
    keys.iter().map(|key| statement.query_row((shard.number(), key), record).optional()).collect()
}

pub(super) fn counters(connection: &Connection, shard: Shard, group: &str) -> rusqlite::Result<BTreeMap<String, i64>> {
    let mut statement = connection.prepare_cached("SELECT name, value FROM counters WHERE shard = ?1 AND grp = ?2")?;
    statement.query_map((shard.number(), group), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

pub(super) fn log(
    connection: &Connection,
    shard: Shard,
    log: &str,
    before: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Vec<LogEntry>> {
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let sql = "SELECT sequence, value FROM log_entries WHERE shard = ?1 AND log = ?2 AND sequence < ?3
               ORDER BY sequence DESC LIMIT ?4";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map((shard.number(), log, before, at_most(limit)), log_entry)?.collect()
}

pub(super) fn range(connection: &Connection, shard: Shard, range: &Range) -> rusqlite::Result<Vec<IndexEntry>> {
    if range.descending { highest_first(connection, shard, range) } else { lowest_first(connection, shard, range) }
}

fn lowest_first(connection: &Connection, shard: Shard, range: &Range) -> rusqlite::Result<Vec<IndexEntry>> {
    let (score, member) = range.after.as_ref().map_or((i64::MIN, ""), |after| (after.score, &after.member));
    let sql = "SELECT score, member FROM index_entries WHERE shard = ?1 AND name = ?2 AND (score, member) > (?3, ?4)
               ORDER BY score, member LIMIT ?5";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map((shard.number(), &range.index, score, member, at_most(range.limit)), index_entry)?;
    // Reading stops at the first entry that is not due, however many come after it.
    let wanted = |entry: &IndexEntry| range.up_to.is_none_or(|up_to| entry.score <= up_to);
    rows.take_while(|entry| entry.as_ref().map_or(true, wanted)).collect()
}

fn highest_first(connection: &Connection, shard: Shard, range: &Range) -> rusqlite::Result<Vec<IndexEntry>> {
    // Both limits are from above here, so the lower of them is the one: nothing at or beyond it is wanted.
    let after = range.after.as_ref().map_or((i64::MAX, ""), |after| (after.score, &after.member));
    let above = range.up_to.map_or((i64::MAX, ""), |up_to| (up_to.saturating_add(1), ""));
    let (score, member) = after.min(above);
    let sql = "SELECT score, member FROM index_entries WHERE shard = ?1 AND name = ?2 AND (score, member) < (?3, ?4)
               ORDER BY score DESC, member DESC LIMIT ?5";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map((shard.number(), &range.index, score, member, at_most(range.limit)), index_entry)?.collect()
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let version: i64 = row.get(0)?;
    Ok(Record { version: version.unsigned_abs(), value: Bytes::from(row.get::<_, Vec<u8>>(1)?) })
}

fn index_entry(row: &Row<'_>) -> rusqlite::Result<IndexEntry> {
    Ok(IndexEntry { score: row.get(0)?, member: row.get(1)? })
}

fn log_entry(row: &Row<'_>) -> rusqlite::Result<LogEntry> {
    let sequence: i64 = row.get(0)?;
    Ok(LogEntry { sequence: sequence.unsigned_abs(), value: Bytes::from(row.get::<_, Vec<u8>>(1)?) })
}

fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
