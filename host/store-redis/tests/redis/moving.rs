//! Going over: from a file to Redis and back, with nothing lost and nothing half done.

use std::sync::Arc;

use access_model::Shard;
use access_model::clock::SystemClock;
use access_model::entropy::SystemEntropy;
use access_store::{Commit, Embedded, Item, Page, Record, Store, StoreError, contract, embedded};
use access_store_redis::{Loading, Look, OpenError, Options};
use harness::{Reply, wait_until};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::support::{Server, open, put, try_open};

const SHARDS: u8 = 4;

/// All that a look at a store is sent.
async fn gathered<Dumping>(dump: impl FnOnce(mpsc::Sender<Page>) -> Dumping) -> Result<Vec<Page>, StoreError>
where
    Dumping: Future<Output = Result<(), StoreError>>,
{
    let (pages, mut received) = mpsc::channel(1);
    let gather = async {
        let mut all = Vec::new();
        while let Some(page) = received.recv().await {
            all.push(page);
        }
        all
    };
    let (done, all) = tokio::join!(dump(pages), gather);
    done.map(|()| all)
}

async fn of_redis(options: &Options) -> Result<Vec<Page>, StoreError> {
    let look = Look::at(options.clone(), &SystemClock::new()).await.unwrap();
    gathered(async |pages| look.dump(pages).await).await
}

async fn of_file(folder: &TempDir) -> Vec<Page> {
    let look = embedded::Look::at(&folder.path().join(embedded::FILE)).unwrap();
    gathered(async |pages| look.dump(pages).await).await.unwrap()
}

/// Where each shard stands.
fn stands(pages: &[Page]) -> Vec<(Shard, u64, u64)> {
    let items = pages.iter().flat_map(|page| page.items.iter().map(|item| (page.shard, item)));
    let stand = |(shard, item): (Shard, &Item)| match item {
        Item::Stand { sequence, announced } => Some((shard, *sequence, *announced)),
        _ => None,
    };
    items.filter_map(stand).collect()
}

async fn begin(options: &Options) -> Result<Loading, OpenError> {
    Loading::begin(options.clone(), SHARDS, &SystemEntropy).await
}

async fn load(options: &Options, pages: &[Page]) {
    let loading = begin(options).await.unwrap();
    for page in pages {
        loading.put(page).await.unwrap();
    }
    loading.end().await.unwrap();
}

fn embedded_in(folder: &TempDir) -> Arc<dyn Store> {
    let options = embedded::Options { shards_when_new: SHARDS, ..embedded::Options::default() };
    Arc::new(Embedded::open(folder.path(), options).unwrap())
}

/// A file that was filled, and what it holds.
async fn filled() -> (TempDir, Vec<Page>) {
    let folder = tempfile::tempdir().unwrap();
    contract::fill(&embedded_in(&folder)).await.unwrap();
    let pages = of_file(&folder).await;
    (folder, pages)
}

async fn from_a_file_to_redis_and_back(server: &Server) {
    let (folder, pages) = filled().await;
    let options = server.options();
    load(&options, &pages).await;
    let found = of_redis(&options).await.unwrap();
    contract::same_dumps(&pages, &found).unwrap();

    let back = tempfile::tempdir().unwrap();
    let mut loading = embedded::Loading::begin(back.path(), SHARDS).unwrap();
    found.iter().for_each(|page| loading.put(page).unwrap());
    loading.end().unwrap();
    contract::same_dumps(&pages, &of_file(&back).await).unwrap();

    let redis = open(&options).await as Arc<dyn Store>;
    contract::run_moving(&embedded_in(&folder), &redis).await.unwrap();
    contract::run_moving(&redis, &embedded_in(&folder)).await.unwrap();
    let after = tempfile::tempdir().unwrap();
    let mut loading = embedded::Loading::begin(after.path(), SHARDS).unwrap();
    of_redis(&options).await.unwrap().iter().for_each(|page| loading.put(page).unwrap());
    loading.end().unwrap();
    contract::run_moving(&redis, &embedded_in(&after)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_a_file_goes_on_in_redis_and_the_other_way_round() {
    let Some(server) = Server::forgetful() else { return };
    from_a_file_to_redis_and_back(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_in_a_cluster_too() {
    let Some(server) = Server::with(&["--appendonly", "no", "--cluster-enabled", "yes"]) else { return };
    server.redis.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    wait_until(
        "the cluster is up",
        || matches!(server.redis.command(&["CLUSTER", "INFO"]), Reply::Text(info) if info.contains("cluster_state:ok")),
    );
    from_a_file_to_redis_and_back(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_filled_in_redis_goes_over_to_another() {
    let Some(server) = Server::forgetful() else { return };
    let (from, to) = (server.options(), server.options());
    let old = open(&from).await as Arc<dyn Store>;
    contract::fill(&old).await.unwrap();
    old.commit(Commit { announce: false, ..Commit::new(Shard::PLATFORM) }).await.unwrap();
    let pages = of_redis(&from).await.unwrap();
    load(&to, &pages).await;
    let found = of_redis(&to).await.unwrap();
    contract::same_dumps(&pages, &found).unwrap();
    assert_eq!(stands(&found), stands(&pages));
    let is_behind = |(_, sequence, announced): &(Shard, u64, u64)| announced < sequence;
    assert!(stands(&found).iter().any(is_behind), "which commits were announced goes with it");
    contract::run_moving(&old, &(open(&to).await as Arc<dyn Store>)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_there_is_not_filled() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    put(open(&options).await.as_ref(), "key", "1").await.unwrap();
    let told = begin(&options).await.unwrap_err();
    assert!(matches!(told, OpenError::Exists { .. }), "{told}");
    assert!(told.to_string().contains("there is a store in Redis at ") && told.to_string().contains("; name another"));
    assert!(open(&options).await.read(Shard::PLATFORM, &["key".to_owned()]).await.unwrap()[0].is_some());
    for shards in [0, 101] {
        let refused = Loading::begin(server.options(), shards, &SystemEntropy).await.unwrap_err();
        assert!(matches!(refused, OpenError::Shards(_)), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_short_is_no_store_and_is_begun_anew() {
    let Some(server) = Server::forgetful() else { return };
    let (folder, pages) = filled().await;
    let options = server.options();
    let (half, _) = pages.split_at(pages.len() / 2);
    let first = begin(&options).await.unwrap();
    for page in half {
        first.put(page).await.unwrap();
    }
    let foreign = Page {
        shard: Shard::PLATFORM,
        items: vec![Item::Record {
            key: "of another file".to_owned(),
            record: Record { version: 1, value: "v".into() },
            forget_after: None,
        }],
    };
    first.put(&foreign).await.unwrap();
    for refused in [
        try_open(&options).await.unwrap_err(),
        try_open(&Options { shards_when_new: None, ..options.clone() }).await.unwrap_err(),
        Look::at(options.clone(), &SystemClock::new()).await.unwrap_err(),
    ] {
        assert!(matches!(refused, OpenError::CutShort { .. }), "{refused}");
        assert!(refused.to_string().contains("run `cronflow-access import` again"), "{refused}");
    }
    let other = Loading::begin(options.clone(), SHARDS + 1, &SystemEntropy).await.unwrap_err();
    assert!(other.to_string().contains("an import of one with 4 shards was cut short in it"), "{other}");

    let second = begin(&options).await.unwrap();
    // Whoever filled it before can't go on, nor say that it is whole.
    assert!(first.put(&foreign).await.is_err());
    assert!(first.end().await.is_err());
    assert!(matches!(try_open(&options).await, Err(OpenError::CutShort { .. })));
    for page in &pages {
        second.put(page).await.unwrap();
    }
    second.end().await.unwrap();
    contract::same_dumps(&pages, &of_redis(&options).await.unwrap()).unwrap();
    contract::run_moving(&embedded_in(&folder), &(open(&options).await as Arc<dyn Store>)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_it_is_read_is_no_dump() {
    let Some(server) = Server::forgetful() else { return };
    let options = server.options();
    let store = open(&options).await;
    put(&store, "key", "1").await.unwrap();
    let look = Look::at(options.clone(), &SystemClock::new()).await.unwrap();
    let (pages, mut received) = mpsc::channel(1);
    let disturb = async {
        received.recv().await.unwrap();
        put(&store, "key", "2").await.unwrap();
        while received.recv().await.is_some() {}
    };
    let (done, ()) = tokio::join!(look.dump(pages), disturb);
    let told = done.unwrap_err().to_string();
    assert!(told.contains("it was changed while it was read") && told.contains("stop all hosts"), "{told}");
    // A host that serves and changes nothing disturbs nobody.
    of_redis(&options).await.unwrap();
}
