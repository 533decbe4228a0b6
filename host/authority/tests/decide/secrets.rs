//! Keys that everything sealed hangs on come and go while secrets are used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use access_authority::lifecycle::root_key::RootKey;
use access_authority::secrets::{RekeyRequest, RetireRequest, actions};
use access_authority::{Error, Outcome, Target};
use access_model::entropy::SystemEntropy;
use access_model::{Clock as _, Shard};
use access_outbound::Keepers;
use access_outbound::secrets::Aws;

use crate::bench::{Ask, Bench, CATALOG};

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

#[tokio::test]
async fn a_root_key_that_a_host_was_started_with_is_taken_for_lost_by_no_other() {
    let (bench, freshness) = Bench::shared(CATALOG).await;
    let until = bench.clock.monotonic() + Duration::from_secs(3_600);
    (0..16).for_each(|shard| freshness.prove(Shard::new(shard).unwrap(), 1, until));
    let keepers = Keepers::new(None, Aws::default(), BTreeMap::new(), None, |_| None);
    let host = Arc::into_inner(bench.real_host().await).unwrap().with_keepers(keepers);
    let dir = tempfile::tempdir().unwrap();
    let [first, _] = ["first", "second"].map(|name| RootKey::create(&dir.path().join(name), &SystemEntropy).unwrap());
    let rekey = async |name: &str| {
        let caller = host.caller(&bench.demo.operator_token, None).await.unwrap();
        let permit = host.require(&caller, actions::REKEY, Target::platform(), None).await.unwrap();
        let root_key = format!("file:{}", dir.path().join(name).display());
        host.begin_rekey(&permit, RekeyRequest { root_key }).await
    };
    rekey("first").await.unwrap();
    let renewed = bench.real_host_under(&first).await;
    renewed.tick().await;
    let refused = rekey("second").await.unwrap_err();
    assert!(matches!(&refused, Error::Conflict(why) if why.contains("hosts were started with that")), "{refused:?}");
    rekey("first").await.unwrap();
    renewed.shut_down().await;
    rekey("second").await.unwrap();
}
