//! Events: what people are told of, once each, and in which stages.

use std::time::Duration;

use access_authority::events::{ACTION_LIST, ACTION_LIST_ORGANIZATION, EventFilter, EventView};
use access_authority::keys::{Change, ClientSnoozeRequest, KeyView, SnoozeRequest, actions};
use access_authority::settings::{ACTION_UPDATE, SettingsUpdate};
use access_authority::webhooks::{self, MessageRequest, WebhookRequest, WebhookView};
use access_authority::{Authority, Error, IfMatch, OwnerChange, PageRequest, Target, oauth, workspaces};
use access_model::entropy::SeededEntropy;
use access_model::{Clock as _, Event, EventKind, Id, Message, PlainSecret};
use access_store::{Commit, IndexEntry, Put, Store as _};

use crate::bench::{Ask, Bench};

const DAY: Duration = Duration::from_secs(86_400);

/// A tick for every shard's turn, and for what those leave to the next.
async fn work(hosts: &[&Authority]) {
    for _ in 0..8 {
        for host in hosts {
            host.tick().await;
        }
    }
}

async fn issue(bench: &Bench, kind: &str) -> (Id, PlainSecret) {
    let scopes = r#"["jobs:read"]"#;
    let request = serde_json::from_str(&format!(r#"{{"kind":"{kind}","name":"ci","scopes":{scopes}}}"#)).unwrap();
    let issued = bench.issue(request).await;
    (issued.shown.id, issued.secret)
}

async fn listed(bench: &Bench, event: Option<&str>) -> Vec<EventView> {
    let filter = EventFilter { event: event.map(str::to_owned), severity: None };
    let (mut events, mut cursor) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: Some(3), cursor };
        let page = bench.authority.list_events(&bench.permit(ACTION_LIST).await, &filter, &page).await.unwrap();
        assert!(page.items.len() <= 3);
        events.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return events;
        }
    }
}

/// What was told of something, oldest first: the event, and its stage.
async fn told(bench: &Bench, target: &Id) -> Vec<String> {
    let events = listed(bench, None).await;
    let of_target = events.iter().rev().filter(|event| event.target == target.to_string());
    of_target
        .map(|event| format!("{} {}", event.event, event.stage.as_deref().unwrap_or("")).trim().to_owned())
        .collect()
}

async fn key(bench: &Bench, id: &Id) -> KeyView {
    bench.authority.get_key(&bench.permit(actions::GET).await, id).await.unwrap().shown
}

async fn change(bench: &Bench, id: &Id, change: Change) {
    let permit = bench.permit(change.action()).await;
    bench.authority.change_key(&permit, id, change, &IfMatch::Any).await.unwrap();
}

/// A request with the key that a secret is of.
async fn ask(bench: &Bench, secret: &PlainSecret, environment: &str) -> u16 {
    let ask = Ask { credential: Some(secret.expose()), environment: Some(environment), ..Ask::default() };
    bench.ask(ask).await.status
}

async fn snooze(bench: &Bench, id: &Id, event: &str, days: u32) {
    let request = SnoozeRequest {
        event: event.to_owned(),
        days: Some(days),
        until: None,
        reason: "moves away in March".to_owned(),
    };
    bench.authority.snooze_key(&bench.permit(actions::SNOOZE).await, id, &request).await.unwrap();
}

#[tokio::test]
async fn rotation_is_reminded_of_in_stages_each_once_whoever_looks() {
    let bench = Bench::new().await;
    let other = bench.second_host().await;
    let (id, secret) = issue(&bench, "production").await;
    let mut expected = vec!["key.issued".to_owned()];
    for day in 1..=105 {
        bench.clock.advance(DAY);
        // Used, so that nothing is said of inactivity.
        assert_eq!(ask(&bench, &secret, "production").await, 200);
        work(&[&bench.authority, &other]).await;
        if [76, 83, 90, 97, 104].contains(&day) {
            expected.push(format!("key.rotation_due {day}"));
        }
        // What is older than ninety days is not told any more.
        if day == 90 {
            expected.remove(0);
        }
        assert_eq!(told(&bench, &id).await, expected, "on day {day}");
    }
}

#[tokio::test]
async fn an_end_is_reminded_of_and_told() {
    let bench = Bench::new().await;
    let (id, secret) = issue(&bench, "staging").await;
    let mut expected = vec!["key.issued".to_owned()];
    for day in 1..=89 {
        bench.clock.advance(DAY);
        assert_eq!(ask(&bench, &secret, "staging").await, 200);
        work(&[&bench.authority]).await;
        expected.extend([76, 87, 89].contains(&day).then(|| format!("key.expiring {}", 90 - day)));
        assert_eq!(told(&bench, &id).await, expected, "on day {day}");
    }
    bench.clock.advance(DAY);
    work(&[&bench.authority]).await;
    assert_eq!(told(&bench, &id).await[1..], ["key.expiring 3", "key.expiring 1", "key.expired"]);
    bench.clock.advance(30 * DAY);
    work(&[&bench.authority]).await;
    assert_eq!(told(&bench, &id).await.last().unwrap(), "key.expired", "and nothing is said of what has ended");
}

#[tokio::test]
async fn of_several_stages_that_are_due_the_latest_is_told() {
    let bench = Bench::new().await;
    let (id, secret) = issue(&bench, "production").await;
    bench.clock.advance(84 * DAY);
    ask(&bench, &secret, "production").await;
    work(&[&bench.authority]).await;
    assert_eq!(told(&bench, &id).await, ["key.issued", "key.rotation_due 83"]);
    bench.clock.advance(50 * DAY);
    ask(&bench, &secret, "production").await;
    work(&[&bench.authority]).await;
    assert_eq!(told(&bench, &id).await, ["key.rotation_due 83", "key.rotation_due 132"]);
}

#[tokio::test]
async fn what_was_rotated_revoked_or_switched_off_is_not_reminded_of() {
    let bench = Bench::new().await;
    let [(rotated, _), (revoked, _), (disabled, _)] =
        [issue(&bench, "production").await, issue(&bench, "production").await, issue(&bench, "production").await];
    bench.clock.advance(DAY);
    let successor = bench.rotate(&rotated, Some(3_600)).await.shown.id;
    change(&bench, &revoked, Change::Revoke).await;
    change(&bench, &disabled, Change::Disable).await;
    bench.clock.advance(76 * DAY);
    work(&[&bench.authority]).await;
    assert_eq!(told(&bench, &rotated).await, ["key.issued", "key.rotated", "key.overlap_ended"]);
    assert_eq!(told(&bench, &revoked).await, ["key.issued", "key.revoked"]);
    assert_eq!(told(&bench, &disabled).await, ["key.issued", "key.disabled"]);
    assert!(told(&bench, &successor).await.contains(&"key.rotation_due 76".to_owned()));
    change(&bench, &disabled, Change::Enable).await;
    bench.clock.advance(6 * DAY);
    work(&[&bench.authority]).await;
    assert_eq!(told(&bench, &disabled).await[2..], ["key.enabled", "key.rotation_due 83"]);
}

#[tokio::test]
async fn nobody_comes_with_a_key_for_two_weeks_and_it_is_inactive_until_somebody_does() {
    let bench = Bench::new().await;
    let other = bench.second_host().await;
    let (id, secret) = issue(&bench, "production").await;
    bench.clock.advance(13 * DAY);
    assert_eq!(ask(&bench, &secret, "production").await, 200);
    work(&[&bench.authority, &other]).await;
    let used = bench.clock.now();
    bench.clock.advance(14 * DAY - Duration::from_secs(1));
    work(&[&bench.authority, &other]).await;
    assert_eq!(key(&bench, &id).await.inactive_since, None);
    bench.clock.advance(Duration::from_secs(1));
    work(&[&bench.authority, &other]).await;
    work(&[&other, &bench.authority]).await;
    assert_eq!(key(&bench, &id).await.inactive_since, Some(used.plus(14 * DAY)));
    assert_eq!(told(&bench, &id).await, ["key.issued", "key.inactive"]);
    let events = listed(&bench, Some("key.inactive")).await;
    let event = events.iter().find(|event| event.target == id.to_string()).unwrap();
    assert_eq!(event.data["last_used_at"], used.to_string());
    // A wrong secret with its id is no use of it; a denied request is.
    let wrong = PlainSecret::new(format!("{}x", secret.expose()));
    assert_eq!(ask(&bench, &wrong, "production").await, 401);
    work(&[&bench.authority]).await;
    assert!(key(&bench, &id).await.inactive_since.is_some());
    let denied = Ask { credential: Some(secret.expose()), method: Some("POST"), ..Ask::default() };
    assert_eq!(bench.ask(denied).await.status, 403);
    bench.authority.tick().await;
    let shown = key(&bench, &id).await;
    assert_eq!((shown.inactive_since, shown.last_used_at), (None, Some(bench.clock.now())));
    bench.clock.advance(14 * DAY);
    work(&[&bench.authority]).await;
    assert_eq!(told(&bench, &id).await, ["key.issued", "key.inactive", "key.inactive"]);
}

#[tokio::test]
async fn a_secret_of_a_key_that_has_ended_is_no_use() {
    let bench = Bench::new().await;
    let (id, secret) = issue(&bench, "production").await;
    assert_eq!(ask(&bench, &secret, "production").await, 200);
    work(&[&bench.authority]).await;
    let before = key(&bench, &id).await.last_used_at;
    bench.clock.advance(DAY);
    change(&bench, &id, Change::Disable).await;
    assert_eq!(ask(&bench, &secret, "production").await, 401);
    work(&[&bench.authority]).await;
    assert_eq!(key(&bench, &id).await.last_used_at, before);
}

#[tokio::test]
async fn a_client_is_inactive_likewise() {
    let bench = Bench::new().await;
    let organization = bench.demo.organization;
    let told = async || {
        let caller = bench.operator().await;
        let target = Target::organization(organization);
        let permit = bench.authority.require(&caller, ACTION_LIST_ORGANIZATION, target, None).await.unwrap();
        let filter = EventFilter { event: Some("client.*".to_owned()), severity: None };
        let page = bench.authority.list_organization_events(&permit, &filter, &PageRequest::default()).await.unwrap();
        page.items.into_iter().map(|event| event.event).collect::<Vec<_>>()
    };
    assert_eq!(told().await, ["client.registered"]);
    let client = bench.demo.client.as_ref().unwrap().0;
    let snooze = async |days: Option<u32>, until: Option<String>| {
        let caller = bench.operator().await;
        let target = Target::client(organization, &client);
        let permit = bench.authority.require(&caller, oauth::actions::SNOOZE, target, None).await.unwrap();
        let request = ClientSnoozeRequest { days, until, reason: "runs once a quarter".to_owned() };
        bench.authority.snooze_client(&permit, &client, request).await
    };
    let until = |days: u32| Some(bench.clock.now().plus(days * DAY).to_string());
    for (days, until) in [(None, None), (Some(3), until(3)), (Some(91), None), (None, until(91)), (None, until(0))] {
        assert!(snooze(days, until.clone()).await.is_err(), "{days:?} {until:?}");
    }
    snooze(None, until(20)).await.unwrap();
    bench.clock.advance(19 * DAY);
    work(&[&bench.authority]).await;
    assert_eq!(told().await, ["client.registered"], "it is snoozed");
    bench.clock.advance(DAY);
    work(&[&bench.authority]).await;
    assert_eq!(told().await, ["client.inactive", "client.registered"]);
}

#[tokio::test]
async fn where_a_workspace_wants_it_what_is_inactive_is_switched_off() {
    let bench = Bench::new().await;
    let (id, secret) = issue(&bench, "production").await;
    let update = SettingsUpdate { disable_inactive_keys: Some(Some(true)), ..SettingsUpdate::default() };
    bench.authority.update_settings(&bench.permit(ACTION_UPDATE).await, &update, &IfMatch::Any).await.unwrap();
    bench.clock.advance(14 * DAY);
    work(&[&bench.authority]).await;
    let shown = key(&bench, &id).await;
    assert_eq!((shown.state, shown.inactive_since.is_some()), ("disabled", true));
    assert_eq!(ask(&bench, &secret, "production").await, 401);
    let mut events = told(&bench, &id).await;
    events.sort();
    assert_eq!(events, ["key.disabled", "key.inactive", "key.issued"]);
    change(&bench, &id, Change::Enable).await;
    assert_eq!(key(&bench, &id).await.inactive_since, None);
    bench.clock.advance(13 * DAY);
    work(&[&bench.authority]).await;
    assert_eq!(key(&bench, &id).await.state, "active", "it has its whole time again");
}

#[tokio::test]
async fn a_reminder_that_is_snoozed_is_not_created() {
    let bench = Bench::new().await;
    let (id, secret) = issue(&bench, "production").await;
    bench.clock.advance(70 * DAY);
    ask(&bench, &secret, "production").await;
    work(&[&bench.authority]).await;
    snooze(&bench, &id, "key.rotation_due", 14).await;
    snooze(&bench, &id, "key.inactive", 20).await;
    for days in [6, 7, 6] {
        bench.clock.advance(days * DAY);
        work(&[&bench.authority]).await;
    }
    assert_eq!(told(&bench, &id).await, ["key.issued"], "on day 89, after 19 without use");
    bench.clock.advance(DAY);
    work(&[&bench.authority]).await;
    let mut events = told(&bench, &id).await;
    events.sort();
    assert_eq!(events, ["key.inactive", "key.rotation_due 90"]);
}

#[tokio::test]
async fn keys_from_before_there_was_due_work_are_scheduled_once() {
    let bench = Bench::new().await;
    let (id, _) = issue(&bench, "production").await;
    let (flagged, _) = issue(&bench, "production").await;
    bench.clock.advance(14 * DAY);
    work(&[&bench.authority]).await;
    assert_eq!(told(&bench, &flagged).await, ["key.issued", "key.inactive"]);
    let told_before = told(&bench, &id).await;
    // As an older release left it: nothing in the index is of any key.
    let mut older = Commit::new(id.home());
    for work in ["key-rotation", "key-expiring", "key-expiry", "inactivity"] {
        older.index_deletes.extend([id, flagged].map(|id| ("due".to_owned(), format!("{work}/{id}"))));
    }
    bench.store.commit(older).await.unwrap();
    let other = bench.second_host().await;
    assert!(bench.authority.fill_due().await.unwrap());
    let before = bench.failing.calls();
    assert!(other.fill_due().await.unwrap(), "whoever comes later finds it done");
    let after = bench.failing.calls();
    assert_eq!((after.0 - before.0, after.1 - before.1), (1, 0), "a read, and no commit");
    work(&[&bench.authority]).await;
    assert_eq!(told(&bench, &id).await, told_before, "nothing is told twice");
    bench.clock.advance(62 * DAY);
    work(&[&bench.authority, &other]).await;
    for id in [id, flagged] {
        assert_eq!(told(&bench, &id).await, ["key.issued", "key.inactive", "key.rotation_due 76"]);
    }
}

#[tokio::test]
async fn what_a_key_did_not_need_is_suggested() {
    let bench = Bench::new().await;
    let request = serde_json::json!({
        "kind": "production", "name": "ci", "scopes": ["jobs:read", "jobs:write", "keys:read"],
        "ip_allow": ["203.0.113.0/24", "198.51.100.0/24"],
    });
    let issued = bench.issue(serde_json::from_value(request).unwrap()).await;
    let (id, secret) = (issued.shown.id, issued.secret);
    let suggested = async || {
        bench.authority.tick().await;
        let view = bench.authority.suggest_for_key(&bench.permit(actions::GET).await, &id).await.unwrap();
        (view.unused_scopes, view.unused_networks)
    };
    assert_eq!(ask(&bench, &secret, "production").await, 200);
    // Denied: what it asks for was not needed.
    let denied =
        Ask { credential: Some(secret.expose()), method: Some("POST"), ip: Some("192.0.2.1"), ..Ask::default() };
    assert_eq!(bench.ask(denied).await.status, 403);
    let expected = || (vec!["jobs:write".to_owned(), "keys:read".to_owned()], vec!["198.51.100.0/24".to_owned()]);
    assert_eq!(suggested().await, expected());
    // Managing with it is use as well.
    bench.permit_of(&secret, actions::LIST, Target::workspace(bench.demo.workspace)).await.unwrap();
    assert_eq!(suggested().await.0, ["jobs:write"]);
    bench.clock.advance(31 * DAY);
    assert_eq!(suggested().await.0.len(), 3, "it is long ago");
}

#[tokio::test]
async fn what_is_told_is_in_the_catalogue_and_leaves_the_outbox() {
    let bench = Bench::new().await;
    issue(&bench, "production").await;
    work(&[&bench.authority]).await;
    let events = listed(&bench, None).await;
    assert!(events.iter().all(|event| EventKind::named(&event.event).is_some()) && !events.is_empty());
    // Nothing is due any more: a turn of every shard is a read each, and no commit.
    let before = bench.failing.calls();
    for _ in 0..4 {
        bench.authority.tick().await;
    }
    let after = bench.failing.calls();
    assert_eq!((after.0 - before.0, after.1 - before.1), (16, 0));
}

#[tokio::test]
async fn a_turn_costs_what_is_due_and_not_what_there_is() {
    let mut costs = Vec::new();
    for keys in [10, 1_000] {
        let bench = Bench::new().await;
        for _ in 0..keys {
            issue(&bench, "production").await;
        }
        for _ in 0..12 {
            work(&[&bench.authority]).await;
        }
        let before = bench.failing.calls();
        for _ in 0..4 {
            bench.authority.tick().await;
        }
        let after = bench.failing.calls();
        costs.push((after.0 - before.0, after.1 - before.1));
    }
    assert_eq!(costs, [(16, 0), (16, 0)]);
}

/// An endpoint that is told of everything. Nobody delivers here.
async fn endpoint(bench: &Bench) -> WebhookView {
    let request = WebhookRequest {
        url: "https://receiver.invalid/hooks".to_owned(),
        events: vec!["*".to_owned()],
        organization_events: false,
        description: None,
    };
    let permit = bench.permit(webhooks::actions::CREATE).await;
    bench.authority.create_webhook(&permit, request, None).await.unwrap().now().unwrap().shown
}

/// What an endpoint is told of an event with this much data, as it is sent.
async fn sent_of(bench: &Bench, webhook: &Id, seed: &str, data: &str) -> serde_json::Value {
    let (home, now) = (bench.demo.organization.home(), bench.clock.now());
    let owners = (bench.demo.organization, Some(bench.demo.workspace));
    let event = Event::new(EventKind::NetworkChanged, owners, "target", now, &SeededEntropy::new(seed.as_bytes()));
    let event = event.unwrap().with(serde_json::json!({ "text": data }));
    let key = format!("event/{}", event.id);
    let mut commit = Commit::new(home);
    commit.puts.push(Put::new(key.clone(), serde_json::to_vec(&event).unwrap().into()));
    commit.index_puts.push(("due".to_owned(), IndexEntry { score: now.as_millis(), member: key }));
    bench.store.commit(commit).await.unwrap();
    work(&[&bench.authority]).await;
    let permit = bench.permit(webhooks::actions::LIST_DELIVERIES).await;
    let page = PageRequest { limit: Some(1), cursor: None };
    let delivery = bench.authority.list_deliveries(&permit, webhook, &page).await.unwrap().items.remove(0);
    let record = bench.store.read(home, &[format!("message/{}", delivery.message)]).await.unwrap().remove(0).unwrap();
    let message: Message = serde_json::from_slice(&record.value).unwrap();
    assert!(message.body.len() <= 64 * 1024);
    let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(body["type"], "network.changed");
    assert_eq!(
        (&body["data"]["id"], &body["data"]["target"]),
        (&serde_json::json!(event.id), &serde_json::json!("target"))
    );
    body["data"]["data"].clone()
}

#[tokio::test]
async fn an_event_that_is_too_large_is_told_without_its_data() {
    let bench = Bench::new().await;
    work(&[&bench.authority]).await;
    let webhook = endpoint(&bench).await.id;
    assert_eq!(sent_of(&bench, &webhook, "small", "x").await, serde_json::json!({ "text": "x" }));
    bench.clock.advance(Duration::from_secs(1));
    let large = "x".repeat(70_000);
    assert_eq!(sent_of(&bench, &webhook, "large", &large).await, serde_json::json!({ "truncated": true }));
}

#[tokio::test]
async fn nobody_else_tells_what_the_host_tells() {
    let bench = Bench::new().await;
    endpoint(&bench).await;
    let send = async |kind: &str| {
        let permit = bench.permit(webhooks::actions::SEND).await;
        let request = MessageRequest { kind: kind.to_owned(), payload: serde_json::Map::new() };
        bench.authority.send_message(&permit, request, None).await
    };
    for kind in EventKind::ALL.map(EventKind::name).into_iter().chain(["webhook.test"]) {
        let refused = send(kind).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "type", .. })), "{kind}");
    }
    for kind in ["job.finished", "key", "key.leaked.again"] {
        assert!(send(kind).await.is_ok(), "{kind}");
    }
}

#[tokio::test]
async fn nobody_is_reminded_of_what_is_archived() {
    let bench = Bench::new().await;
    let (id, _) = issue(&bench, "production").await;
    let permit = bench.permit(workspaces::actions::ARCHIVE).await;
    bench.authority.change_workspace(&permit, OwnerChange::Archive).await.unwrap();
    for days in [14, 62, 8] {
        bench.clock.advance(days * DAY);
        work(&[&bench.authority]).await;
    }
    assert_eq!(told(&bench, &id).await, ["key.issued"]);
}
