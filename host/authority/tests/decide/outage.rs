//! The store is out of reach: what is cached and leased goes on, everything else is denied, nothing errs.

use std::sync::atomic::Ordering;

use access_authority::keys::actions;
use access_authority::{Error, Outcome};

use crate::bench::{Ask, Bench};

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
    assert!(matches!(bench.authority.issue_key(&issue, request).await, Err(Error::StoreUnavailable)));
    bench.failing.fails.store(false, Ordering::SeqCst);
    assert_eq!(bench.authority.list_keys(&permit, &Default::default()).await.unwrap().items.len(), before);
}
