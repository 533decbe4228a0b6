//! Moving: a store that was loaded from another's dump answers as that one does, and goes on as it would have.

use std::collections::BTreeSet;
use std::sync::Arc;

use access_model::{Shard, Timestamp};
use bytes::Bytes;

use super::{Outcome, append, commit, count_until, entry, same, text};
use crate::{Commit, Item, Page, Put, Range, Store, Survives};

/// Commits that [`fill`] makes.
const COMMITS: u64 = 400;
/// In the year 2100, so that a backend with TTLs of its own, which run on its own clock, keeps everything meanwhile.
const TIME: Timestamp = Timestamp::from_millis(4_102_444_800_000);
/// What things are called: all of them may be anything.
const NAMES: [&str; 9] = ["", "a", "a:b", "a/x", "{s01}:state", "ключ", "*?[a-z]\\", "l:log", "with space\n\0"];
const SCORES: [i64; 6] = [0, -1, 1, 1_700_000_000_000, 1 << 53, -(1 << 53)];

/// The same numbers at each run, and little order in them.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }

    fn of<T: Copy + Default>(&mut self, all: &[T]) -> T {
        let place = self.below(all.len());
        all.get(place).copied().unwrap_or_default()
    }

    fn name(&mut self) -> String {
        self.of(&NAMES).to_owned()
    }

    fn value(&mut self) -> Bytes {
        let length = self.of(&[0, 1, 20, 300, 20_000]);
        (0..length).map(|_| u8::try_from(self.below(256)).unwrap_or(0)).collect()
    }

    fn time(&mut self) -> Option<Timestamp> {
        let later = i64::try_from(self.below(1_000)).unwrap_or(0);
        (self.below(3) == 0).then(|| TIME.plus(std::time::Duration::from_millis(later.unsigned_abs())))
    }
}

/// Makes a few hundred commits of all sorts, in every shard but the last.
pub(super) async fn fill(store: &Arc<dyn Store>) -> Outcome {
    let mut drawn = Drawn(7);
    let shards = usize::from(store.shards()).saturating_sub(1).max(1);
    for _ in 0..COMMITS {
        let shard = Shard::new(u8::try_from(drawn.below(shards)).unwrap_or(0)).ok_or("there is no such shard")?;
        commit(store, drawn_commit(&mut drawn, shard)).await?;
    }
    Ok(())
}

fn drawn_commit(drawn: &mut Drawn, shard: Shard) -> Commit {
    let mut commit = Commit { survives: Survives::Process, ..Commit::new(shard) };
    commit.announce = drawn.below(4) > 0;
    for _ in 0..drawn.below(3) {
        let (key, value, forget_after) = (drawn.name(), drawn.value(), drawn.time());
        commit.puts.push(Put { key, value, forget_after });
    }
    if drawn.below(6) == 0 {
        commit.deletes.push(drawn.name());
    }
    for _ in 0..drawn.below(3) {
        let (index, member) = (drawn.name(), format!("{}{}", drawn.of(&NAMES), drawn.below(40)));
        commit.index_puts.push((index, entry(drawn.of(&SCORES), &member)));
    }
    if drawn.below(6) == 0 {
        commit.index_deletes.push((drawn.name(), format!("{}{}", drawn.of(&NAMES), drawn.below(40))));
    }
    for _ in 0..drawn.below(3) {
        commit.appends.push((drawn.name(), drawn.value()));
    }
    if drawn.below(10) == 0 {
        commit.log_trims.push((drawn.name(), drawn.below(20) as u64));
    }
    for _ in 0..drawn.below(3) {
        let amount = drawn.of(&[1, -1, 0, 7, i64::MAX, i64::MIN]);
        commit.counters.push(count_until(&drawn.name(), &drawn.name(), amount, drawn.time()));
    }
    commit
}

/// Asks both whatever can be asked of a store that [`fill`] has filled, then changes both alike.
pub(super) async fn compare(old: &Arc<dyn Store>, new: &Arc<dyn Store>) -> Outcome {
    same("the number of shards", new.shards(), old.shards())?;
    for shard in (0..old.shards()).filter_map(Shard::new) {
        ask_alike(old, new, shard).await?;
        for turn in 0..3 {
            let change = || Commit {
                puts: vec![super::put("a", "after")],
                appends: vec![append("a", "after"), append(&format!("new {turn}"), "first")],
                index_puts: vec![("a".to_owned(), entry(turn, "after"))],
                counters: vec![count_until("a", "a", 1, None)],
                ..Commit::new(shard)
            };
            same(&format!("a commit to shard {shard}"), commit(new, change()).await?, commit(old, change()).await?)?;
        }
        ask_alike(old, new, shard).await?;
    }
    Ok(())
}

async fn ask_alike(old: &Arc<dyn Store>, new: &Arc<dyn Store>, shard: Shard) -> Outcome {
    let keys: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    let read = async |store: &Arc<dyn Store>| store.read(shard, &keys).await.map_err(text);
    same(&format!("records of shard {shard}"), read(new).await?, read(old).await?)?;
    for name in NAMES {
        let of = |what: &str| format!("{what} `{name}` of shard {shard}");
        for descending in [false, true] {
            let range = || Range { index: name.to_owned(), after: None, up_to: None, descending, limit: 1_000 };
            let page = async |store: &Arc<dyn Store>| store.range(shard, range()).await.map_err(text);
            same(&of("the index"), page(new).await?, page(old).await?)?;
        }
        for before in [None, Some(5)] {
            let page = async |store: &Arc<dyn Store>| store.log(shard, name, before, 1_000).await.map_err(text);
            same(&of("the log"), page(new).await?, page(old).await?)?;
        }
        let sums = async |store: &Arc<dyn Store>| store.counters(shard, name).await.map_err(text);
        same(&of("the group"), sums(new).await?, sums(old).await?)?;
    }
    Ok(())
}

/// Two dumps hold the same, whatever its order, but for which commits were announced: not every backend knows.
pub(super) fn compare_dumps(old: &[Page], new: &[Page]) -> Outcome {
    let sorted = |pages: &[Page]| -> BTreeSet<String> {
        let items = pages.iter().flat_map(|page| page.items.iter().map(|item| (page.shard, item)));
        items.map(|(shard, item)| described(shard, item)).collect()
    };
    let (old, new) = (sorted(old), sorted(new));
    same("what the new one lacks", old.difference(&new).next(), None)?;
    same("what the old one lacks", new.difference(&old).next(), None)
}

fn described(shard: Shard, item: &Item) -> String {
    match item {
        Item::Stand { sequence, .. } => format!("{shard}: {sequence} commits"),
        other => format!("{shard}: {other:?}"),
    }
}
