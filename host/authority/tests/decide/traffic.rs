//! Traffic: heard by hour, reason and address, over all hosts; and what another allow-list would have done to it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use access_authority::keys::{Change, KeyRequest, actions};
use access_authority::network::{self, NetworkUpdate};
use access_authority::traffic::{ACTION_GET, ACTION_PREVIEW, PreviewRequest, PreviewView, TrafficRequest, TrafficView};
use access_authority::{Error, IfMatch, Target};
use access_model::PlainSecret;
use serde_json::json;

use crate::bench::{Ask, Bench};

const HOUR: Duration = Duration::from_secs(3_600);

impl Bench {
    async fn traffic(&self, days: Option<u32>) -> TrafficView {
        let permit = self.permit(ACTION_GET).await;
        self.authority.get_traffic(&permit, &TrafficRequest { days }).await.unwrap()
    }

    async fn preview(&self, ip_allow: Option<&[&str]>) -> PreviewView {
        let permit = self.permit(ACTION_PREVIEW).await;
        self.authority.preview_network(&permit, &list(ip_allow)).await.unwrap()
    }

    async fn allow(&self, ip_allow: Option<&[&str]>) {
        let ip_allow = ip_allow.map(|list| list.iter().map(|network| (*network).to_owned()).collect());
        let update = NetworkUpdate { ip_allow: Some(ip_allow), egress_allow: None };
        let permit = self.permit(network::ACTION_UPDATE).await;
        self.authority.update_network(&permit, &update, &IfMatch::Any).await.unwrap();
    }

    async fn ask_from(&self, ip: Option<&str>, times: u32) {
        for _ in 0..times {
            self.ask(Ask { ip, ..Ask::default() }).await;
        }
    }
}

fn list(ip_allow: Option<&[&str]>) -> PreviewRequest {
    serde_json::from_value(json!({ "ip_allow": ip_allow })).unwrap()
}

fn clients(view: &TrafficView) -> Vec<(&str, u64, u64)> {
    view.clients.iter().map(|client| (client.network.as_str(), client.allowed, client.denied)).collect()
}

#[tokio::test]
async fn traffic_adds_up_by_hour_reason_and_address_over_all_hosts() {
    let bench = Bench::new().await;
    let other = bench.second_host().await;
    bench.ask_from(Some("203.0.113.7"), 3).await;
    bench.ask_at(&other, Ask { ip: Some("2001:DB8::7"), ..Ask::default() }).await;
    bench.ask_from(None, 1).await;
    bench.ask(Ask { environment: None, ..Ask::default() }).await;
    bench.ask(Ask { method: Some("POST"), path: Some("/v1/nowhere"), ..Ask::default() }).await;
    bench.ask(Ask { credential: Some("cf_prod_nonsense"), ..Ask::default() }).await;
    assert!(bench.traffic(None).await.hours.is_empty(), "it is told each second");
    bench.authority.tick().await;
    other.tick().await;
    let view = bench.traffic(None).await;
    assert_eq!(
        serde_json::to_value(&view.hours).unwrap(),
        json!([{
            "at": "2026-01-01T00:00:00.000Z", "allowed": 5,
            "denied": { "environment_missing": 1, "unknown_action": 1 },
        }])
    );
    assert_eq!(clients(&view), [("203.0.113.7/32", 3, 2), ("2001:db8::7/128", 1, 0)]);
    assert_eq!((view.unstated, view.elsewhere, view.total.allowed), (1, 0, 5));

    bench.clock.advance(2 * HOUR);
    bench.ask_from(Some("203.0.113.7"), 1).await;
    bench.authority.shut_down().await;
    let view = bench.traffic(Some(1)).await;
    let hours: Vec<_> = view.hours.iter().map(|hour| (hour.at.to_string(), hour.counts.allowed)).collect();
    assert_eq!(hours, [("2026-01-01T00:00:00.000Z".to_owned(), 5), ("2026-01-01T02:00:00.000Z".to_owned(), 1)]);
    let seen =
        view.clients.first().map(|client| (client.first_seen.to_string(), client.last_seen.to_string(), client.keys));
    assert_eq!(seen, Some(("2026-01-01T00:00:00.000Z".to_owned(), "2026-01-01T02:00:00.000Z".to_owned(), 1)));

    // Days go, and addresses before the hours do.
    bench.clock.advance(35 * 24 * HOUR);
    assert!(bench.traffic(None).await.hours.is_empty());
    let long = bench.traffic(Some(92)).await;
    assert_eq!((long.total.allowed, long.clients.len()), (6, 0));
    assert_eq!(long.clients_since.to_string(), "2026-01-07T00:00:00.000Z");
}

#[tokio::test]
async fn hearing_asks_the_store_for_nothing_and_one_that_is_away_is_told_later() {
    let bench = Bench::new().await;
    bench.ask_from(Some("203.0.113.7"), 1).await;
    bench.authority.tick().await;
    let before = bench.store.stats();
    bench.ask_from(Some("203.0.113.7"), 50).await;
    bench.ask_from(Some("203.0.113.8"), 50).await;
    assert_eq!(bench.store.stats(), before);
    bench.failing.fails.store(true, Ordering::SeqCst);
    bench.authority.tick().await;
    bench.clock.advance(HOUR);
    bench.failing.fails.store(false, Ordering::SeqCst);
    bench.authority.tick().await;
    bench.authority.tick().await;
    let view = bench.traffic(None).await;
    assert_eq!(clients(&view), [("203.0.113.7/32", 51, 0), ("203.0.113.8/32", 50, 0)]);
    assert_eq!(view.clients[1].last_seen.to_string(), "2026-01-01T01:00:00.000Z");
}

#[tokio::test]
async fn a_day_keeps_a_thousand_addresses_apart_then_their_networks() {
    let bench = Bench::new().await;
    for number in 0..1_500_u32 {
        let ip = format!("10.{}.{}.7", number / 250, number % 250);
        bench.ask_from(Some(&ip), 1).await;
        if number % 200 == 199 {
            bench.authority.tick().await;
        }
    }
    bench.ask_from(Some("10.0.0.7"), 2).await;
    bench.authority.tick().await;
    let view = bench.traffic(None).await;
    assert_eq!(view.clients.len(), 1_000, "an answer shows so many");
    assert_eq!(clients(&view)[0], ("10.0.0.7/32", 3, 0), "what is known goes on being kept apart");
    assert_eq!(view.total.allowed, 1_502);
    let preview = bench.preview(Some(&["192.0.2.0/24"])).await;
    assert_eq!((preview.allowed, preview.would_deny, preview.unknown), (1_502, 1_502, 0));
    assert!(preview.clients.len() <= 200);
}

#[tokio::test]
async fn a_preview_says_who_would_be_locked_out_as_the_policies_do() {
    let bench = Bench::new().await;
    let held: KeyRequest = serde_json::from_value(
        json!({ "kind": "production", "name": "held", "scopes": ["jobs:read"], "ip_allow": ["198.51.100.0/24"] }),
    )
    .unwrap();
    let held = bench.issue(held).await;
    bench.ask_from(Some("203.0.113.7"), 5).await;
    bench.ask_from(Some("198.51.100.7"), 2).await;
    bench.ask_from(Some("2001:db8::7"), 1).await;
    bench.ask_from(None, 1).await;
    bench.ask(Ask { credential: Some(held.secret.expose()), ip: Some("198.51.100.9"), ..Ask::default() }).await;
    bench.ask(Ask { environment: None, ip: Some("192.0.2.1"), ..Ask::default() }).await;
    bench.authority.tick().await;

    assert_eq!(bench.preview(None).await.would_deny, 0);
    let all = bench.preview(Some(&["203.0.113.0/24", "198.51.100.0/24", "2001:db8::/32"])).await;
    assert_eq!((all.allowed, all.would_deny), (10, 1), "what states no address is in no network: {all:?}");
    assert_eq!(all.clients[0].network, None);

    let narrow = bench.preview(Some(&["::ffff:203.0.113.7"])).await;
    let shown: Vec<_> = narrow.clients.iter().map(|client| (client.network.as_deref(), client.would_deny)).collect();
    let expected =
        [(Some("198.51.100.7/32"), 2), (None, 1), (Some("198.51.100.9/32"), 1), (Some("2001:db8::7/128"), 1)];
    assert_eq!(shown.len(), expected.len());
    assert!(expected.iter().all(|line| shown.contains(line)), "{shown:?}");
    let keys: Vec<_> = narrow.keys.iter().map(|key| (key.name.as_str(), key.allowed, key.would_deny)).collect();
    assert_eq!(keys, [("demo production", 9, 4), ("held", 1, 1)]);

    // What it says comes true, and what is locked out already is not locked out anew.
    bench.allow(Some(&["203.0.113.7"])).await;
    assert_eq!(bench.ask(Ask { ip: Some("198.51.100.7"), ..Ask::default() }).await.status, 403);
    assert_eq!(bench.ask(Ask { ip: Some("203.0.113.7"), ..Ask::default() }).await.status, 200);
    assert_eq!(bench.preview(Some(&["203.0.113.7/32"])).await.would_deny, 0);
    bench.allow(None).await;

    // Who is nobody any more can't be locked out.
    let permit = bench.permit(actions::REVOKE).await;
    bench.authority.change_key(&permit, &held.shown.id, Change::Revoke, &IfMatch::Any).await.unwrap();
    assert_eq!(bench.preview(Some(&["203.0.113.7"])).await.keys.len(), 1);

    bench.clock.advance(8 * 24 * HOUR);
    assert_eq!(bench.preview(Some(&["203.0.113.7"])).await.allowed, 0, "seven days");
}

#[tokio::test]
async fn a_preview_says_what_becomes_of_whoever_asks() {
    let bench = Bench::new().await;
    let manager: KeyRequest = serde_json::from_value(
        json!({ "kind": "production", "name": "manager", "scopes": ["network:read", "network:write"] }),
    )
    .unwrap();
    let manager = bench.issue(manager).await;
    let target = || Target::workspace(bench.demo.workspace);
    let asker = async |secret: &PlainSecret, ip_allow: &[&str]| {
        let permit = bench.permit_of(secret, ACTION_PREVIEW, target()).await.unwrap();
        bench.authority.preview_network(&permit, &list(Some(ip_allow))).await.unwrap().asker
    };
    for secret in [&manager.secret, &bench.demo.operator_token] {
        let out = asker(secret, &["198.51.100.0/24"]).await;
        assert_eq!((out.ip.as_deref(), out.requests_denied, out.locked_out), (Some("203.0.113.7"), true, false));
        let within = asker(secret, &["203.0.113.0/24"]).await;
        assert!(!within.requests_denied && !within.locked_out, "the list holds for customers' requests alone");
    }
}

#[tokio::test]
async fn lists_that_could_not_be_set_are_not_previewed_and_days_are_held() {
    let bench = Bench::new().await;
    let permit = bench.permit(ACTION_PREVIEW).await;
    for wrong in [&[][..], &["0.0.0.0/0"], &["203.0.113.7/24"], &["nonsense"]] {
        let refused = bench.authority.preview_network(&permit, &list(Some(wrong))).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "ip_allow", .. })), "{wrong:?}: {refused:?}");
    }
    assert!(serde_json::from_value::<PreviewRequest>(json!({})).is_err(), "null is said, not left out");
    let permit = bench.permit(ACTION_GET).await;
    for days in [0, 93] {
        let refused = bench.authority.get_traffic(&permit, &TrafficRequest { days: Some(days) }).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "days", .. })), "{days}");
    }
}

#[tokio::test]
async fn no_workspace_hears_of_anothers_traffic() {
    let bench = Bench::new().await;
    bench.ask_from(Some("203.0.113.7"), 3).await;
    bench.authority.tick().await;
    let other = async |action: &str| {
        let target = Target::workspace(bench.demo.other_workspace);
        bench.authority.require(&bench.operator().await, action, target, None).await.unwrap()
    };
    let permit = other(ACTION_GET).await;
    let view = bench.authority.get_traffic(&permit, &TrafficRequest::default()).await.unwrap();
    assert!(view.clients.is_empty() && view.hours.is_empty());
    let permit = other(ACTION_PREVIEW).await;
    assert_eq!(bench.authority.preview_network(&permit, &list(Some(&["192.0.2.1"]))).await.unwrap().allowed, 0);
}
