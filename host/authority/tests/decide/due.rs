//! Due work: done once, by one host, when its time has come.

use std::time::Duration;

use access_authority::audit::AuditFilter;
use access_authority::keys::{Change, KeyView, actions};
use access_authority::{Authority, IfMatch, PageRequest};
use access_model::entropy::SeededEntropy;
use access_model::{Clock as _, Event, EventKind, Id, IdKind, Shard};
use access_store::{Commit, IndexEntry, Put, Range, Store as _};

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

/// What stands in a shard's index of due work, with the time of each.
async fn due(bench: &Bench, shard: Shard) -> Vec<IndexEntry> {
    let range = Range { index: "due".to_owned(), after: None, up_to: None, descending: false, limit: 10_000 };
    bench.store.range(shard, range).await.unwrap()
}

#[tokio::test]
async fn what_can_not_be_done_stands_in_nobodys_way_and_is_not_lost() {
    let bench = Bench::new().await;
    work(&[&bench.authority]).await;
    let (shard, now) = (bench.demo.organization.home(), bench.clock.now());
    let mut commit = Commit::new(shard);
    let mut put = |member: String, score: i64| {
        commit.index_puts.push(("due".to_owned(), IndexEntry { score, member }));
    };
    // More than a turn reads: of a newer host, and about what can't be read.
    let mut stuck = Vec::new();
    let mut broken = Vec::new();
    for number in 0..600 {
        let seed = format!("event {number}");
        let event = Id::draw(IdKind::Event, shard, &SeededEntropy::new(seed.as_bytes())).unwrap();
        stuck.extend([format!("newer/{number}"), format!("event/{event}")]);
        broken.push(format!("event/{event}"));
    }
    for member in &stuck {
        put(member.clone(), now.as_millis() - 1_000);
    }
    // Another organization's, behind all of these.
    let other = Id::draw(IdKind::Organization, shard, &SeededEntropy::new(b"other")).unwrap();
    let event = Event::once(EventKind::KeyIssued, (other, None), "key", "once", now).unwrap();
    put(format!("event/{}", event.id), now.as_millis());
    commit.puts.extend(broken.into_iter().map(|key| Put::new(key, "no event".to_owned().into())));
    commit.puts.push(Put::new(format!("event/{}", event.id), serde_json::to_vec(&event).unwrap().into()));
    bench.store.commit(commit).await.unwrap();
    work(&[&bench.authority]).await;
    work(&[&bench.authority]).await;
    let left = due(&bench, shard).await;
    assert!(!left.iter().any(|entry| entry.member == format!("event/{}", event.id)), "the other's is done");
    let postponed = |entry: &&IndexEntry| stuck.contains(&entry.member) && entry.score > now.as_millis();
    assert_eq!(left.iter().filter(postponed).count(), stuck.len(), "and theirs waits");
}
