//! `kill -9` in the middle of a load loses no commit that was acknowledged, whatever its acknowledgement promised.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is a test")]

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use access_model::Shard;
use access_store::embedded::Options;
use access_store::{Commit, Count, Embedded, IndexEntry, Put, Range, Store, Survives};

/// Names the data directory to the child: this very test binary, told to run [`child`] alone.
const DIRECTORY: &str = "ACCESS_STORE_KILL_TEST_DIRECTORY";
const TASKS: usize = 16;
const LINES: usize = 600;

#[test]
fn acknowledged_commits_survive_the_death_of_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .env("ACCESS_STORE_KILL_TEST_ROUND", round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let enough = acknowledged.len() + LINES;
        while acknowledged.len() < enough {
            acknowledged.extend(acknowledgement(&lines.next().expect("the child died early")));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still said before it died counts as well.
        acknowledged.extend(lines.filter_map(|line| acknowledgement(&line)));
        check(directory.path().to_owned(), &acknowledged);
    }
}

/// The key in a line of the child's. The full stop tells a whole line from one that was cut short.
fn acknowledgement(line: &str) -> Option<String> {
    line.strip_prefix("acknowledged ")?.strip_suffix('.').map(str::to_owned)
}

#[tokio::main(flavor = "current_thread")]
async fn check(directory: PathBuf, acknowledged: &[String]) {
    let store = Embedded::open(&directory, Options::default()).unwrap();
    let shard = Shard::PLATFORM;
    let records = store.read(shard, acknowledged).await.unwrap();
    let lost: Vec<_> =
        acknowledged.iter().zip(&records).filter(|(_, record)| record.is_none()).map(|(key, _)| key).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let log = store.log(shard, "log", None, usize::MAX).await.unwrap();
    assert!(log.iter().map(|entry| entry.sequence).rev().eq(1..=log.len() as u64), "the log has gaps");
    assert!(log.len() >= acknowledged.len());
    let all = Range { index: "index".to_owned(), after: None, up_to: None, descending: false, limit: usize::MAX };
    let members = store.range(shard, all).await.unwrap().len();
    let counted = store.counters(shard, "group").await.unwrap()["counter"];
    assert_eq!((members, counted), (log.len(), log.len() as i64), "every commit is there as a whole or not at all");
    let sequence = store.commit(Commit::new(shard)).await.unwrap().sequence;
    assert!(sequence > log.len() as u64);
    store.close().await.unwrap();
}

/// Not a test by itself: commits until it is killed, and says so after each acknowledgement.
#[test]
#[expect(clippy::disallowed_methods, reason = "the parent test has no other way to speak to its child")]
fn child() {
    let (Some(directory), Some(round)) =
        (std::env::var_os(DIRECTORY), std::env::var_os("ACCESS_STORE_KILL_TEST_ROUND"))
    else {
        return;
    };
    load(directory.into(), &round.to_string_lossy());
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn load(directory: PathBuf, round: &str) {
    let store = Arc::new(Embedded::open(&directory, Options::default()).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let (store, round) = (Arc::clone(&store), round.to_owned());
        tasks.spawn(async move {
            for turn in 0.. {
                let key = format!("{round}/{task}/{turn}");
                let commit = Commit {
                    puts: vec![Put::new(key.clone(), vec![b'v'; 300].into())],
                    index_puts: vec![("index".to_owned(), IndexEntry { score: turn, member: key.clone() })],
                    appends: vec![("log".to_owned(), key.clone().into())],
                    counters: vec![count()],
                    survives: if turn % 4 == 0 { Survives::Power } else { Survives::Process },
                    ..Commit::new(Shard::PLATFORM)
                };
                store.commit(commit).await.unwrap();
                // One write per line, past the test harness, which would keep it to itself.
                std::io::stdout().write_all(format!("acknowledged {key}.\n").as_bytes()).unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

fn count() -> Count {
    Count { group: "group".to_owned(), name: "counter".to_owned(), amount: 1, forget_after: None }
}
