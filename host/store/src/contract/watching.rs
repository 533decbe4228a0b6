//! Watching: who is told, and when.

use std::sync::{Arc, Mutex, PoisonError};

use access_model::Shard;
use tokio::task::JoinSet;

use super::{Outcome, append, at, commit, conflict, count, put, same, text, two_shards};
use crate::{Change, Commit, Store, Survives};

/// What a watcher has heard.
#[derive(Default, Clone)]
pub(super) struct Heard(Arc<Mutex<Vec<Change>>>);

impl Heard {
    pub(super) fn listen(store: &Arc<dyn Store>) -> Self {
        let heard = Self::default();
        let ears = heard.clone();
        store.watch(Arc::new(move |change| {
            ears.0.lock().unwrap_or_else(PoisonError::into_inner).push(change.clone());
        }));
        heard
    }

    pub(super) fn so_far(&self) -> Vec<Change> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) async fn watchers_hear_before_the_answer(store: Arc<dyn Store>) -> Outcome {
    let watchers = [Heard::listen(&store), Heard::listen(&store)];
    let mut tasks = JoinSet::new();
    for task in 0..64_usize {
        let store = Arc::clone(&store);
        let watchers = watchers.clone();
        let [even, odd] = two_shards()?;
        tasks.spawn(async move {
            let shard = if task % 2 == 0 { even } else { odd };
            let survives = if task % 8 == 0 { Survives::Power } else { Survives::Process };
            let key = format!("key {task}");
            commit(&store, Commit { puts: vec![put(&key, "v")], survives, ..Commit::new(shard) }).await?;
            let change = Change::Touched { shard, keys: vec![key] };
            let told = watchers.iter().all(|heard| heard.so_far().contains(&change));
            same("both watchers were told before the answer", told, true)
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(text)??;
    }
    Ok(())
}

pub(super) async fn watchers_hear_every_key_and_no_conflict(store: Arc<dyn Store>) -> Outcome {
    let shard = Shard::PLATFORM;
    commit(&store, Commit::new(shard)).await?;
    let heard = Heard::listen(&store);
    conflict(&store, Commit { checks: vec![at("none", Some(1))], puts: vec![put("no", "")], ..Commit::new(shard) })
        .await?;
    let deletes = vec!["c".to_owned()];
    let appends = vec![append("log", "")];
    commit(&store, Commit { puts: vec![put("a", ""), put("b", "")], deletes, appends, ..Commit::new(shard) }).await?;
    let keys = ["a", "b", "c"].map(str::to_owned).to_vec();
    let mut told = heard.so_far();
    // A change may be told of more than once, and one whose number is known before its keys are as one that was missed.
    told.retain(|change| {
        !matches!(change, Change::Missed { .. }) && *change != Change::Touched { shard, keys: vec![] }
    });
    told.dedup();
    same("what was told", told, vec![Change::Touched { shard, keys }])
}

pub(super) async fn what_is_not_announced_is_not_heard(store: Arc<dyn Store>) -> Outcome {
    let shard = Shard::PLATFORM;
    let heard = Heard::listen(&store);
    let quiet = Commit {
        puts: vec![put("a", "")],
        deletes: vec!["b".to_owned()],
        counters: vec![count("group", "c", 1)],
        announce: false,
        ..Commit::new(shard)
    };
    same("its number", commit(&store, quiet.clone()).await?.sequence, 1)?;
    commit(&store, Commit { puts: vec![put("d", "")], ..Commit::new(shard) }).await?;
    same("its number", commit(&store, quiet).await?.sequence, 3)?;
    let quietly = |change: &Change| matches!(change, Change::Touched { keys, .. } if keys.contains(&"a".to_owned()));
    same("told of a quiet commit", heard.so_far().iter().any(quietly), false)
}
