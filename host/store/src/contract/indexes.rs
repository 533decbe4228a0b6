//! Indexes: paging, moving, limits.

use std::sync::Arc;

use access_model::Shard;

use super::{Outcome, commit, entry, same, text};
use crate::{Commit, IndexEntry, Range, Store};

const SHARD: Shard = Shard::PLATFORM;

/// Sorted by score, then by the member's bytes.
const ENTRIES: [(i64, &str); 8] =
    [(-5, "z"), (0, ""), (0, "B"), (0, "a"), (0, "a\0"), (0, "ä"), (7, "a0"), (9_007_199_254_740_992, "c")];

fn entries() -> Vec<IndexEntry> {
    ENTRIES.iter().map(|(score, member)| entry(*score, member)).collect()
}

fn whole(index: &str) -> Range {
    Range { index: index.to_owned(), after: None, up_to: None, descending: false, limit: 100 }
}

async fn fill(store: &Arc<dyn Store>, index: &str, entries: &[IndexEntry]) -> Outcome {
    // Backwards, so that the order of insertion can't be mistaken for the order of the index.
    let index_puts = entries.iter().rev().map(|entry| (index.to_owned(), entry.clone())).collect();
    commit(store, Commit { index_puts, ..Commit::new(SHARD) }).await.map(|_| ())
}

async fn page(store: &Arc<dyn Store>, range: Range) -> Result<Vec<IndexEntry>, String> {
    store.range(SHARD, range).await.map_err(text)
}

pub(super) async fn pages_forwards_and_backwards_with_ties(store: Arc<dyn Store>) -> Outcome {
    fill(&store, "index", &entries()).await?;
    fill(&store, "index2", &[entry(1, "stranger")]).await?;
    for limit in 1..=ENTRIES.len() + 1 {
        for descending in [false, true] {
            let mut expected = entries();
            if descending {
                expected.reverse();
            }
            let (mut got, mut after) = (Vec::new(), None);
            loop {
                let found = page(&store, Range { after, descending, limit, ..whole("index") }).await?;
                same("a page is at most the limit", found.len() <= limit, true)?;
                after = found.last().cloned();
                if found.is_empty() {
                    break;
                }
                got.extend(found);
                same("pages end", got.len() <= expected.len(), true)?;
            }
            same(&format!("pages of {limit}, descending: {descending}"), got, expected)?;
        }
    }
    let between = Some(entry(0, "C"));
    let found = page(&store, Range { after: between, limit: 1, ..whole("index") }).await?;
    same("after a place where nothing is", found, vec![entry(0, "a")])?;
    same("at most none", page(&store, Range { limit: 0, ..whole("index") }).await?, Vec::new())?;
    same("an index never put", page(&store, whole("none")).await?, Vec::new())
}

pub(super) async fn up_to_limits_both_directions(store: Arc<dyn Store>) -> Outcome {
    fill(&store, "index", &entries()).await?;
    for up_to in [-6, -5, -1, 0, 6, 7, i64::MAX] {
        let mut expected = entries();
        expected.retain(|entry| entry.score <= up_to);
        let due = Range { up_to: Some(up_to), ..whole("index") };
        same(&format!("up to {up_to}"), page(&store, due.clone()).await?, expected.clone())?;
        expected.reverse();
        let backwards = page(&store, Range { descending: true, ..due.clone() }).await?;
        same(&format!("up to {up_to}, descending"), backwards, expected.clone())?;
        expected.retain(|found| *found < entry(0, "a"));
        let after = Some(entry(0, "a"));
        let rest = page(&store, Range { descending: true, after, ..due }).await?;
        same(&format!("up to {up_to}, descending, after an entry"), rest, expected)?;
    }
    let due = Range { up_to: Some(0), after: Some(entry(0, "a")), ..whole("index") };
    same("the rest of what is due", page(&store, due).await?, vec![entry(0, "a\0"), entry(0, "ä")])
}

pub(super) async fn a_member_put_again_moves(store: Arc<dyn Store>) -> Outcome {
    fill(&store, "index", &[entry(1, "a"), entry(2, "b")]).await?;
    fill(&store, "index", &[entry(3, "a")]).await?;
    same("moved behind", page(&store, whole("index")).await?, vec![entry(2, "b"), entry(3, "a")])?;
    fill(&store, "index", &[entry(3, "a")]).await?;
    same("put where it was", page(&store, whole("index")).await?, vec![entry(2, "b"), entry(3, "a")])
}

pub(super) async fn a_mark_stays_where_it_is(store: Arc<dyn Store>) -> Outcome {
    let marks = |entries: &[IndexEntry]| {
        let index_marks = entries.iter().map(|entry| ("index".to_owned(), entry.clone())).collect();
        Commit { index_marks, ..Commit::new(SHARD) }
    };
    commit(&store, marks(&[entry(2, "a"), entry(1, "b"), entry(0, "b")])).await?;
    commit(&store, marks(&[entry(3, "b"), entry(0, "a")])).await?;
    same("marked again", page(&store, whole("index")).await?, vec![entry(1, "b"), entry(2, "a")])?;
    let index_deletes = vec![("index".to_owned(), "b".to_owned())];
    commit(&store, Commit { index_deletes, ..Commit::new(SHARD) }).await?;
    commit(&store, marks(&[entry(3, "b")])).await?;
    same("marked after it was deleted", page(&store, whole("index")).await?, vec![entry(2, "a"), entry(3, "b")])
}

pub(super) async fn deleted_members_are_gone(store: Arc<dyn Store>) -> Outcome {
    fill(&store, "index", &[entry(1, "a"), entry(2, "b")]).await?;
    let gone = |index: &str, member: &str| (index.to_owned(), member.to_owned());
    let index_deletes = vec![gone("index", "a"), gone("index", "never there"), gone("none", "b")];
    commit(&store, Commit { index_deletes, ..Commit::new(SHARD) }).await?;
    same("what is left", page(&store, whole("index")).await?, vec![entry(2, "b")])?;
    fill(&store, "index", &[entry(3, "a")]).await?;
    same("put after it was deleted", page(&store, whole("index")).await?, vec![entry(2, "b"), entry(3, "a")])
}

pub(super) async fn scores_keep_their_order_at_the_extremes(store: Arc<dyn Store>) -> Outcome {
    const LIMIT: i64 = 1 << 53;
    let entries = [entry(-LIMIT, "b"), entry(1 - LIMIT, "a"), entry(LIMIT - 1, "b2"), entry(LIMIT, "a2")];
    fill(&store, "index", &entries).await?;
    same("the extremes", page(&store, whole("index")).await?, entries.to_vec())?;
    let due = Range { up_to: Some(LIMIT - 1), descending: true, limit: 1, ..whole("index") };
    same("just below the highest", page(&store, due).await?, vec![entry(LIMIT - 1, "b2")])
}
