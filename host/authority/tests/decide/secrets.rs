//! Peppers come and go while secrets are used.

use access_authority::secrets::{RetireRequest, actions};
use access_authority::{Outcome, Target};

use crate::bench::{Ask, Bench};

#[tokio::test]
async fn a_digest_that_was_noted_under_a_pepper_that_ended_is_not_put() {
    let bench = Bench::new().await;
    let host = bench.real_host().await;
    let permit = async || {
        let caller = host.caller(&bench.demo.operator_token, None).await.unwrap();
        host.require(&caller, actions::PEPPERS, Target::platform(), None).await.unwrap()
    };
    host.rotate_pepper(&permit().await).await.unwrap();
    // Noted under the second pepper, and put by nobody before there is a third.
    assert_eq!(bench.ask_at(&host, Ask::default()).await.decision, Outcome::Allow);
    host.rotate_pepper(&permit().await).await.unwrap();
    let retire = RetireRequest { pepper: 2, force: true, cursor: None };
    assert!(host.retire_pepper(&permit().await, &retire).await.unwrap().retired);
    for _ in 0..2 {
        host.tick().await;
        assert_eq!(bench.ask_at(&host, Ask::default()).await.decision, Outcome::Allow);
    }
    let fresh = bench.real_host().await;
    assert_eq!(bench.ask_at(&fresh, Ask::default()).await.decision, Outcome::Allow);
}
