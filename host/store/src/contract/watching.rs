//! Watching: who is told, and when.

use std::sync::{Arc, Mutex, PoisonError};

use access_model::Shard;
use tokio::task::JoinSet;

use super::{Outcome, append, at, commit, conflict, put, same, text, two_shards};
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

pub(super) async fn watchers_hear_in_order_before_the_answer(store: Arc<dyn Store>) -> Outcome {
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
            let done = commit(&store, Commit { puts: vec![put(&key, "v")], survives, ..Commit::new(shard) }).await?;
            let change = Change { shard, sequence: done.sequence, keys: vec![key] };
            let told = watchers.iter().all(|heard| heard.so_far().contains(&change));
            same("both watchers were told before the answer", told, true)
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(text)??;
    }
    for heard in watchers {
        for shard in two_shards()? {
            let changes = heard.so_far();
            let sequences = changes.iter().filter(|change| change.shard == shard).map(|change| change.sequence);
            same("told in the shard's order, once each", sequences.eq(1..=32), true)?;
        }
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
    same("what was told", heard.so_far(), vec![Change { shard, sequence: 2, keys }])
}
