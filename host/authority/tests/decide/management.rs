//! Our own books: decided like anything else, changed with their audit record, effective at once.

use std::collections::BTreeMap;
use std::time::Duration;

use access_authority::audit::{ACTION_LIST, AuditFilter};
use access_authority::keys::{Change, KeyRequest, actions};
use access_authority::network::{ACTION_UPDATE, NetworkUpdate};
use access_authority::{Error, IfMatch, Outcome, PageRequest, Target};
use access_model::PlainSecret;

use crate::bench::{Ask, Bench};

fn request(kind: &str) -> KeyRequest {
    KeyRequest {
        kind: kind.into(),
        name: "ci".into(),
        scopes: vec!["jobs:read".into()],
        ip_allow: None,
        not_before: None,
        expires_at: None,
        metadata: BTreeMap::new(),
    }
}

#[tokio::test]
async fn gateways_and_other_kinds_of_key_manage_nothing() {
    let bench = Bench::new().await;
    let keys = ["staging", "read_only"].map(|kind| PlainSecret::new(bench.key(kind).to_owned()));
    for secret in keys.iter().chain([&bench.demo.gateway_token]) {
        let caller = bench.authority.caller(secret, None).await.unwrap();
        let target = Target::workspace(bench.demo.workspace);
        let error = bench.authority.require(&caller, actions::ISSUE, target, None).await.unwrap_err();
        let Error::Denied(answer) = error else { panic!("{error:?}") };
        assert_eq!((answer.status, answer.reasons[0].policy.as_deref()), (403, Some("management")));
    }
}

#[tokio::test]
async fn a_permit_is_good_for_its_own_action_alone() {
    let bench = Bench::new().await;
    let permit = bench.permit(actions::LIST).await;
    assert!(matches!(bench.authority.issue_key(&permit, request("production"), None).await, Err(Error::Internal)));
}

#[tokio::test]
async fn a_key_lives_as_long_as_it_was_issued_for_and_no_change_waits() {
    let bench = Bench::new().await;
    let now = bench.authority.now();
    let window = KeyRequest {
        not_before: Some(now.plus(Duration::from_secs(60))),
        expires_at: Some(now.plus(Duration::from_secs(120))),
        ..request("production")
    };
    let issued = bench.issue(window).await;
    let secret = issued.secret.expose().to_owned();
    let status = async || bench.ask(Ask { credential: Some(&secret), ..Ask::default() }).await.status;
    assert_eq!(status().await, 401);
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(status().await, 200);
    let change = async |change: Change| {
        let permit = bench.permit(change.action()).await;
        bench.authority.change_key(&permit, &issued.shown.id, change, &IfMatch::Any).await.map(|key| key.shown.state)
    };
    assert_eq!((change(Change::Disable).await.unwrap(), status().await), ("disabled", 401));
    assert_eq!((change(Change::Enable).await.unwrap(), status().await), ("active", 200));
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(status().await, 401);
    assert_eq!(change(Change::Revoke).await.unwrap(), "revoked");
    assert!(matches!(change(Change::Enable).await, Err(Error::Transition(_))));
}

#[tokio::test]
async fn another_workspaces_key_is_not_there() {
    let bench = Bench::new().await;
    let issued = bench.issue(request("staging")).await;
    let target = Target::key(bench.demo.other_workspace, &issued.shown.id);
    let permit = bench.authority.require(&bench.operator().await, actions::REVOKE, target, None).await.unwrap();
    let error = bench.authority.change_key(&permit, &issued.shown.id, Change::Revoke, &IfMatch::Any).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "key", .. }));
}

#[tokio::test]
async fn what_can_not_be_issued_is_refused_by_field() {
    let bench = Bench::new().await;
    let permit = bench.permit(actions::ISSUE).await;
    let list = |entries: &[&str]| Some(entries.iter().map(|entry| (*entry).to_owned()).collect());
    for (wrong, field) in [
        (KeyRequest { kind: "gateway".into(), ..request("staging") }, "kind"),
        (KeyRequest { name: " ".into(), ..request("staging") }, "name"),
        (KeyRequest { name: "a\nb".into(), ..request("staging") }, "name"),
        (KeyRequest { ip_allow: list(&[]), ..request("staging") }, "ip_allow"),
        (KeyRequest { ip_allow: list(&["0.0.0.0/0"]), ..request("staging") }, "ip_allow"),
        (KeyRequest { metadata: [("a".into(), "x".repeat(600))].into(), ..request("staging") }, "metadata"),
    ] {
        let error = bench.authority.issue_key(&permit, wrong, None).await.unwrap_err();
        assert!(matches!(&error, Error::Invalid { field: found, .. } if *found == field), "{field}: {error:?}");
    }
}

#[tokio::test]
async fn every_change_is_in_the_trail_in_order_and_without_secrets() {
    let bench = Bench::new().await;
    let issued = bench.issue(request("staging")).await;
    let rotated = bench.rotate(&issued.shown.id, Some(60)).await;
    let update = NetworkUpdate { ip_allow: Some(Some(vec!["203.0.113.0/24".into()])), egress_allow: None };
    bench.authority.update_network(&bench.permit(ACTION_UPDATE).await, &update, &IfMatch::Any).await.unwrap();
    let permit = bench.permit(ACTION_LIST).await;
    let mut records = Vec::new();
    let mut page = PageRequest { limit: Some(2), cursor: None };
    loop {
        let found = bench.authority.list_audit(&permit, &AuditFilter::default(), &page).await.unwrap();
        records.extend(found.items);
        page.cursor = found.next_cursor;
        if page.cursor.is_none() {
            break;
        }
    }
    let actions: Vec<_> = records.iter().take(4).map(|record| record.record.action.as_str()).collect();
    assert_eq!(actions, ["network.update", "keys.issue", "keys.rotate", "keys.issue"]);
    assert!(records.windows(2).all(|pair| pair[0].sequence > pair[1].sequence));
    assert!(records.iter().take(4).all(|record| record.record.decision_id.is_some()));
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains(issued.secret.expose()) && !text.contains(rotated.secret.expose()) && !text.contains("mac"));
    let filter = AuditFilter { action: Some("keys.rotate".into()), ..AuditFilter::default() };
    let found = bench.authority.list_audit(&permit, &filter, &PageRequest::default()).await.unwrap();
    assert_eq!(found.items.len(), 1);
}

#[tokio::test]
async fn a_cursor_is_only_good_where_it_was_made() {
    let bench = Bench::new().await;
    let audit = bench.permit(ACTION_LIST).await;
    let first = PageRequest { limit: Some(1), cursor: None };
    let cursor =
        bench.authority.list_audit(&audit, &AuditFilter::default(), &first).await.unwrap().next_cursor.unwrap();
    let keys = bench.permit(actions::LIST).await;
    for wrong in [cursor.as_str(), "nonsense", "", &cursor.replace(&cursor[..4], "AAAA")] {
        let page = PageRequest { limit: None, cursor: Some(wrong.to_owned()) };
        let error = bench.authority.list_keys(&keys, &page).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { field: "cursor", .. }), "{wrong}");
    }
}

#[tokio::test]
async fn network_rules_hold_from_the_next_request_on() {
    let bench = Bench::new().await;
    let update = async |list: Option<Vec<String>>| {
        let update = NetworkUpdate { ip_allow: Some(list), egress_allow: None };
        bench.authority.update_network(&bench.permit(ACTION_UPDATE).await, &update, &IfMatch::Any).await.map(|_| ())
    };
    let code = async |ip: Option<&'static str>| {
        let answer = bench.ask(Ask { ip, ..Ask::default() }).await;
        answer.reasons.first().map(|reason| reason.code.clone())
    };
    assert_eq!(code(Some("198.51.100.1")).await, None);
    update(Some(vec!["203.0.113.0/24".into(), "2001:db8::/32".into()])).await.unwrap();
    for allowed in ["203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1"] {
        assert_eq!(code(Some(allowed)).await, None, "{allowed}");
    }
    for denied in [Some("198.51.100.1"), Some("2001:db9::1"), None] {
        assert_eq!(code(denied).await.as_deref(), Some("ip_not_allowed"), "{denied:?}");
    }
    assert!(matches!(update(Some(Vec::new())).await, Err(Error::Invalid { field: "ip_allow", .. })));
    update(None).await.unwrap();
    assert_eq!(code(Some("198.51.100.1")).await, None);
    assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow);
}
