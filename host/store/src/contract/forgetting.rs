//! Forgetting: what a sweep takes, and what it leaves.

use std::sync::Arc;

use access_model::{Shard, Timestamp};
use tokio::task::JoinSet;

use super::watching::Heard;
use super::{Outcome, at, commit, count_until, put, read, same, text, two_shards};
use crate::{Commit, Put, Store, Survives};

const SHARD: Shard = Shard::PLATFORM;

/// In the year 2100, so that a backend with TTLs of its own, which run on its own clock, keeps everything meanwhile.
const TIME: Timestamp = Timestamp::from_millis(4_102_444_800_000);
const JUST_AFTER: Timestamp = Timestamp::from_millis(TIME.as_millis() + 1);
const LATER: Timestamp = Timestamp::from_millis(TIME.as_millis() + 60_000);

async fn put_until(store: &Arc<dyn Store>, shard: Shard, key: &str, forget_after: Option<Timestamp>) -> Outcome {
    let puts = vec![Put { forget_after, ..put(key, "value") }];
    commit(store, Commit { puts, survives: Survives::Process, ..Commit::new(shard) }).await.map(|_| ())
}

async fn sweep(store: &Arc<dyn Store>, now: Timestamp, most: usize) -> Result<usize, String> {
    store.sweep(now, most).await.map_err(text)
}

async fn version(store: &Arc<dyn Store>, key: &str) -> Result<Option<u64>, String> {
    Ok(read(store, SHARD, key).await?.map(|record| record.version))
}

pub(super) async fn a_sweep_leaves_what_is_needed(store: Arc<dyn Store>) -> Outcome {
    same("swept from an empty store", sweep(&store, TIME, 9).await?, 0)?;
    put_until(&store, SHARD, "for ever", None).await?;
    put_until(&store, SHARD, "for a time", Some(TIME)).await?;
    same("swept at the very time", sweep(&store, TIME, 9).await?, 0)?;
    same("a record at its time", version(&store, "for a time").await?, Some(2))?;
    sweep(&store, Timestamp::from_millis(i64::MAX), 9).await?;
    same("a record that is kept for ever", version(&store, "for ever").await?, Some(1))
}

pub(super) async fn a_later_put_replaces_the_time(store: Arc<dyn Store>) -> Outcome {
    for (key, then) in [("prolonged", Some(LATER)), ("kept after all", None)] {
        put_until(&store, SHARD, key, Some(TIME)).await?;
        put_until(&store, SHARD, key, then).await?;
        same("swept too early", sweep(&store, JUST_AFTER, 9).await?, 0)?;
        same(key, version(&store, key).await?.is_some(), true)?;
    }
    Ok(())
}

pub(super) async fn a_put_wins_against_a_sweep_at_the_same_time(store: Arc<dyn Store>) -> Outcome {
    const RECORDS: usize = 64;
    for turn in 0..RECORDS {
        put_until(&store, SHARD, &format!("key {turn}"), Some(TIME)).await?;
    }
    let mut tasks = JoinSet::new();
    for turn in 0..RECORDS {
        let (putting, sweeping) = (Arc::clone(&store), Arc::clone(&store));
        let then = (turn % 2 == 0).then_some(LATER);
        tasks.spawn(async move { put_until(&putting, SHARD, &format!("key {turn}"), then).await });
        tasks.spawn(async move { sweep(&sweeping, JUST_AFTER, 1).await.map(|_| ()) });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(text)??;
    }
    sweep(&store, JUST_AFTER, RECORDS).await?;
    for turn in 0..RECORDS {
        let key = format!("key {turn}");
        same(&format!("`{key}` is still there"), version(&store, &key).await?.is_some(), true)?;
    }
    Ok(())
}

pub(super) async fn a_sweep_is_not_announced(store: Arc<dyn Store>) -> Outcome {
    put_until(&store, SHARD, "key", Some(TIME)).await?;
    let heard = Heard::listen(&store);
    sweep(&store, JUST_AFTER, 9).await?;
    same("told of a sweep", heard.so_far(), Vec::new())?;
    same("the next commit's number", commit(&store, Commit::new(SHARD)).await?.sequence, 2)
}

pub(super) async fn swept_records_are_deleted(store: Arc<dyn Store>) -> Outcome {
    for _ in 0..2 {
        put_until(&store, SHARD, "key", Some(TIME)).await?;
    }
    put_until(&store, SHARD, "hastened", None).await?;
    put_until(&store, SHARD, "hastened", Some(TIME)).await?;
    put_until(&store, SHARD, "later", Some(LATER)).await?;
    same("past its time and not swept yet", version(&store, "key").await?, Some(2))?;
    same("swept", sweep(&store, JUST_AFTER, 9).await?, 2)?;
    for (key, expected) in [("key", None), ("hastened", None), ("later", Some(5))] {
        same(key, version(&store, key).await?, expected)?;
    }
    same("swept once more", sweep(&store, JUST_AFTER, 9).await?, 0)?;
    commit(&store, Commit { checks: vec![at("key", None)], puts: vec![put("key", "v")], ..Commit::new(SHARD) }).await?;
    same("its next version", version(&store, "key").await?, Some(6))?;
    same("swept after it was put for ever", sweep(&store, JUST_AFTER, 9).await?, 0)
}

pub(super) async fn swept_counters_are_gone(store: Arc<dyn Store>) -> Outcome {
    let counters = vec![
        count_until("for ever", "a", 1, None),
        count_until("for a time", "a", 1, Some(TIME)),
        count_until("for a time", "b", 1, Some(TIME)),
        count_until("prolonged", "a", 1, Some(TIME)),
        count_until("prolonged", "b", 1, Some(LATER)),
    ];
    commit(&store, Commit { counters, ..Commit::new(SHARD) }).await?;
    same("swept at the very time", sweep(&store, TIME, 9).await?, 0)?;
    same("swept", sweep(&store, JUST_AFTER, 9).await?, 2)?;
    for (group, expected) in [("for ever", 1), ("for a time", 0), ("prolonged", 2)] {
        same(group, store.counters(SHARD, group).await.map_err(text)?.len(), expected)?;
    }
    let counters = vec![count_until("for a time", "b", 5, None)];
    commit(&store, Commit { counters, ..Commit::new(SHARD) }).await?;
    let sums = store.counters(SHARD, "for a time").await.map_err(text)?;
    same("a group that starts again", sums.into_iter().collect(), vec![("b".to_owned(), 5)])
}

pub(super) async fn a_sweep_takes_at_most_so_many_from_all_shards(store: Arc<dyn Store>) -> Outcome {
    for turn in 0..6 {
        for shard in two_shards()? {
            put_until(&store, shard, &format!("key {turn}"), Some(TIME)).await?;
        }
    }
    same("at most none", sweep(&store, JUST_AFTER, 0).await?, 0)?;
    for expected in [5, 5, 2, 0] {
        same("at most five", sweep(&store, JUST_AFTER, 5).await?, expected)?;
    }
    for shard in two_shards()? {
        same("what is left", read(&store, shard, "key 5").await?, None)?;
    }
    Ok(())
}

pub(super) async fn parallel_sweeps_share_the_work(store: Arc<dyn Store>) -> Outcome {
    for turn in 0..40 {
        put_until(&store, SHARD, &format!("key {turn}"), Some(TIME)).await?;
    }
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { sweep(&store, JUST_AFTER, 7).await });
    }
    let mut swept = 0;
    while let Some(done) = tasks.join_next().await {
        swept += done.map_err(text)??;
    }
    same("each record counts for one sweep", swept, 40)
}
