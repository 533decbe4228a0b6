//! Commits: atomicity, logs, counters, sequences, shards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use access_model::Shard;
use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Outcome, append, at, commit, conflict, count, entry, put, read, same, text, two_shards};
use crate::{Commit, LogEntry, Range, Store, StoreError, Survives};

const SHARD: Shard = Shard::PLATFORM;

/// A commit with a change of every kind.
fn everything(shard: Shard, value: &str) -> Commit {
    Commit {
        puts: vec![put("key", value)],
        deletes: vec!["old".to_owned()],
        index_puts: vec![("index".to_owned(), entry(1, value))],
        index_marks: vec![("index".to_owned(), entry(2, value)), ("index".to_owned(), entry(3, "marked"))],
        index_deletes: vec![("index".to_owned(), "old".to_owned())],
        appends: vec![append("log", value)],
        counters: vec![count("group", "counter", 1)],
        ..Commit::new(shard)
    }
}

/// All that [`everything`] touches, as text to compare.
async fn picture(store: &Arc<dyn Store>, shard: Shard) -> Result<String, String> {
    let records = store.read(shard, &["key".to_owned(), "old".to_owned()]).await.map_err(text)?;
    let range = Range { index: "index".to_owned(), after: None, up_to: None, descending: false, limit: 100 };
    let index = store.range(shard, range).await.map_err(text)?;
    let log = store.log(shard, "log", None, 100).await.map_err(text)?;
    let counters = store.counters(shard, "group").await.map_err(text)?;
    Ok(format!("{records:?} {index:?} {log:?} {counters:?}"))
}

pub(super) async fn a_failing_check_writes_nothing(store: Arc<dyn Store>) -> Outcome {
    let old = Commit {
        puts: vec![put("old", "value")],
        index_puts: vec![("index".to_owned(), entry(0, "old"))],
        ..Commit::new(SHARD)
    };
    let first = commit(&store, old).await?;
    let before = picture(&store, SHARD).await?;
    let checks = vec![at("old", Some(first.sequence)), at("key", Some(1))];
    let refused = Commit { checks, ..everything(SHARD, "new") };
    same("the key in conflict", conflict(&store, refused).await?, "key".to_owned())?;
    same("the store after a conflict", picture(&store, SHARD).await?, before.clone())?;
    let checks = vec![at("old", Some(first.sequence)), at("key", None)];
    let applied = commit(&store, Commit { checks, ..everything(SHARD, "new") }).await?;
    same("a conflict takes no sequence number", applied.sequence, first.sequence + 1)?;
    same("nor one of the log", applied.appended, vec![1])?;
    same("the store has changed", picture(&store, SHARD).await? == before, false)?;
    same("the deleted record", read(&store, SHARD, "old").await?, None)
}

pub(super) async fn changes_happen_in_order(store: Arc<dyn Store>) -> Outcome {
    let put_and_delete = Commit {
        checks: vec![at("gone", None), at("twice", None)],
        puts: vec![put("gone", "a"), put("twice", "a"), put("twice", "b")],
        deletes: vec!["gone".to_owned()],
        index_puts: vec![("index".to_owned(), entry(1, "gone"))],
        index_deletes: vec![("index".to_owned(), "gone".to_owned())],
        counters: vec![count("group", "counter", 5), count("group", "counter", -2)],
        ..Commit::new(SHARD)
    };
    let number = commit(&store, put_and_delete).await?.sequence;
    same("put and deleted", read(&store, SHARD, "gone").await?, None)?;
    let twice = read(&store, SHARD, "twice").await?.map(|record| (record.version, record.value));
    same("put twice", twice, Some((number, Bytes::from_static(b"b"))))?;
    let range = Range { index: "index".to_owned(), after: None, up_to: None, descending: false, limit: 100 };
    same("an index put and deleted", store.range(SHARD, range).await.map_err(text)?, Vec::new())?;
    let sums = store.counters(SHARD, "group").await.map_err(text)?;
    same("added to twice", sums, BTreeMap::from([("counter".to_owned(), 3)]))
}

pub(super) async fn logs_have_no_gaps_under_parallel_appends(store: Arc<dyn Store>) -> Outcome {
    const APPENDERS: u64 = 64;
    const EACH: u64 = 8;
    let mut tasks = JoinSet::new();
    for appender in 0..APPENDERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut got = Vec::new();
            for turn in 0..EACH {
                let survives = if (appender + turn) % 4 == 0 { Survives::Power } else { Survives::Process };
                let value = format!("{appender}/{turn}");
                // A commit that appends and conflicts now and then must not leave a hole.
                let checks = vec![at("never", Some(1))];
                let appends = vec![append("log", &value)];
                conflict(&store, Commit { checks, appends: appends.clone(), survives, ..Commit::new(SHARD) }).await?;
                let done = commit(&store, Commit { appends, survives, ..Commit::new(SHARD) }).await?;
                got.push((done.appended.first().copied().unwrap_or(0), value));
            }
            Ok::<_, String>(got)
        });
    }
    let mut answers = BTreeSet::new();
    while let Some(done) = tasks.join_next().await {
        answers.extend(done.map_err(text)??);
    }
    let numbers = answers.iter().map(|(sequence, _)| *sequence);
    same("numbers from 1 without a gap", numbers.eq(1..=APPENDERS * EACH), true)?;
    let entries = store.log(SHARD, "log", None, 10_000).await.map_err(text)?;
    let entries = entries.into_iter().rev().map(|entry| (entry.sequence, entry.value));
    let expected = answers.into_iter().map(|(sequence, value)| (sequence, Bytes::from(value)));
    same("each number holds what was appended under it", entries.eq(expected), true)
}

pub(super) async fn logs_page_newest_first(store: Arc<dyn Store>) -> Outcome {
    let appends = ["a", "b", "c", "d", "e"].map(|value| append("log", value)).to_vec();
    let done = commit(&store, Commit { appends, ..Commit::new(SHARD) }).await?;
    same("several appends of one commit", done.appended, vec![1, 2, 3, 4, 5])?;
    let appends = vec![append("other", "x"), append("log", "f"), append("other", "y")];
    let done = commit(&store, Commit { appends, ..Commit::new(SHARD) }).await?;
    same("each log counts for itself", done.appended, vec![1, 6, 2])?;
    let pages =
        [(None, 2, "fe"), (Some(5), 2, "dc"), (Some(3), 9, "ba"), (Some(1), 9, ""), (Some(99), 1, "f"), (None, 0, "")];
    for (before, limit, expected) in pages {
        let page = store.log(SHARD, "log", before, limit).await.map_err(text)?;
        let sequences = page.iter().map(|entry| entry.sequence);
        let newest = before.map_or(6, |before| 6.min(before - 1));
        same("numbers descend", sequences.eq((1..=newest).rev().take(limit)), true)?;
        let values: Vec<u8> = page.iter().flat_map(|LogEntry { value, .. }| value.to_vec()).collect();
        same(&format!("a page before {before:?}"), String::from_utf8_lossy(&values).into_owned(), expected.to_owned())?;
    }
    same("a log never appended to", store.log(SHARD, "none", None, 9).await.map_err(text)?, Vec::new())
}

pub(super) async fn logs_lose_their_beginning_and_nothing_else(store: Arc<dyn Store>) -> Outcome {
    let trim = |log: &str, last| Commit { log_trims: vec![(log.to_owned(), last)], ..Commit::new(SHARD) };
    let numbers = async |log: &str, before, limit| {
        let page = store.log(SHARD, log, before, limit).await.map_err(text)?;
        Ok::<Vec<u64>, String>(page.into_iter().map(|entry| entry.sequence).collect())
    };
    let appends = ["a", "b", "c", "d", "e"].map(|value| append("log", value)).to_vec();
    let appends = appends.into_iter().chain([append("other", "x"), append("other", "y")]).collect();
    commit(&store, Commit { appends, ..Commit::new(SHARD) }).await?;
    commit(&store, trim("log", 2)).await?;
    same("the beginning is gone", numbers("log", None, 9).await?, vec![5, 4, 3])?;
    same("nothing comes before it", numbers("log", Some(3), 9).await?, vec![])?;
    same("a page stands where it stood", numbers("log", Some(5), 1).await?, vec![4])?;
    same("another log is whole", numbers("other", None, 9).await?, vec![2, 1])?;
    commit(&store, trim("log", 1)).await?;
    same("what is gone already", numbers("log", None, 9).await?, vec![5, 4, 3])?;
    commit(&store, trim("none", 7)).await?;
    commit(&store, trim("log", 99)).await?;
    same("the newest stays", numbers("log", None, 9).await?, vec![5])?;
    let both = Commit { appends: vec![append("log", "f")], ..trim("log", 5) };
    same("no number comes twice", commit(&store, both).await?.appended, vec![6])?;
    same("and what was appended is there", numbers("log", None, 9).await?, vec![6])?;
    conflict(&store, Commit { checks: vec![at("none", Some(1))], ..trim("other", 1) }).await?;
    same("a conflict trims nothing", numbers("other", None, 9).await?, vec![2, 1])
}

pub(super) async fn a_log_that_has_gone_on_is_a_conflict(store: Arc<dyn Store>) -> Outcome {
    let ends = |log: &str, last| Commit {
        log_ends: vec![(log.to_owned(), last)],
        puts: vec![put("key", log)],
        ..Commit::new(SHARD)
    };
    let first = commit(&store, ends("log", 0)).await?.sequence;
    commit(&store, Commit { appends: vec![append("log", "a"), append("log", "b")], ..Commit::new(SHARD) }).await?;
    for wrong in [0, 1, 3] {
        same("the log in conflict", conflict(&store, ends("log", wrong)).await?, "log".to_owned())?;
    }
    conflict(&store, ends("other", 1)).await?;
    let late = Commit { checks: vec![at("key", None)], ..ends("log", 1) };
    same("records are checked first", conflict(&store, late).await?, "key".to_owned())?;
    same("a conflict writes nothing", read(&store, SHARD, "key").await?.map(|record| record.version), Some(first))?;
    commit(&store, Commit { log_trims: vec![("log".to_owned(), 1)], ..ends("log", 2) }).await?;
    // What it ends with before the commit counts, and it ends so when its beginning is gone.
    let both = Commit { appends: vec![append("log", "c")], ..ends("log", 2) };
    same("appended", commit(&store, both).await?.appended, vec![3])
}

pub(super) async fn counters_add_up(store: Arc<dyn Store>) -> Outcome {
    let mut tasks = JoinSet::new();
    for amount in 1..=50_i64 {
        let store = Arc::clone(&store);
        let counters = vec![count("group", "up", amount), count("group", "down", -amount)];
        tasks.spawn(async move { commit(&store, Commit { counters, ..Commit::new(SHARD) }).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(text)??;
    }
    let counters = vec![count("group", "large", i64::MAX), count("group", "large", i64::MAX)];
    commit(&store, Commit { counters, ..Commit::new(SHARD) }).await?;
    let expected = [("down", -1275), ("large", i64::MAX), ("up", 1275)].map(|(name, sum)| (name.to_owned(), sum));
    same("sums", store.counters(SHARD, "group").await.map_err(text)?, expected.into())?;
    let counters = vec![count("group", "large", i64::MIN)];
    commit(&store, Commit { counters, ..Commit::new(SHARD) }).await?;
    let sums = store.counters(SHARD, "group").await.map_err(text)?;
    same("a sum that had saturated", sums.get("large").copied(), Some(-1))
}

pub(super) async fn groups_of_counters_are_apart(store: Arc<dyn Store>) -> Outcome {
    same("a group never added to", store.counters(SHARD, "a").await.map_err(text)?, BTreeMap::new())?;
    let counters = vec![count("a", "x/y", 1), count("a/x", "y", 2), count("b", "x/y", 4)];
    commit(&store, Commit { counters, ..Commit::new(SHARD) }).await?;
    for (group, name, sum) in [("a", "x/y", 1), ("a/x", "y", 2), ("b", "x/y", 4)] {
        let sums = store.counters(SHARD, group).await.map_err(text)?;
        same(group, sums, BTreeMap::from([(name.to_owned(), sum)]))?;
    }
    Ok(())
}

pub(super) async fn shards_are_apart(store: Arc<dyn Store>) -> Outcome {
    let [here, there] = two_shards()?;
    let empty = picture(&store, there).await?;
    for value in ["a", "b"] {
        commit(&store, everything(here, value)).await?;
    }
    same("the other shard", picture(&store, there).await?, empty)?;
    let checks = vec![at("key", None)];
    let done = commit(&store, Commit { checks, ..everything(there, "c") }).await?;
    same("it counts for itself", (done.sequence, done.appended), (1, vec![1]))?;
    let value = |record: Option<crate::Record>| record.map(|record| (record.version, record.value));
    same("the same key here", value(read(&store, here, "key").await?), Some((2, Bytes::from_static(b"b"))))?;
    same("the same key there", value(read(&store, there, "key").await?), Some((1, Bytes::from_static(b"c"))))
}

pub(super) async fn an_unknown_shard_is_empty_and_refused(store: Arc<dyn Store>) -> Outcome {
    // The id that a caller presents may name any shard; that must not look like a fault of the store.
    let Some(beyond) = Shard::new(store.shards()) else { return Ok(()) };
    same("a record beyond", read(&store, beyond, "key").await?, None)?;
    match store.commit(everything(beyond, "value")).await {
        Err(crate::CommitError::Store(StoreError::Unavailable(_))) => Ok(()),
        other => Err(format!("a commit beyond the last shard answered {other:?}")),
    }
}

pub(super) async fn sequences_grow_by_one_per_commit(store: Arc<dyn Store>) -> Outcome {
    let mut tasks = JoinSet::new();
    for turn in 0..60 {
        let store = Arc::clone(&store);
        let [even, odd] = two_shards()?;
        let shard = if turn % 2 == 0 { even } else { odd };
        tasks.spawn(async move { commit(&store, Commit::new(shard)).await.map(|done| (shard, done.sequence)) });
    }
    let mut got = BTreeSet::new();
    while let Some(done) = tasks.join_next().await {
        got.insert(done.map_err(text)??);
    }
    let expected = two_shards()?.into_iter().flat_map(|shard| (1..=30).map(move |sequence| (shard, sequence)));
    same("each shard's numbers", got.into_iter().eq(expected), true)
}

pub(super) async fn a_conflict_leaves_its_neighbours_alone(store: Arc<dyn Store>) -> Outcome {
    let mut tasks = JoinSet::new();
    for turn in 0..200_u32 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let key = format!("key {turn}");
            let checks = vec![at(&key, (turn % 3 == 0).then_some(7))];
            let puts = vec![put(&key, "value")];
            let fine =
                store.commit(Commit { checks, puts, survives: Survives::Process, ..Commit::new(SHARD) }).await.is_ok();
            let there = read(&store, SHARD, &key).await?.is_some();
            same(&format!("commit {turn} and what it left"), (fine, there), (turn % 3 != 0, turn % 3 != 0))
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(text)??;
    }
    Ok(())
}
