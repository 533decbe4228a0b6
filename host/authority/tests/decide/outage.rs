//! The store is out of reach: what is cached and leased goes on, everything else is denied, nothing errs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use access_authority::keys::actions;
use access_authority::{Error, Outcome, Target};
use access_model::{Clock, Shard};
use access_store::Freshness;

use crate::bench::{Ask, Bench, CATALOG};

/// Proves every shard fresh for so long from now.
fn prove(bench: &Bench, freshness: &Freshness, seconds: u64) {
    let until = bench.clock.monotonic() + Duration::from_secs(seconds);
    (0..16).for_each(|shard| freshness.prove(Shard::new(shard).unwrap(), 1, until));
}

/// The shipped catalog, with this outage rule for gateways and production keys.
fn catalog(outage_seconds: u32) -> String {
    let mut catalog = CATALOG.to_owned();
    for kind in ["gateway", "production"] {
        let head = format!("[kinds.{kind}]\n");
        catalog = catalog.replace(&head, &format!("{head}outage_seconds = {outage_seconds}\n"));
    }
    catalog
}

#[tokio::test]
async fn what_can_not_be_looked_up_is_denied_503() {
    let bench = Bench::new().await;
    bench.authority.caller(&bench.demo.gateway_token, None).await.unwrap();
    bench.failing.fails.store(true, Ordering::SeqCst);
    let answer = bench.ask(Ask::default()).await;
    assert_eq!((answer.status, answer.reasons[0].code.as_str()), (503, "store_unavailable"));
    assert!(answer.retry_after.is_some());
    bench.failing.fails.store(false, Ordering::SeqCst);
    assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow);
}

#[tokio::test]
async fn a_lease_carries_decisions_until_it_is_used_up_and_forgets_nothing() {
    let bench = Bench::new().await;
    let staging = bench.key("staging").to_owned();
    let ask = || Ask { credential: Some(&staging), environment: Some("staging"), ..Ask::default() };
    assert_eq!(bench.ask(ask()).await.decision, Outcome::Allow);
    bench.failing.fails.store(true, Ordering::SeqCst);
    let mut allowed = 1;
    loop {
        let answer = bench.ask(ask()).await;
        if answer.decision == Outcome::Deny {
            assert_eq!(answer.reasons[0].code, "store_unavailable");
            break;
        }
        allowed += 1;
    }
    assert_eq!(allowed, 50, "one lease");
    bench.failing.fails.store(false, Ordering::SeqCst);
    while bench.ask(ask()).await.decision == Outcome::Allow {
        allowed += 1;
    }
    assert_eq!(allowed, 1_000);
}

#[tokio::test]
async fn changes_are_refused_and_nothing_is_half_done() {
    let bench = Bench::new().await;
    let permit = bench.permit(actions::LIST).await;
    let before = bench.authority.list_keys(&permit, &Default::default()).await.unwrap().items.len();
    let issue = bench.permit(actions::ISSUE).await;
    bench.failing.fails.store(true, Ordering::SeqCst);
    let request = serde_json::from_str(r#"{"kind":"staging","name":"ci"}"#).unwrap();
    assert!(matches!(bench.authority.issue_key(&issue, request, None).await, Err(Error::StoreUnavailable)));
    bench.failing.fails.store(false, Ordering::SeqCst);
    assert_eq!(bench.authority.list_keys(&permit, &Default::default()).await.unwrap().items.len(), before);
}

#[tokio::test]
async fn what_can_not_be_believed_is_denied_and_nothing_is_asked() {
    let (bench, freshness) = Bench::shared(CATALOG).await;
    prove(&bench, &freshness, 1);
    assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow);
    let caller = bench.authority.caller(&bench.demo.operator_token, None).await.unwrap();
    let list = Target::workspace(bench.demo.workspace);
    bench.authority.require(&caller, actions::LIST, list.clone(), None).await.unwrap();
    bench.clock.advance(Duration::from_millis(999));
    assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow);
    let before = bench.store.stats();
    bench.clock.advance(Duration::from_millis(1));
    for secret in [&bench.demo.gateway_token, &bench.demo.operator_token, &bench.demo.keys["staging"]] {
        let Err(Error::Denied(answer)) = bench.authority.caller(secret, None).await else { panic!("identified") };
        assert_eq!((answer.status, answer.reasons[0].code.as_str()), (503, "store_unavailable"));
        assert_eq!(answer.retry_after, Some(1));
    }
    // Identified while it could be, and the head of its target can't be believed any more.
    let outcome = bench.authority.require(&caller, actions::LIST, list, None).await;
    assert!(matches!(outcome, Err(Error::StoreUnavailable)), "{outcome:?}");
    assert_eq!(bench.store.stats(), before);
    prove(&bench, &freshness, 1);
    assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow);
}

#[tokio::test]
async fn a_kind_may_go_on_for_a_stated_time_on_what_was_last_known() {
    let (bench, freshness) = Bench::shared(&catalog(30)).await;
    prove(&bench, &freshness, 1);
    let staging = || Ask { credential: Some(bench.key("staging")), environment: Some("staging"), ..Ask::default() };
    assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow);
    assert_eq!(bench.ask(staging()).await.decision, Outcome::Allow);
    bench.failing.fails.store(true, Ordering::SeqCst);
    bench.clock.advance(Duration::from_secs(20));
    // The lease has long ended, so that this host counts for itself.
    let mut allowed = 0;
    let last = loop {
        let answer = bench.ask(Ask::default()).await;
        if answer.decision == Outcome::Deny {
            break answer;
        }
        allowed += 1;
    };
    assert_eq!((last.status, allowed), (429, 9_999), "the whole limit, less what was used before");
    let answer = bench.ask(staging()).await;
    assert_eq!(answer.reasons[0].code, "store_unavailable", "a kind without such a rule");
    bench.clock.advance(Duration::from_secs(11));
    let refused = bench.authority.caller(&bench.demo.gateway_token, None).await;
    assert!(matches!(refused, Err(Error::Denied(answer)) if answer.status == 503), "the time is over");
    // What was used alone is told to the store when it is back.
    bench.failing.fails.store(false, Ordering::SeqCst);
    prove(&bench, &freshness, 1);
    assert_eq!(bench.ask(Ask::default()).await.status, 429);
    bench.clock.advance(Duration::from_secs(61));
    prove(&bench, &freshness, 1);
    assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow);
}

#[tokio::test]
async fn meters_run_on_the_stores_wall_time() {
    let (bench, freshness) = Bench::shared(CATALOG).await;
    prove(&bench, &freshness, 10_000);
    let ahead = bench.second_host().await;
    let ask = || Ask { credential: Some(bench.key("staging")), environment: Some("staging"), ..Ask::default() };
    let mut allowed = 0;
    while bench.ask(ask()).await.decision == Outcome::Allow {
        allowed += 1;
    }
    assert_eq!(allowed, 1_000);
    // The other host's clock is ahead by an hour, and the store says so: the window is the same one.
    bench.clock.advance(Duration::from_secs(3_600));
    freshness.set_skew_millis(-3_600_000);
    assert_eq!(bench.ask_at(&ahead, ask()).await.status, 429);
    freshness.set_skew_millis(0);
    assert_eq!(bench.ask_at(&ahead, ask()).await.decision, Outcome::Allow);
}

#[tokio::test]
async fn waiting_for_a_lease_does_not_outlast_what_is_believed() {
    let (bench, freshness) = Bench::shared(CATALOG).await;
    prove(&bench, &freshness, 1);
    bench.authority.caller(&bench.demo.gateway_token, None).await.unwrap();
    bench.failing.commit_takes.store(999, Ordering::SeqCst);
    assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow, "a lease in time");
    bench.clock.advance(Duration::from_secs(6));
    prove(&bench, &freshness, 1);
    bench.failing.commit_takes.store(1_000, Ordering::SeqCst);
    let late = bench.ask(Ask::default()).await;
    assert_eq!((late.status, late.reasons[0].code.as_str()), (503, "store_unavailable"));
    // The same of a key that manages.
    bench.failing.commit_takes.store(0, Ordering::SeqCst);
    prove(&bench, &freshness, 1);
    let target = || Target::workspace(bench.demo.workspace);
    bench.permit_of(&bench.demo.keys["production"], actions::LIST, target()).await.unwrap();
    bench.clock.advance(Duration::from_secs(6));
    prove(&bench, &freshness, 1);
    bench.failing.commit_takes.store(1_000, Ordering::SeqCst);
    let late = bench.permit_of(&bench.demo.keys["production"], actions::LIST, target()).await;
    assert!(matches!(late, Err(Error::StoreUnavailable)), "{late:?}");
}
