use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use bytes::Bytes;
use rusqlite::Connection;
use tempfile::TempDir;

use super::FILE;
use super::apply::SWEEP;
use super::file::SCHEMA_VERSION;
use super::*;
use crate::{Change, Count, Put, Survives};

const SHARD: Shard = Shard::PLATFORM;

fn open(directory: &TempDir) -> Result<Embedded, OpenError> {
    Embedded::open(directory.path(), Options::default())
}

fn file_in(directory: &TempDir) -> PathBuf {
    directory.path().join(FILE)
}

fn put(key: &str, size: usize) -> Commit {
    Commit { puts: vec![Put::new(key.to_owned(), Bytes::from(vec![b'v'; size]))], ..Commit::new(SHARD) }
}

/// A directory with a store of a few hundred records, closed.
async fn filled() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    for turn in 0..300 {
        store.commit(Commit { survives: Survives::Process, ..put(&format!("key {turn:03}"), 1_000) }).await.unwrap();
    }
    store.close().await.unwrap();
    directory
}

/// Opening must fail with this text (`DIR` stands for the directory), and leave every byte of the file.
fn assert_refused(directory: &TempDir, expected: &str) {
    let before = fs::read(file_in(directory)).unwrap();
    let error = open(directory).unwrap_err();
    assert_eq!(error.to_string().replace(&directory.path().display().to_string(), "DIR"), expected);
    assert!(fs::read(file_in(directory)).unwrap() == before, "the file was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let directories = Mutex::new(Vec::new());
    let make = async || {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory).unwrap();
        directories.lock().unwrap().push(directory);
        Arc::new(store) as Arc<dyn Store>
    };
    crate::contract::run(make).await.unwrap();
    crate::contract::run_sweeping(make).await.unwrap();
}

#[tokio::test]
async fn reopening_finds_everything() {
    let directory = tempfile::tempdir().unwrap();
    let nested = directory.path().join("not/yet/there");
    let store = Embedded::open(&nested, Options { shards_when_new: 3, ..Options::default() }).unwrap();
    let entry = IndexEntry { score: 5, member: "member".to_owned() };
    let everything = Commit {
        index_puts: vec![("index".to_owned(), entry.clone())],
        appends: vec![("log".to_owned(), Bytes::from_static(b"line"))],
        counters: vec![Count { group: "group".to_owned(), name: "counter".to_owned(), amount: 7, forget_after: None }],
        survives: Survives::Process,
        ..put("key", 3)
    };
    let first = store.commit(everything).await.unwrap();
    drop(store);
    let store = Embedded::open(&nested, Options { shards_when_new: 99, ..Options::default() }).unwrap();
    assert_eq!(store.shards(), 3, "the number of shards is the file's");
    let record = Record { version: 1, value: Bytes::from_static(b"vvv") };
    assert_eq!(store.read(SHARD, &["key".to_owned()]).await.unwrap(), [Some(record)]);
    let range = Range { index: "index".to_owned(), after: None, up_to: None, descending: false, limit: 9 };
    assert_eq!(store.range(SHARD, range).await.unwrap(), [entry]);
    let lines = store.log(SHARD, "log", None, 9).await.unwrap();
    assert_eq!(lines, [LogEntry { sequence: 1, value: Bytes::from_static(b"line") }]);
    assert_eq!(store.counters(SHARD, "group").await.unwrap(), [("counter".to_owned(), 7)].into());
    assert_eq!(store.commit(Commit::new(SHARD)).await.unwrap().sequence, first.sequence + 1);
}

#[tokio::test]
async fn what_is_to_be_forgotten_is_swept_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    let mut commit = put("kept", 1);
    let forget_after = Some(Timestamp::from_millis(1_000));
    commit.puts.push(Put { forget_after, ..Put::new("due".to_owned(), Bytes::new()) });
    store.commit(commit).await.unwrap();
    store.close().await.unwrap();
    let refused = store.sweep(Timestamp::from_millis(1_001), 9).await.unwrap_err();
    assert_eq!(refused.to_string(), "the store is out of reach: it is closed");
    let store = open(&directory).unwrap();
    assert_eq!(store.sweep(Timestamp::from_millis(1_000), 9).await.unwrap(), 0);
    assert_eq!(store.sweep(Timestamp::from_millis(1_001), 9).await.unwrap(), 1);
    store.close().await.unwrap();
    let store = open(&directory).unwrap();
    let found = store.read(SHARD, &["kept".to_owned(), "due".to_owned()]).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn a_sweep_looks_at_what_is_due_and_nothing_else() {
    let directory = filled().await;
    let connection = Connection::open(file_in(&directory)).unwrap();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {SWEEP}")).unwrap();
    let plan: Vec<String> = statement.query_map((0, 0), |row| row.get(3)).unwrap().map(Result::unwrap).collect();
    assert!(plan.iter().any(|step| step.contains("INDEX records_to_forget (forget_after<?)")), "{plan:?}");
    assert!(!plan.iter().any(|step| step.contains("SCAN") || step.contains("TEMP B-TREE")), "{plan:?}");
}

#[tokio::test]
async fn closing_flushes_frees_the_file_and_refuses_what_follows() {
    let directory = filled().await;
    let store = open(&directory).unwrap();
    store.commit(put("last", 1)).await.unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    let refused = "the store is out of reach: it is closed";
    assert_eq!(store.commit(put("late", 1)).await.unwrap_err().to_string(), refused);
    assert_eq!(store.read(SHARD, &["last".to_owned()]).await.unwrap_err().to_string(), refused);
    let mut names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [FILE, "access.db.lock"], "everything is in the one file");
    let again = open(&directory).unwrap();
    assert!(again.read(SHARD, &["last".to_owned()]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(&directory).unwrap();
    // The file's bytes are not looked at here: closing it would drop the locks that this very process holds.
    let error = open(&directory).unwrap_err().to_string();
    let name = directory.path().display();
    let expected =
        format!("the store in `{name}` is open in another process; stop that one, or name another data directory");
    assert_eq!(error, expected);
    first.commit(put("key", 1)).await.unwrap();
    drop(first);
    open(&directory).unwrap();
}

#[tokio::test]
async fn what_is_not_a_store_is_refused_and_left_alone() {
    const FOREIGN: &str = "`DIR/access.db` is not a store of CronFlow Access, or its beginning is damaged; restore a backup, \
                           or move the file away to start with an empty store";
    let directory = tempfile::tempdir().unwrap();
    fs::write(file_in(&directory), "a letter to somebody else, longer than a header").unwrap();
    assert_refused(&directory, FOREIGN);
    fs::remove_file(file_in(&directory)).unwrap();
    Connection::open(file_in(&directory)).unwrap().execute_batch("CREATE TABLE others (a)").unwrap();
    assert_refused(&directory, FOREIGN);
}

#[tokio::test]
async fn damage_is_named_and_left_alone() {
    let damaged = |detail: &str| {
        format!(
            "`DIR/access.db` is damaged ({detail}); restore a backup, or move it away, together with its `-wal` and `-shm` \
             files, to start with an empty store"
        )
    };
    let directory = filled().await;
    let whole = fs::read(file_in(&directory)).unwrap();
    for length in [0, 15] {
        fs::write(file_in(&directory), &whole[..length]).unwrap();
        assert_refused(&directory, &damaged("it is shorter than its header"));
    }
    for length in [100, 4_096, whole.len() / 2, whole.len() - 1] {
        fs::write(file_in(&directory), &whole[..length]).unwrap();
        let error = open(&directory).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. } | OpenError::Foreign { .. }), "{length}: {error}");
        assert!(fs::read(file_in(&directory)).unwrap() == whole[..length], "the file was changed");
    }
    fs::write(file_in(&directory), &whole).unwrap();
    Connection::open(file_in(&directory)).unwrap().execute_batch("DELETE FROM shards WHERE shard = 4").unwrap();
    assert_refused(&directory, &damaged("its list of shards is not whole"));
}

#[tokio::test]
async fn garbage_in_any_page_never_panics() {
    let directory = filled().await;
    let whole = fs::read(file_in(&directory)).unwrap();
    let mut complaints = 0;
    for page in 0..whole.len() / 4_096 {
        fs::write(file_in(&directory), &whole).unwrap();
        let mut file = fs::OpenOptions::new().write(true).open(file_in(&directory)).unwrap();
        file.seek(SeekFrom::Start(page as u64 * 4_096)).unwrap();
        file.write_all(&[0xA5; 4_096]).unwrap();
        drop(file);
        match open(&directory) {
            Err(OpenError::Damaged { .. } | OpenError::Foreign { .. }) => complaints += 1,
            Err(other) => panic!("page {page}: {other}"),
            Ok(store) => {
                let keys: Vec<_> = (0..300).map(|turn| format!("key {turn:03}")).collect();
                match store.read(SHARD, &keys).await {
                    Err(StoreError::Corrupt(_)) => complaints += 1,
                    Err(other) => panic!("page {page}: {other}"),
                    Ok(records) => assert_eq!(records.len(), 300),
                }
                let _ = store.commit(put("key 100", 1)).await;
            }
        }
    }
    assert!(complaints > whole.len() / 4_096 / 2, "only {complaints} pages were missed");
}

#[tokio::test]
async fn a_newer_schema_names_both_versions() {
    let directory = filled().await;
    let connection = Connection::open(file_in(&directory)).unwrap();
    connection.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    connection.close().unwrap();
    assert_refused(
        &directory,
        "`DIR/access.db` has schema version 3, and this release knows versions up to 2; use the newer release that wrote it",
    );
}

#[tokio::test]
async fn a_file_of_version_1_is_brought_up() {
    let directory = filled().await;
    let connection = Connection::open(file_in(&directory)).unwrap();
    let back = "DROP TABLE counter_groups; DROP TABLE counters; PRAGMA user_version = 1;
                CREATE TABLE counters (shard INTEGER, name TEXT, value INTEGER, PRIMARY KEY (shard, name));";
    connection.execute_batch(back).unwrap();
    connection.close().unwrap();
    for _ in 0..2 {
        let store = open(&directory).unwrap();
        let count = Count { group: "group".to_owned(), name: "counter".to_owned(), amount: 1, forget_after: None };
        store.commit(Commit { counters: vec![count], ..Commit::new(SHARD) }).await.unwrap();
        assert!(store.read(SHARD, &["key 100".to_owned()]).await.unwrap()[0].is_some());
        store.close().await.unwrap();
    }
    let store = open(&directory).unwrap();
    assert_eq!(store.counters(SHARD, "group").await.unwrap(), [("counter".to_owned(), 2)].into());
}

#[tokio::test]
async fn a_log_without_its_file_is_not_replayed_into_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("access.db-wal"), "left behind").unwrap();
    let error = open(&directory).unwrap_err();
    assert!(matches!(error, OpenError::Orphaned { .. }), "{error}");
    assert!(!file_in(&directory).exists());
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "").unwrap();
    let error = Embedded::open(&path.join("data"), Options::default()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("can't use the data directory `{}`: ", path.join("data").display())), "{error}");
    assert!(error.ends_with("; make it writable for the user that runs this"), "{error}");
    for shards in [0, 101] {
        let options = Options { shards_when_new: shards, ..Options::default() };
        assert!(matches!(Embedded::open(directory.path(), options), Err(OpenError::Shards(_))));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_reads_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(&directory.path().join("data"), Options::default()).unwrap();
    store.commit(put("key", 1)).await.unwrap();
    backup(&directory.path().join("data"), &directory.path().join("data/copy.db")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory.path().join("data")), 0o700);
    let files: Vec<_> =
        fs::read_dir(directory.path().join("data")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_while_serving_opens_as_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&directory).unwrap());
    store.commit(put("before", 1)).await.unwrap();
    let copies = tempfile::tempdir().unwrap();
    let (source, target) = (directory.path().to_owned(), copies.path().join(FILE));
    let busy = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for turn in 0..200 {
                store.commit(Commit { survives: Survives::Process, ..put(&format!("{turn}"), 500) }).await.unwrap();
            }
        }
    });
    let copied = target.clone();
    tokio::task::spawn_blocking(move || backup(&source, &copied)).await.unwrap().unwrap();
    busy.await.unwrap();
    assert!(matches!(backup(directory.path(), &target), Err(BackupError::Exists { .. })));
    assert!(matches!(backup(&copies.path().join("none"), &target), Err(BackupError::Missing { .. })));
    let copy = open(&copies).unwrap();
    assert_eq!(copy.shards(), 16);
    assert!(copy.read(SHARD, &["before".to_owned()]).await.unwrap()[0].is_some());
    copy.commit(put("after", 1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_what_does_not_fit_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { max_bytes: Some(512 << 10), ..Options::default() };
    let store = Arc::new(Embedded::open(directory.path(), options).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for turn in 0..64 {
        let store = Arc::clone(&store);
        let size = if turn % 8 == 0 { 1 << 20 } else { 100 };
        tasks.spawn(async move { (turn, store.commit(put(&format!("key {turn}"), size)).await) });
    }
    let mut applied = 0;
    while let Some(done) = tasks.join_next().await {
        let (turn, answer) = done.unwrap();
        match answer {
            Ok(_) => applied += 1,
            Err(CommitError::Store(StoreError::Unavailable(_))) => assert_eq!(turn % 8, 0),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(applied, 56);
    let keys: Vec<_> = (0..64).map(|turn| format!("key {turn}")).collect();
    assert_eq!(store.read(SHARD, &keys).await.unwrap().iter().flatten().count(), 56);
    assert_eq!(store.commit(put("last", 1)).await.unwrap().sequence, 57, "what was refused took no sequence number");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_panics_stops_the_writer_and_not_the_readers() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    store.commit(put("key", 1)).await.unwrap();
    store.watch(Arc::new(|_: &Change| panic!("a fault in a cache")));
    for _ in 0..2 {
        let error = store.commit(put("key", 1)).await.unwrap_err().to_string();
        assert_eq!(error, "the store is out of reach: its writer has stopped; restart the host");
    }
    assert!(store.read(SHARD, &["key".to_owned()]).await.unwrap()[0].is_some());
    assert!(store.close().await.is_err());
    drop(store);
    open(&directory).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_queued_is_written_when_the_store_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    for turn in 0..50 {
        // Polled once, which queues it, and then abandoned.
        let commit = store.commit(put(&format!("key {turn}"), 1));
        tokio::select! { biased; answer = commit => drop(answer), () = std::future::ready(()) => {} }
    }
    drop(store);
    let store = open(&directory).unwrap();
    let keys: Vec<_> = (0..50).map(|turn| format!("key {turn}")).collect();
    assert_eq!(store.read(SHARD, &keys).await.unwrap().iter().flatten().count(), 50);
}
