//! Who is identified, and what it costs to find out.

use std::time::Duration;

use access_authority::Outcome;
use access_model::{Organization, OwnerState, Workspace};
use access_store::{Commit, Put, Store};

use crate::bench::{Ask, Bench};

const UNAUTHENTICATED: (u16, &str) = (401, "unauthenticated");

async fn told(bench: &Bench, credential: &str) -> (u16, String, String) {
    let answer = bench.ask(Ask { credential: Some(credential), ..Ask::default() }).await;
    assert!(serde_json::to_value(&answer).unwrap().get("principal").is_none());
    (answer.status, answer.reasons[0].code.clone(), answer.reasons[0].message.clone())
}

fn with_last_changed(secret: &str) -> String {
    let (body, last) = secret.split_at(secret.len() - 1);
    format!("{body}{}", if last == "0" { "1" } else { "0" })
}

/// A well-formed secret of another credential: right checksum, unknown id.
fn stranger() -> String {
    use access_model::entropy::SystemEntropy;
    use access_model::{Id, IdKind, PlainSecret, Shard};
    let id = Id::draw(IdKind::Key, Shard::PLATFORM, &SystemEntropy).unwrap();
    PlainSecret::draw("cf_prod_", &id, &SystemEntropy).unwrap().expose().to_owned()
}

#[tokio::test]
async fn malformed_secrets_touch_no_store_and_all_get_one_answer() {
    let bench = Bench::new().await;
    bench.ask(Ask::default()).await;
    let before = bench.store.stats().reads;
    let broken = with_last_changed(bench.key("production"));
    let mut answers = Vec::new();
    for malformed in [&broken, "", "cf_prod_", "cf_nope_abc", "Bearer x", &"x".repeat(5_000), "cf_prod_ä"] {
        answers.push(told(&bench, malformed).await);
    }
    assert_eq!(bench.store.stats().reads, before);
    answers.push(told(&bench, &stranger()).await);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!((answers[0].0, answers[0].1.as_str()), UNAUTHENTICATED);
}

#[tokio::test]
async fn a_cached_key_is_decided_without_the_store() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        bench.ask(Ask::default()).await;
    }
    let before = bench.store.stats();
    for _ in 0..50 {
        assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow);
    }
    let after = bench.store.stats();
    assert_eq!((after.reads, after.commits), (before.reads, before.commits));
}

#[tokio::test]
async fn an_unknown_id_is_read_once() {
    let bench = Bench::new().await;
    let stranger = stranger();
    told(&bench, &stranger).await;
    let before = bench.store.stats().reads;
    told(&bench, &stranger).await;
    assert_eq!(bench.store.stats().reads, before);
}

#[tokio::test]
async fn guessing_shuts_the_network_out_of_the_store_but_not_its_customers() {
    let bench = Bench::new().await;
    bench.ask(Ask::default()).await;
    for _ in 0..300 {
        assert_eq!(told(&bench, &stranger()).await.0, 401);
    }
    let before = bench.store.stats().reads;
    let (status, code, _) = told(&bench, &stranger()).await;
    assert_eq!((status, code.as_str()), (429, "rate_limited"));
    assert_eq!(bench.store.stats().reads, before);
    assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow, "a cached key of the same network");
    let elsewhere = stranger();
    let answer = bench.ask(Ask { credential: Some(&elsewhere), ip: Some("198.51.100.1"), ..Ask::default() }).await;
    assert_eq!(answer.status, 401, "another network");
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(told(&bench, &stranger()).await.0, 401, "the next minute");
}

#[tokio::test]
async fn a_secret_does_not_stand_for_another_kind() {
    let bench = Bench::new().await;
    let production = bench.key("production");
    let tail = production.strip_prefix("cf_prod_").unwrap();
    assert_eq!(told(&bench, &format!("cf_ro_{tail}")).await.0, 401);
}

#[tokio::test]
async fn dead_parents_identify_nobody_and_revived_ones_do() {
    let bench = Bench::new().await;
    assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow);
    let home = bench.demo.organization.home();
    for key in [format!("workspace/{}", bench.demo.workspace), format!("organization/{}", bench.demo.organization)] {
        let original = bench.store.read(home, std::slice::from_ref(&key)).await.unwrap().remove(0).unwrap().value;
        for state in [OwnerState::Suspended, OwnerState::Archived] {
            let changed = if key.starts_with("workspace/") {
                serde_json::to_vec(&Workspace { state, ..serde_json::from_slice(&original).unwrap() }).unwrap()
            } else {
                serde_json::to_vec(&Organization { state, ..serde_json::from_slice(&original).unwrap() }).unwrap()
            };
            let mut commit = Commit::new(home);
            commit.puts.push(Put::new(key.clone(), changed.into()));
            bench.store.commit(commit).await.unwrap();
            assert_eq!(bench.ask(Ask::default()).await.status, 401, "{key} {state:?}");
        }
        let mut commit = Commit::new(home);
        commit.puts.push(Put::new(key.clone(), original));
        bench.store.commit(commit).await.unwrap();
        assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow, "{key} active again");
    }
}

/// The first start of a dev host may be cut short anywhere; the next one seeds what is missing and leaves what is there.
#[tokio::test]
async fn a_demo_cut_short_is_completed_by_the_next_start() {
    let bench = Bench::new().await;
    let staging = bench.key("staging").to_owned();
    let id = format!("key_{}", &staging["cf_stg_".len()..][..18]);
    let mut commit = Commit::new(bench.demo.organization.home());
    commit.deletes.push(format!("credential/{id}"));
    commit.deletes.push(format!("workspace/{}", bench.demo.other_workspace));
    commit.deletes.push(format!("workspace-name/{}/other", bench.demo.organization));
    bench.store.commit(commit).await.unwrap();
    let ask = || Ask { credential: Some(&staging), environment: Some("staging"), ..Ask::default() };
    assert_eq!(bench.ask(ask()).await.status, 401);
    bench.seed_again().await;
    assert_eq!(bench.ask(ask()).await.decision, Outcome::Allow);
    assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow, "what was there");
}
