//! Records: versions, checks, values.

use std::sync::Arc;

use access_model::Shard;
use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Outcome, at, commit, conflict, put, read, same, text};
use crate::{Commit, CommitError, Put, Record, Store, Survives};

const SHARD: Shard = Shard::PLATFORM;

pub(super) async fn versions_are_the_commits_numbers(store: Arc<dyn Store>) -> Outcome {
    same("a record never put", read(&store, SHARD, "key").await?, None)?;
    for turn in 1..=3 {
        commit(&store, Commit::new(SHARD)).await?;
        let value = format!("value {turn}");
        let puts = vec![put("key", &value), put("other", &value)];
        let done = commit(&store, Commit { puts, announce: turn % 2 == 0, ..Commit::new(SHARD) }).await?;
        same("the commit's number", done.sequence, 2 * turn)?;
        let expected = Record { version: done.sequence, value: Bytes::from(value) };
        same("the record", read(&store, SHARD, "key").await?, Some(expected.clone()))?;
        same("the other record of that commit", read(&store, SHARD, "other").await?, Some(expected))?;
    }
    Ok(())
}

pub(super) async fn no_version_comes_twice(store: Arc<dyn Store>) -> Outcome {
    let puts = vec![put("key", "value")];
    commit(&store, Commit { puts: puts.clone(), ..Commit::new(SHARD) }).await?;
    commit(&store, Commit { puts: puts.clone(), ..Commit::new(SHARD) }).await?;
    let deletes = vec!["key".to_owned(), "never there".to_owned()];
    commit(&store, Commit { checks: vec![at("key", Some(2))], deletes, ..Commit::new(SHARD) }).await?;
    same("a deleted record", read(&store, SHARD, "key").await?, None)?;
    commit(&store, Commit { checks: vec![at("key", None)], puts, ..Commit::new(SHARD) }).await?;
    same("its next version", read(&store, SHARD, "key").await?.map(|record| record.version), Some(4))
}

pub(super) async fn checks_guard_versions_and_absence(store: Arc<dyn Store>) -> Outcome {
    let attempt =
        |version| Commit { checks: vec![at("key", version)], puts: vec![put("key", "v")], ..Commit::new(SHARD) };
    same("checked absent at version 1", conflict(&store, attempt(Some(1))).await?, "key".to_owned())?;
    commit(&store, attempt(None)).await?;
    for wrong in [None, Some(0), Some(2), Some(u64::MAX)] {
        same("the key in conflict", conflict(&store, attempt(wrong)).await?, "key".to_owned())?;
    }
    commit(&store, attempt(Some(1))).await?;
    let checks = vec![at("key", Some(2)), at("other", None), at("third", Some(1))];
    same("the check that fails", conflict(&store, Commit { checks, ..Commit::new(SHARD) }).await?, "third".to_owned())?;
    let checks = vec![at("key", Some(2)), at("other", None)];
    commit(&store, Commit { checks, ..Commit::new(SHARD) }).await.map(|_| ())
}

pub(super) async fn reads_answer_in_the_order_asked(store: Arc<dyn Store>) -> Outcome {
    commit(&store, Commit { puts: vec![put("a", "1"), put("b", "2")], ..Commit::new(SHARD) }).await?;
    let keys = ["b", "none", "a", "b"].map(str::to_owned);
    let records = store.read(SHARD, &keys).await.map_err(text)?;
    let record = |value: &'static str| Some(Record { version: 1, value: Bytes::from_static(value.as_bytes()) });
    same("records", records, vec![record("2"), None, record("1"), record("2")])?;
    same("no keys", store.read(SHARD, &[]).await.map_err(text)?, Vec::new())
}

pub(super) async fn reads_see_one_snapshot(store: Arc<dyn Store>) -> Outcome {
    let keys = ["first", "second", "third", "fourth"].map(str::to_owned);
    let writing = tokio::spawn({
        let (store, keys) = (Arc::clone(&store), keys.clone());
        async move {
            for turn in 0..200 {
                let puts = keys.iter().map(|key| put(key, &turn.to_string())).collect();
                commit(&store, Commit { puts, survives: Survives::Process, ..Commit::new(SHARD) }).await?;
            }
            Ok::<_, String>(())
        }
    });
    while !writing.is_finished() {
        let mut records = store.read(SHARD, &keys).await.map_err(text)?;
        records.dedup();
        same("different commits seen by one read", records.len(), 1)?;
        tokio::task::yield_now().await;
    }
    writing.await.map_err(text)?
}

pub(super) async fn odd_keys_and_values_come_back(store: Arc<dyn Store>) -> Outcome {
    let keys = [
        "",
        " ",
        "a\0b",
        "a\0",
        "a",
        "ä",
        "日本語",
        "👩‍👩‍👧",
        "a:b/c{d}*?[e]",
        "'; DROP TABLE records; --",
        "\n\t\r",
        "\u{feff}",
        "%s%n",
    ];
    let large: Vec<u8> = (0..1_048_576_u32).map(|place| place.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let values = [Bytes::new(), Bytes::from_static(b"\0"), Bytes::from_static(b"\xff\xfe\0\r\n"), Bytes::from(large)];
    let pairs: Vec<_> =
        keys.iter().zip(values.iter().cycle()).map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let log: Vec<_> = pairs.iter().map(|(_, value)| ("log \0'".to_owned(), value.clone())).collect();
    let puts = pairs.iter().map(|(key, value)| Put::new(key.clone(), value.clone())).collect();
    commit(&store, Commit { puts, appends: log.clone(), ..Commit::new(SHARD) }).await?;
    let asked: Vec<_> = pairs.iter().map(|(key, _)| key.clone()).collect();
    let records = store.read(SHARD, &asked).await.map_err(text)?;
    for ((key, value), record) in pairs.into_iter().zip(records) {
        let whole = record.is_some_and(|record| record.version == 1 && record.value == value);
        same(&format!("`{}` came back whole", key.escape_debug()), whole, true)?;
    }
    let entries = store.log(SHARD, "log \0'", None, 100).await.map_err(text)?;
    let whole = entries.iter().rev().map(|entry| &entry.value).eq(log.iter().map(|(_, value)| value));
    same("appended values came back whole", whole, true)
}

pub(super) async fn parallel_increments_all_count(store: Arc<dyn Store>) -> Outcome {
    let mut tasks = JoinSet::new();
    for task in 0..100 {
        let store = Arc::clone(&store);
        let survives = if task % 2 == 0 { Survives::Process } else { Survives::Power };
        tasks.spawn(async move { increment(&store, survives).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(text)??;
    }
    let record = read(&store, SHARD, "sum").await?.ok_or("the sum is absent")?;
    same("the sum", record.value, Bytes::from_static(b"100"))
}

/// Adds one to the number in a record, again and again until nobody came between.
async fn increment(store: &Arc<dyn Store>, survives: Survives) -> Outcome {
    loop {
        let record = read(store, SHARD, "sum").await?;
        let sum: u32 = match &record {
            Some(record) => std::str::from_utf8(&record.value).map_err(text)?.parse().map_err(text)?,
            None => 0,
        };
        let checks = vec![at("sum", record.map(|record| record.version))];
        let puts = vec![put("sum", &(sum + 1).to_string())];
        match store.commit(Commit { checks, puts, survives, ..Commit::new(SHARD) }).await {
            Ok(_) => return Ok(()),
            Err(CommitError::Conflict { .. }) => {}
            Err(error) => return Err(text(error)),
        }
    }
}
