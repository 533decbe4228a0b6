use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::embedded::{Look, Options};
use crate::{Embedded, Memory, Record, Store, contract};

fn memory() -> Arc<Memory> {
    Arc::new(Memory::new(5))
}

fn seam<S: Store>(store: &Arc<S>) -> Arc<dyn Store> {
    Arc::clone(store) as Arc<dyn Store>
}

async fn dumped(directory: &TempDir) -> Vec<Page> {
    let look = Look::at(&directory.path().join(FILE)).unwrap();
    let (pages, mut received) = mpsc::channel(1);
    let gather = async {
        let mut all = Vec::new();
        while let Some(page) = received.recv().await {
            all.push(page);
        }
        all
    };
    let (done, all) = tokio::join!(look.dump(pages), gather);
    done.unwrap();
    all
}

fn load(pages: &[Page]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut loading = Loading::begin(directory.path(), 5).unwrap();
    pages.iter().for_each(|page| loading.put(page).unwrap());
    loading.end().unwrap();
    directory
}

fn open(directory: &TempDir) -> Arc<dyn Store> {
    Arc::new(Embedded::open(directory.path(), Options::default()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_memory_goes_on_in_a_file() {
    let old = memory();
    contract::fill(&seam(&old)).await.unwrap();
    let pages = old.dump();
    let directory = load(&pages);
    contract::same_dumps(&pages, &dumped(&directory).await).unwrap();
    contract::run_moving(&seam(&old), &open(&directory)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_a_file_goes_on_in_memory_and_in_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { shards_when_new: 5, ..Options::default() };
    let old = Arc::new(Embedded::open(directory.path(), options).unwrap());
    contract::fill(&seam(&old)).await.unwrap();
    // While it is open, and at rest.
    let pages = dumped(&directory).await;
    old.close().await.unwrap();
    contract::same_dumps(&pages, &dumped(&directory).await).unwrap();

    let new = memory();
    pages.iter().for_each(|page| new.load(page.clone()));
    contract::same_dumps(&pages, &new.dump()).unwrap();
    contract::run_moving(&open(&directory), &seam(&new)).await.unwrap();
    contract::same_dumps(&new.dump(), &dumped(&directory).await).unwrap();
    let swept =
        |store: Arc<dyn Store>| async move { store.sweep(Timestamp::from_millis(i64::MAX), 10_000).await.unwrap() };
    let again = load(&pages);
    let other = memory();
    pages.into_iter().for_each(|page| other.load(page));
    let gone = swept(seam(&other)).await;
    assert!(gone > 0);
    assert_eq!(swept(open(&again)).await, gone, "what nobody needs is known to be so");
}

#[test]
fn a_store_that_is_there_or_open_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path(), Options::default()).unwrap();
    assert!(matches!(Loading::begin(directory.path(), 5), Err(OpenError::InUse { .. })));
    drop(store);
    let before = fs::read(directory.path().join(FILE)).unwrap();
    assert!(matches!(Loading::begin(directory.path(), 5), Err(OpenError::Exists { .. })));
    assert!(fs::read(directory.path().join(FILE)).unwrap() == before);
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Loading::begin(empty.path(), 0), Err(OpenError::Shards(0))));
}

#[test]
fn what_no_store_holds_is_refused() {
    let record = || {
        let record = Record { version: 1, value: Bytes::from_static(b"v") };
        Item::Record { key: "key".to_owned(), record, forget_after: None }
    };
    for (shard, items) in [(Shard::PLATFORM, vec![record(), record()]), (Shard::new(5).unwrap(), vec![record()])] {
        let directory = tempfile::tempdir().unwrap();
        let mut loading = Loading::begin(directory.path(), 5).unwrap();
        assert!(loading.put(&Page { shard, items }).is_err());
    }
}
