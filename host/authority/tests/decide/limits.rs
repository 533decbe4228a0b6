//! Quotas: exact, shared by a lineage and by hosts, untouched by denials.

use std::time::Duration;

use access_authority::keys::actions;
use access_authority::{Outcome, Target};

use crate::bench::{Ask, Bench};

async fn allowed(bench: &Bench, credential: &str, times: usize) -> usize {
    let mut count = 0;
    for _ in 0..times {
        let ask = Ask { credential: Some(credential), environment: Some("staging"), ..Ask::default() };
        count += usize::from(bench.ask(ask).await.decision == Outcome::Allow);
    }
    count
}

#[tokio::test]
async fn exactly_the_limit_is_allowed_and_the_rest_is_told_when_to_come_back() {
    let bench = Bench::new().await;
    let staging = bench.key("staging").to_owned();
    assert_eq!(allowed(&bench, &staging, 1_100).await, 1_000);
    let answer = bench.ask(Ask { credential: Some(&staging), environment: Some("staging"), ..Ask::default() }).await;
    assert_eq!((answer.status, answer.reasons[0].code.as_str()), (429, "rate_limited"));
    let quota = answer.quota.unwrap();
    assert_eq!((quota.limit, quota.remaining), (1_000, 0));
    assert_eq!(answer.retry_after, Some(quota.reset_seconds));
    bench.clock.advance(Duration::from_secs(quota.reset_seconds));
    assert_eq!(allowed(&bench, &staging, 1).await, 1, "after what it was told");
}

#[tokio::test]
async fn denials_consume_nothing() {
    let bench = Bench::new().await;
    let staging = bench.key("staging").to_owned();
    for _ in 0..500 {
        let answer = bench.ask(Ask { credential: Some(&staging), ..Ask::default() }).await;
        assert_eq!(answer.reasons[0].code, "environment_not_allowed");
    }
    assert_eq!(allowed(&bench, &staging, 1_001).await, 1_000);
}

#[tokio::test]
async fn a_flood_of_denials_is_cut_off_before_the_policies() {
    let bench = Bench::new().await;
    let staging = bench.key("staging").to_owned();
    let mut codes = Vec::new();
    for _ in 0..5_001 {
        codes.push(bench.ask(Ask { credential: Some(&staging), ..Ask::default() }).await.reasons[0].code.clone());
    }
    codes.dedup();
    assert_eq!(codes, ["environment_not_allowed", "rate_limited"]);
}

#[tokio::test]
async fn rotation_hands_out_no_second_allowance() {
    let bench = Bench::new().await;
    let old = bench.key("staging").to_owned();
    assert_eq!(allowed(&bench, &old, 600).await, 600);
    let permit = bench.permit(actions::LIST).await;
    let keys = bench.authority.list_keys(&permit, &Default::default()).await.unwrap();
    let id = keys.items.iter().find(|key| key.kind == "staging").unwrap().id;
    let target = Target::key(bench.demo.workspace, &id);
    let permit = bench.authority.require(&bench.operator().await, actions::ROTATE, target, None).await.unwrap();
    let new = bench.authority.rotate_key(&permit, &id, 3_600).await.unwrap();
    assert_eq!(allowed(&bench, new.secret.expose(), 600).await, 400);
    assert_eq!(allowed(&bench, &old, 10).await, 0);
}

#[tokio::test]
async fn hosts_share_one_limit() {
    let bench = Bench::new().await;
    let second = bench.second_host().await;
    let staging = bench.key("staging").to_owned();
    let mut count = 0;
    for at in 0..2_200 {
        let host = if at % 2 == 0 { &bench.authority } else { &second };
        let ask = Ask { credential: Some(&staging), environment: Some("staging"), ..Ask::default() };
        count += usize::from(bench.ask_at(host, ask).await.decision == Outcome::Allow);
    }
    assert!((970..=1_000).contains(&count), "{count}");
}

#[tokio::test]
async fn a_host_that_ends_gives_its_lease_back() {
    let bench = Bench::new().await;
    let staging = bench.key("staging").to_owned();
    assert_eq!(allowed(&bench, &staging, 10).await, 10);
    bench.authority.shut_down().await;
    let second = bench.second_host().await;
    let mut count = 0;
    for _ in 0..1_100 {
        let ask = Ask { credential: Some(&staging), environment: Some("staging"), ..Ask::default() };
        count += usize::from(bench.ask_at(&second, ask).await.decision == Outcome::Allow);
    }
    assert_eq!(count, 990);
}

#[tokio::test]
async fn many_at_once_are_counted_one_by_one() {
    let bench = std::sync::Arc::new(Bench::new().await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let bench = bench.clone();
        tasks.spawn(async move {
            let staging = bench.key("staging").to_owned();
            allowed(&bench, &staging, 20).await
        });
    }
    let mut count = 0;
    while let Some(allowed) = tasks.join_next().await {
        count += allowed.unwrap();
    }
    assert_eq!(count, 1_000);
}
