//! What goes out by itself, mails and deliveries: what errs, and whoever has many, stands in nobody's way.

use std::sync::Arc;
use std::time::Duration;

use access_authority::Authority;
use access_authority::mail::Mailer;
use access_model::entropy::SeededEntropy;
use access_model::{Clock as _, Id, IdKind, Mail, PlainSecret, Shard};
use access_outbound::{Relay, Rules};
use access_store::{Commit, IndexEntry, Put, Range, Store as _};

use crate::bench::Bench;

const MAILS: &str = "mails-due";
const DELIVERIES: &str = "deliveries-due";

/// A host that carries mails and deliveries, and its shard in which there is nothing yet.
async fn host(bench: &Bench) -> (Arc<Authority>, Shard) {
    let relay = PlainSecret::new("smtp://127.0.0.1:1".to_owned());
    let relay = Relay::new(&relay, "access@example.com", &Rules::default()).unwrap();
    let host = Arc::into_inner(bench.second_host().await).unwrap();
    let host = Arc::new(host.with_mailer(Some(Mailer::new(relay, "http://127.0.0.1".to_owned()))));
    tokio::spawn(Arc::clone(&host).carry_mails());
    tokio::spawn(Arc::clone(&host).deliver());
    let of_demo = bench.demo.organization.home();
    let shard = (1..16).filter_map(Shard::new).find(|shard| *shard != of_demo).unwrap();
    (host, shard)
}

fn id(kind: IdKind, shard: Shard, number: usize) -> Id {
    Id::draw(kind, shard, &SeededEntropy::new(number.to_string().as_bytes())).unwrap()
}

/// A tick for every shard's turn, and all that follows from it.
async fn work(host: &Authority) {
    for _ in 0..4 {
        host.tick().await;
    }
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Has something looked at in an index, and the index itself.
fn put(commit: &mut Commit, index: &str, member: &str, score: i64) {
    commit.index_puts.push((index.to_owned(), IndexEntry { score, member: member.to_owned() }));
    let due = if index == MAILS { "mails/due" } else { "deliveries/due" };
    commit.index_puts.push(("due".to_owned(), IndexEntry { score, member: due.to_owned() }));
}

/// When something is due in an index; none: it is not there.
async fn due_at(bench: &Bench, shard: Shard, index: &str, member: &str) -> Option<i64> {
    let range = Range { index: index.to_owned(), after: None, up_to: None, descending: false, limit: 10_000 };
    let entries = bench.store.range(shard, range).await.unwrap();
    entries.into_iter().find(|entry| entry.member == member).map(|entry| entry.score)
}

#[tokio::test]
async fn what_errs_is_tried_again_later_and_not_at_once() {
    let bench = Bench::new().await;
    let (host, shard) = host(&bench).await;
    let (mail, delivery) = (id(IdKind::Event, shard, 1), id(IdKind::Delivery, shard, 1));
    let mail_to = format!("{mail}/{}", id(IdKind::Member, shard, 1));
    let delivery_to = format!("{}/{delivery}", id(IdKind::Webhook, shard, 1));
    let broken = [format!("mail/{mail_to}"), format!("delivery/{delivery}")];
    let now = bench.clock.now().as_millis();
    let mut commit = Commit::new(shard);
    commit.puts.extend(broken.iter().map(|key| Put::new(key.clone(), "unreadable".to_owned().into())));
    put(&mut commit, MAILS, &mail_to, now);
    put(&mut commit, DELIVERIES, &delivery_to, now);
    bench.store.commit(commit).await.unwrap();
    let due =
        async || [due_at(&bench, shard, MAILS, &mail_to).await, due_at(&bench, shard, DELIVERIES, &delivery_to).await];
    for minutes in [1, 2] {
        work(&host).await;
        assert_eq!(due().await, [Some(now + minutes * 60_000); 2]);
        bench.clock.advance(Duration::from_secs(60));
    }
    let mut commit = Commit::new(shard);
    commit.deletes.extend(broken);
    bench.store.commit(commit).await.unwrap();
    work(&host).await;
    assert_eq!(due().await, [None; 2], "there is nothing any more that is to be sent");
}

#[tokio::test]
async fn what_is_looked_at_too_soon_is_put_where_it_belongs() {
    let bench = Bench::new().await;
    let (host, shard) = host(&bench).await;
    let (event, member) = (id(IdKind::Event, shard, 1), id(IdKind::Member, shard, 1));
    let (now, entry) = (bench.clock.now(), format!("{event}/{member}"));
    let next_at = now.plus(Duration::from_secs(3_600));
    let mail = Mail { next_at, ..Mail::new(event, member, now) };
    let mut commit = Commit::new(shard);
    commit.puts.push(Put::new(format!("mail/{entry}"), serde_json::to_vec(&mail).unwrap().into()));
    put(&mut commit, MAILS, &entry, now.as_millis());
    bench.store.commit(commit).await.unwrap();
    work(&host).await;
    assert_eq!(due_at(&bench, shard, MAILS, &entry).await, Some(next_at.as_millis()));
}

#[tokio::test]
async fn however_many_mails_an_organization_has_others_get_theirs() {
    let bench = Bench::new().await;
    let (host, shard) = host(&bench).await;
    // As long as nobody knows whose an event is, it counts as an organization's own.
    let (many, other) = (id(IdKind::Event, shard, 1), id(IdKind::Event, shard, 2));
    bench.failing.hangs_at.set(format!("mail/{many}")).unwrap();
    let now = bench.clock.now().as_millis();
    let mut commit = Commit::new(shard);
    for number in 0..1_500 {
        put(&mut commit, MAILS, &format!("{many}/{}", id(IdKind::Member, shard, number)), now - 1);
    }
    let others = format!("{other}/{}", id(IdKind::Member, shard, 1));
    put(&mut commit, MAILS, &others, now);
    bench.store.commit(commit).await.unwrap();
    work(&host).await;
    assert_eq!(due_at(&bench, shard, MAILS, &others).await, Some(now), "more stand before it than one look sees");
    bench.clock.advance(Duration::from_secs(1));
    work(&host).await;
    assert_eq!(due_at(&bench, shard, MAILS, &others).await, None);
}
