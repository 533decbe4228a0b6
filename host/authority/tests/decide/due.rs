//! Due work: done once, by one host, when its time has come.

use std::time::Duration;

use access_authority::audit::AuditFilter;
use access_authority::keys::{Change, KeyView, actions};
use access_authority::{Authority, IfMatch, PageRequest};
use access_model::Id;

use crate::bench::Bench;

const DAY: Duration = Duration::from_secs(86_400);

async fn issue(bench: &Bench, kind: &str) -> Id {
    let request = serde_json::from_str(&format!(r#"{{"kind":"{kind}","name":"ci"}}"#)).unwrap();
    bench.issue(request).await.shown.id
}

/// A tick for every shard's turn.
async fn work(hosts: &[&Authority]) {
    for _ in 0..4 {
        for host in hosts {
            host.tick().await;
        }
    }
}

/// What was recorded as ended, oldest first.
async fn ended(bench: &Bench) -> Vec<String> {
    let filter = AuditFilter { action: Some("keys.expire".into()), ..AuditFilter::default() };
    let permit = bench.permit("audit.list").await;
    let page = bench.authority.list_audit(&permit, &filter, &PageRequest::default()).await.unwrap();
    let system = page.items.iter().all(|item| item.record.actor.kind == "system" && item.record.actor.id.is_none());
    assert!(system);
    page.items.iter().rev().map(|item| item.record.target.clone()).collect()
}

#[tokio::test]
async fn a_key_that_ends_is_recorded_once_whoever_looks() {
    let bench = Bench::new().await;
    let other = bench.second_host().await;
    let lasting = issue(&bench, "read_only").await;
    let ending = issue(&bench, "staging").await;
    let revoked = issue(&bench, "staging").await;
    bench
        .authority
        .change_key(&bench.permit(actions::REVOKE).await, &revoked, Change::Revoke, &IfMatch::Any)
        .await
        .unwrap();
    bench.clock.advance(89 * DAY);
    work(&[&bench.authority, &other]).await;
    assert_eq!(ended(&bench).await, [""; 0]);
    bench.clock.advance(DAY);
    work(&[&bench.authority, &other]).await;
    work(&[&other, &bench.authority]).await;
    let recorded = ended(&bench).await;
    assert!(recorded.contains(&ending.to_string()), "{recorded:?}");
    assert!(!recorded.contains(&revoked.to_string()) && !recorded.contains(&lasting.to_string()), "{recorded:?}");
    // The demo's own staging key ends on the same day.
    assert_eq!(recorded.len(), 2);
}

#[tokio::test]
async fn a_rotation_moves_the_end() {
    let bench = Bench::new().await;
    let old = issue(&bench, "staging").await;
    bench.clock.advance(10 * DAY);
    let rotated = bench.rotate(&old, Some(3_600)).await;
    let successor: KeyView = rotated.shown;
    bench.clock.advance(Duration::from_secs(3_600));
    work(&[&bench.authority]).await;
    assert_eq!(ended(&bench).await, [old.to_string()]);
    bench.clock.advance(90 * DAY);
    work(&[&bench.authority]).await;
    let recorded = ended(&bench).await;
    assert_eq!(recorded.iter().filter(|target| **target == successor.id.to_string()).count(), 1);
    assert_eq!(recorded.iter().filter(|target| **target == old.to_string()).count(), 1);
}

#[tokio::test]
async fn a_dead_hosts_work_goes_to_another() {
    let bench = Bench::new().await;
    let other = bench.second_host().await;
    let first = issue(&bench, "staging").await;
    bench.clock.advance(90 * DAY);
    work(&[&bench.authority]).await;
    assert!(ended(&bench).await.contains(&first.to_string()));
    // It holds the lease and is heard of no more.
    let second = issue(&bench, "staging").await;
    bench.clock.advance(90 * DAY);
    work(&[&other]).await;
    assert!(ended(&bench).await.contains(&second.to_string()));
}

#[tokio::test]
async fn a_lease_keeps_others_off_while_it_lasts() {
    let bench = Bench::new().await;
    let other = bench.second_host().await;
    let request = |seconds: u64| {
        let end = access_model::Clock::now(bench.clock.as_ref()).plus(Duration::from_secs(seconds));
        serde_json::from_str(&format!(r#"{{"kind":"read_only","name":"ci","expires_at":"{end}"}}"#)).unwrap()
    };
    let permit = bench.permit(actions::ISSUE).await;
    let keys = [
        bench.authority.issue_key(&permit, request(5), None).await.unwrap().now().unwrap().shown.id.to_string(),
        bench.authority.issue_key(&permit, request(10), None).await.unwrap().now().unwrap().shown.id.to_string(),
    ];
    bench.clock.advance(Duration::from_secs(5));
    work(&[&bench.authority]).await;
    bench.clock.advance(Duration::from_secs(5));
    work(&[&other]).await;
    assert_eq!(ended(&bench).await, keys[..1], "the lease is the first host's");
    bench.clock.advance(Duration::from_secs(10));
    work(&[&other]).await;
    assert_eq!(ended(&bench).await, keys);
}
