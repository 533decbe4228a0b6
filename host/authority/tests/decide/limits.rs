//! Quotas: exact, shared by a lineage and by hosts, untouched by denials.

use std::time::Duration;

use access_authority::keys::actions;
use access_authority::{Authority, IfMatch, Outcome, Target};
use access_store::Store;

use crate::bench::{Ask, Bench};

async fn allowed(bench: &Bench, credential: &str, times: usize) -> usize {
    allowed_at(bench, &bench.authority, credential, times).await
}

async fn allowed_at(bench: &Bench, host: &Authority, credential: &str, times: usize) -> usize {
    let mut count = 0;
    for _ in 0..times {
        let ask = Ask { credential: Some(credential), environment: Some("staging"), ..Ask::default() };
        count += usize::from(bench.ask_at(host, ask).await.decision == Outcome::Allow);
    }
    count
}

/// Whether the store holds the meter of the demo's staging key.
async fn is_kept(bench: &Bench) -> bool {
    let permit = bench.permit(actions::LIST).await;
    let keys = bench.authority.list_keys(&permit, &Default::default()).await.unwrap();
    let lineage = keys.items.iter().find(|key| key.kind == "staging").unwrap().lineage;
    let records = bench.store.read(lineage.home(), &[format!("meter/{lineage}")]).await.unwrap();
    records[0].is_some()
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
    let new = bench.authority.rotate_key(&permit, &id, Some(3_600), &IfMatch::Any, None).await.unwrap().now().unwrap();
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

/// Of the staging key's quota in the catalog.
const WINDOW: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_idle_meter_is_forgotten_and_its_quota_whole_again() {
    let bench = Bench::new().await;
    let staging = bench.key("staging").to_owned();
    assert_eq!(allowed(&bench, &staging, 600).await, 600);
    bench.authority.shut_down().await;
    bench.clock.advance(WINDOW);
    bench.authority.tick().await;
    assert!(is_kept(&bench).await, "its uses have hardly left the window");
    bench.clock.advance(WINDOW + Duration::from_secs(1));
    assert!(is_kept(&bench).await, "nobody has swept yet");
    bench.authority.tick().await;
    assert!(!is_kept(&bench).await);
    assert_eq!(allowed(&bench, &staging, 1_100).await, 1_000);
    let second = bench.second_host().await;
    assert_eq!(allowed_at(&bench, &second, &staging, 10).await, 0, "the new record counts for everybody");
}

#[tokio::test]
async fn a_sweep_never_gives_back_what_was_used() {
    let bench = Bench::new().await;
    let staging = bench.key("staging").to_owned();
    let sweep = async || bench.store.sweep(bench.authority.now(), 1_000).await.unwrap();
    assert_eq!(allowed(&bench, &staging, 600).await, 600);
    bench.authority.shut_down().await;
    bench.clock.advance(WINDOW / 2);
    // Another host uses some more and is lost: its lease of 50 counts in full, from its end on.
    let lost = bench.second_host().await;
    assert_eq!(allowed_at(&bench, &lost, &staging, 10).await, 10);
    bench.clock.advance(WINDOW / 2 - Duration::from_secs(1));
    assert_eq!(sweep().await, 0);
    // Hosts that know only what the store knows.
    let third = bench.second_host().await;
    assert_eq!(allowed_at(&bench, &third, &staging, 1_000).await, 350);
    third.shut_down().await;
    bench.clock.advance(WINDOW / 2);
    assert_eq!(sweep().await, 0);
    let fourth = bench.second_host().await;
    assert_eq!(allowed_at(&bench, &fourth, &staging, 1_000).await, 600, "what has left the window, and no more");
}

#[tokio::test]
async fn the_store_is_swept_once_a_minute_and_a_failure_is_no_reason_to_stop() {
    let bench = Bench::new().await;
    let swept = async || {
        bench.authority.tick().await;
        bench.failing.sweeps.swap(0, std::sync::atomic::Ordering::SeqCst)
    };
    assert_eq!(swept().await, 1);
    assert_eq!(swept().await, 0);
    bench.failing.fails.store(true, std::sync::atomic::Ordering::SeqCst);
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!((swept().await, swept().await), (1, 0));
    bench.clock.advance(Duration::from_secs(59));
    assert_eq!(swept().await, 0);
    bench.failing.fails.store(false, std::sync::atomic::Ordering::SeqCst);
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(swept().await, 1);
}

/// A client that hangs up in the middle of a renewal must not let a second one in between: the lease would count twice.
#[tokio::test]
async fn clients_that_hang_up_gain_nothing() {
    let bench = std::sync::Arc::new(Bench::new().await);
    let staging = bench.key("staging").to_owned();
    let ask = || Ask { credential: Some(&staging), environment: Some("staging"), ..Ask::default() };
    let mut count = 0;
    for round in 0..1_500 {
        // Polled a few times and dropped: wherever it was waiting, it waits no more.
        let mut left = round % 7;
        let mut pending = std::pin::pin!(bench.ask(ask()));
        let answered = std::future::poll_fn(|context| match pending.as_mut().poll(context) {
            std::task::Poll::Ready(answer) => std::task::Poll::Ready(Some(answer)),
            std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
            std::task::Poll::Pending => {
                left -= 1;
                context.waker().wake_by_ref();
                std::task::Poll::Pending
            }
        });
        count += usize::from(answered.await.is_some_and(|answer| answer.decision == Outcome::Allow));
    }
    while bench.ask(ask()).await.decision == Outcome::Allow {
        count += 1;
    }
    assert_eq!(count, 1_000);
}

/// Wall time steps back under a host: its leases are made out from where it was, and decisions go on.
#[tokio::test]
async fn a_clock_that_steps_back_stops_nobody() {
    let bench = Bench::new().await;
    let staging = bench.key("staging").to_owned();
    assert_eq!(allowed(&bench, &staging, 45).await, 45);
    bench.clock.step_back(Duration::from_secs(3_600));
    let before = bench.store.stats().commits;
    assert_eq!(allowed(&bench, &staging, 1_000).await, 955);
    assert!(bench.store.stats().commits - before < 40, "no storm of renewals");
}
