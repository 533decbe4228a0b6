//! What every backend must pass: small named checks against [`Store`], each on a store of its own.
//!
//! Parts: `records` (versions, checks, values), `indexes` (paging, moving, limits), `commits` (atomicity, logs,
//! counters, sequences, shards), `watching` (who is told, and when), `forgetting` (what a sweep takes, and what it leaves),
//! `moving` (whether one that was loaded from a dump is as the one that was dumped).
//! To add a check: write an async function that takes the store and answers `Result<(), String>`, and name it in [`run`].
//!
//! It is compiled into the crate, so that the tests of other backends can call it; nothing else does.

mod commits;
mod forgetting;
mod indexes;
mod moving;
mod records;
mod watching;

use std::fmt;
use std::sync::Arc;

use access_model::{Shard, Timestamp};
use bytes::Bytes;

use crate::{Check, Commit, CommitError, Committed, Count, IndexEntry, Page, Put, Record, Store};

/// A backend broke a promise.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store breaks its contract at `{check}`: {detail}")]
pub struct Broken {
    /// The check that found it.
    pub check: &'static str,
    /// What was expected and what came.
    pub detail: String,
}

/// Runs the named checks, each on a new store from `$make`, and gives a failure the name of its check.
macro_rules! check {
    ($make:ident; $($group:ident: $($name:ident),+;)+) => {$($(
        let outcome = Box::pin($group::$name($make().await)).await;
        outcome.map_err(|detail| Broken { check: concat!(stringify!($group), "::", stringify!($name)), detail })?;
    )+)+};
}

/// Runs every check that every backend must pass, each on a new and empty store of at least two shards from `make`. Wants a tokio runtime.
///
/// # Errors
/// The first broken promise.
pub async fn run<Make>(make: Make) -> Result<(), Broken>
where
    Make: AsyncFn() -> Arc<dyn Store>,
{
    check! {
        make;
        records: versions_are_the_commits_numbers, no_version_comes_twice, checks_guard_versions_and_absence,
            reads_answer_in_the_order_asked, reads_see_one_snapshot, odd_keys_and_values_come_back, parallel_increments_all_count;
        indexes: pages_forwards_and_backwards_with_ties, up_to_limits_both_directions, a_member_put_again_moves,
            a_mark_stays_where_it_is, deleted_members_are_gone, scores_keep_their_order_at_the_extremes;
        commits: a_failing_check_writes_nothing, changes_happen_in_order, logs_have_no_gaps_under_parallel_appends,
            logs_page_newest_first, logs_lose_their_beginning_and_nothing_else, a_log_that_has_gone_on_is_a_conflict, counters_add_up, groups_of_counters_are_apart, shards_are_apart, an_unknown_shard_is_empty_and_refused,
            sequences_grow_by_one_per_commit, a_conflict_leaves_its_neighbours_alone;
        watching: watchers_hear_before_the_answer, watchers_hear_every_key_and_no_conflict, what_is_not_announced_is_not_heard;
        forgetting: a_sweep_leaves_what_is_needed, a_later_put_replaces_the_time, a_put_wins_against_a_sweep_at_the_same_time,
            a_sweep_is_not_announced;
    }
    Ok(())
}

/// Runs the checks for a backend that forgets only when it is swept, on top of [`run`]; one with TTLs of its own has
/// nothing to do there.
///
/// # Errors
/// The first broken promise.
pub async fn run_sweeping<Make>(make: Make) -> Result<(), Broken>
where
    Make: AsyncFn() -> Arc<dyn Store>,
{
    check! {
        make;
        forgetting: swept_records_are_deleted, swept_counters_are_gone, a_sweep_takes_at_most_so_many_from_all_shards, parallel_sweeps_share_the_work;
    }
    Ok(())
}

/// Fills a new and empty store with what may stand in one, to be dumped.
///
/// # Errors
/// When it takes something not.
pub async fn fill(store: &Arc<dyn Store>) -> Result<(), Broken> {
    moving::fill(store).await.map_err(|detail| Broken { check: "moving::fill", detail })
}

/// Checks that a store which was loaded from the dump of another one, which [`fill`] had filled, answers as that one does, and that
/// both go on alike. Both are changed.
///
/// # Errors
/// The first answer that is another.
pub async fn run_moving(old: &Arc<dyn Store>, new: &Arc<dyn Store>) -> Result<(), Broken> {
    moving::compare(old, new).await.map_err(|detail| Broken { check: "moving::compare", detail })
}

/// Checks that two dumps hold the same.
///
/// # Errors
/// What stands in one of them alone.
pub fn same_dumps(old: &[Page], new: &[Page]) -> Result<(), Broken> {
    moving::compare_dumps(old, new).map_err(|detail| Broken { check: "moving::compare_dumps", detail })
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

fn put(key: &str, value: &str) -> Put {
    Put::new(key.to_owned(), Bytes::copy_from_slice(value.as_bytes()))
}

fn append(log: &str, value: &str) -> (String, Bytes) {
    (log.to_owned(), Bytes::copy_from_slice(value.as_bytes()))
}

/// Adds to the counter of this name in the group of this name.
fn count(group: &str, name: &str, amount: i64) -> Count {
    count_until(group, name, amount, None)
}

fn count_until(group: &str, name: &str, amount: i64, forget_after: Option<Timestamp>) -> Count {
    Count { group: group.to_owned(), name: name.to_owned(), amount, forget_after }
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
