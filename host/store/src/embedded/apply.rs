//! One commit in SQL, and one sweep.

use access_model::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use crate::{Check, Commit, Count, Put};

/// Spelled so that SQLite sees that the partial index answers it.
pub(super) const SWEEP: &str = "DELETE FROM records WHERE rowid IN
    (SELECT rowid FROM records WHERE forget_after < ?1 ORDER BY forget_after LIMIT ?2)";

/// What became of a commit within its transaction.
#[derive(Debug)]
pub(super) enum Applied {
    /// It was written; the sequence numbers that the appended values got.
    Written(Vec<u64>),
    /// A check did not hold, and nothing was written.
    Conflict(String),
}

/// Applies `commit`, number `sequence` of its shard, within the transaction that is open on `connection`.
///
/// After an error the transaction holds half a commit and must be rolled back.
pub(super) fn apply(connection: &Connection, commit: &Commit, sequence: u64) -> rusqlite::Result<Applied> {
    let shard = commit.shard.number();
    // INVARIANT: all checks come before the first write, or are the first write, so that a conflict needs no undoing.
    let (checks, new) = match (commit.checks.as_slice(), commit.puts.first()) {
        // Where all that is asked is that the first record is new, putting it says whether it is.
        ([check], Some(put)) if check.version.is_none() && check.key == put.key && commit.log_ends.is_empty() => {
            (&[] as &[Check], Some(put))
        }
        (checks, _) => (checks, None),
    };
    for check in checks {
        if !holds(connection, shard, check)? {
            return Ok(Applied::Conflict(check.key.clone()));
        }
    }
    for (log, last) in &commit.log_ends {
        if last_of(connection, shard, log)? != *last {
            return Ok(Applied::Conflict(log.clone()));
        }
    }
    let version = i64::try_from(sequence).unwrap_or(i64::MAX);
    if let Some(Put { key, value, forget_after }) = new {
        let sql = "INSERT INTO records (shard, key, version, value, forget_after) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO NOTHING";
        let forget_after = forget_after.map(Timestamp::as_millis);
        let put = connection.prepare_cached(sql)?.execute((shard, key, version, value.as_ref(), forget_after))?;
        if put == 0 {
            return Ok(Applied::Conflict(key.clone()));
        }
    }
    for Put { key, value, forget_after } in commit.puts.iter().skip(usize::from(new.is_some())) {
        let sql = "INSERT INTO records (shard, key, version, value, forget_after) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO UPDATE SET version = excluded.version, value = excluded.value,
                                             forget_after = excluded.forget_after";
        let forget_after = forget_after.map(Timestamp::as_millis);
        connection.prepare_cached(sql)?.execute((shard, key, version, value.as_ref(), forget_after))?;
    }
    for key in &commit.deletes {
        connection.prepare_cached("DELETE FROM records WHERE shard = ?1 AND key = ?2")?.execute((shard, key))?;
    }
    for (index, entry) in &commit.index_puts {
        let sql = "INSERT INTO index_entries (shard, name, member, score) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT DO UPDATE SET score = excluded.score";
        connection.prepare_cached(sql)?.execute((shard, index, &entry.member, entry.score))?;
    }
    for (index, entry) in &commit.index_marks {
        let sql =
            "INSERT INTO index_entries (shard, name, member, score) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        connection.prepare_cached(sql)?.execute((shard, index, &entry.member, entry.score))?;
    }
    for (index, member) in &commit.index_deletes {
        let sql = "DELETE FROM index_entries WHERE shard = ?1 AND name = ?2 AND member = ?3";
        connection.prepare_cached(sql)?.execute((shard, index, member))?;
    }
    let mut appended = Vec::with_capacity(commit.appends.len());
    for (log, value) in &commit.appends {
        // Two statements: one that reads what it writes makes a temporary table each time, which costs more than both.
        let sequence = i64::try_from(last_of(connection, shard, log)? + 1).unwrap_or(i64::MAX);
        let sql = "INSERT INTO log_entries (shard, log, sequence, value) VALUES (?1, ?2, ?3, ?4)";
        connection.prepare_cached(sql)?.execute((shard, log, sequence, value.as_ref()))?;
        appended.push(sequence.unsigned_abs());
    }
    for (log, last) in &commit.log_trims {
        let sql = "DELETE FROM log_entries WHERE shard = ?1 AND log = ?2 AND sequence <= ?3
                   AND sequence < (SELECT max(sequence) FROM log_entries WHERE shard = ?1 AND log = ?2)";
        let last = i64::try_from(*last).unwrap_or(i64::MAX);
        connection.prepare_cached(sql)?.execute((shard, log, last))?;
    }
    for count in &commit.counters {
        add(connection, shard, count)?;
    }
    Ok(Applied::Written(appended))
}

/// Deletes at most `most` records whose time is before `now`, the oldest first, and then groups of counters until it has.
/// One statement is a transaction by itself.
pub(super) fn sweep(connection: &Connection, now: Timestamp, most: usize) -> rusqlite::Result<usize> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut swept = connection.prepare_cached(SWEEP)?.execute((now.as_millis(), limit))?;
    while swept < most {
        let sql = "DELETE FROM counter_groups WHERE rowid =
                   (SELECT rowid FROM counter_groups WHERE forget_after < ?1 ORDER BY forget_after LIMIT 1)
                   RETURNING shard, name";
        let forgotten: Option<(u8, String)> = connection
            .prepare_cached(sql)?
            .query_row([now.as_millis()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some(group) = forgotten else { break };
        swept += connection.prepare_cached("DELETE FROM counters WHERE shard = ?1 AND grp = ?2")?.execute(group)?;
    }
    Ok(swept)
}

/// Writes down the sequence number of a shard's last commit.
pub(super) fn put_sequence(connection: &Connection, shard: usize, sequence: u64) -> rusqlite::Result<()> {
    let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
    connection.prepare_cached("UPDATE shards SET sequence = ?2 WHERE shard = ?1")?.execute((shard as i64, sequence))?;
    Ok(())
}

fn holds(connection: &Connection, shard: u8, check: &Check) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("SELECT version FROM records WHERE shard = ?1 AND key = ?2")?;
    let version: Option<i64> = statement.query_row((shard, &check.key), |row| row.get(0)).optional()?;
    Ok(version.map(i64::unsigned_abs) == check.version)
}

/// Number of a log's newest entry, 0 where it has none.
fn last_of(connection: &Connection, shard: u8, log: &str) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce(max(sequence), 0) FROM log_entries WHERE shard = ?1 AND log = ?2";
    let last: i64 = connection.prepare_cached(sql)?.query_row((shard, log), |row| row.get(0))?;
    Ok(last.unsigned_abs())
}

/// Adds here and not in SQL, where a sum beyond 64 bits becomes a floating-point number.
fn add(connection: &Connection, shard: u8, count: &Count) -> rusqlite::Result<()> {
    let Count { group, name, amount, forget_after } = count;
    let sql = "INSERT INTO counter_groups (shard, name, forget_after) VALUES (?1, ?2, ?3)
               ON CONFLICT DO UPDATE SET forget_after = excluded.forget_after";
    connection.prepare_cached(sql)?.execute((shard, group, forget_after.map(Timestamp::as_millis)))?;
    let mut read =
        connection.prepare_cached("SELECT value FROM counters WHERE shard = ?1 AND grp = ?2 AND name = ?3")?;
    let value: Option<i64> = read.query_row((shard, group, name), |row| row.get(0)).optional()?;
    let sum = value.unwrap_or(0).saturating_add(*amount);
    let sql = "INSERT INTO counters (shard, grp, name, value) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute((shard, group, name, sum))?;
    Ok(())
}
