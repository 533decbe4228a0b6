//! What every backend must pass: small named checks against [`Store`], each on a store of its own.
//!
//! Parts: `records` (versions, checks, values), `indexes` (paging, moving, limits), `commits` (atomicity, logs,
//! counters, sequences, shards), `watching` (who is told, and when). To add a check: write an async function that takes
//! the store and answers `Result<(), String>`, and name it in [`run`].
//!
//! It is compiled into the crate, so that the tests of other backends can call it; nothing else does.

mod commits;
mod indexes;
mod records;
mod watching;

use std::fmt;
use std::sync::Arc;

use access_model::Shard;
use bytes::Bytes;

use crate::{Check, Commit, CommitError, Committed, IndexEntry, Record, Store};

/// A backend broke a promise.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store breaks its contract at `{check}`: {detail}")]
pub struct Broken {
    /// The check that found it.
    pub check: &'static str,
    /// What was expected and what came.
    pub detail: String,
}

/// Runs every check, each on a new and empty store of at least two shards from `make`. Wants a tokio runtime.
///
/// # Errors
/// The first broken promise.
pub async fn run<Make>(make: Make) -> Result<(), Broken>
where
    Make: AsyncFn() -> Arc<dyn Store>,
{
    /// Makes a store for each check, and gives its failure its name.
    macro_rules! check {
        ($($group:ident: $($name:ident),+;)+) => {$($(
            let outcome = Box::pin($group::$name(make().await)).await;
            outcome.map_err(|detail| Broken { check: concat!(stringify!($group), "::", stringify!($name)), detail })?;
        )+)+};
    }
    check! {
        records: versions_grow_from_one, a_deleted_record_starts_again, checks_guard_versions_and_absence,
            reads_answer_in_the_order_asked, reads_see_one_snapshot, odd_keys_and_values_come_back, parallel_increments_all_count;
        indexes: pages_forwards_and_backwards_with_ties, up_to_limits_both_directions, a_member_put_again_moves,
            deleted_members_are_gone, scores_keep_their_order_at_the_extremes;
        commits: a_failing_check_writes_nothing, changes_happen_in_order, logs_have_no_gaps_under_parallel_appends,
            logs_page_newest_first, counters_add_up, shards_are_apart, an_unknown_shard_is_empty_and_refused,
            sequences_grow_by_one_per_commit, a_conflict_leaves_its_neighbours_alone;
        watching: watchers_hear_in_order_before_the_answer, watchers_hear_every_key_and_no_conflict;
    }
    Ok(())
}

/// The answer of a check.
type Outcome = Result<(), String>;

/// Two shards that every store under test has.
fn two_shards() -> Result<[Shard; 2], String> {
    let one = Shard::new(1).ok_or("there is no shard 1")?;
    Ok([Shard::PLATFORM, one])
}

fn same<T: PartialEq + fmt::Debug>(what: &str, got: T, expected: T) -> Outcome {
    if got == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, got {got:?}")) }
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}

fn put(key: &str, value: &str) -> (String, Bytes) {
    (key.to_owned(), Bytes::copy_from_slice(value.as_bytes()))
}

fn at(key: &str, version: Option<u64>) -> Check {
    Check { key: key.to_owned(), version }
}

fn entry(score: i64, member: &str) -> IndexEntry {
    IndexEntry { score, member: member.to_owned() }
}

async fn commit(store: &Arc<dyn Store>, commit: Commit) -> Result<Committed, String> {
    store.commit(commit).await.map_err(text)
}

/// Commits what must conflict, and answers the key that is named.
async fn conflict(store: &Arc<dyn Store>, commit: Commit) -> Result<String, String> {
    match store.commit(commit).await {
        Err(CommitError::Conflict { key }) => Ok(key),
        other => Err(format!("expected a conflict, got {other:?}")),
    }
}

/// Reads one record.
async fn read(store: &Arc<dyn Store>, shard: Shard, key: &str) -> Result<Option<Record>, String> {
    let mut records = store.read(shard, &[key.to_owned()]).await.map_err(text)?;
    same("records read by one key", records.len(), 1)?;
    Ok(records.pop().flatten())
}
