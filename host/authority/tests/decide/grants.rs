//! Keys that manage: their own workspace, as far as their scopes go, and never handing out more than they hold.

use std::collections::BTreeMap;
use std::time::Duration;

use access_authority::audit::{ACTION_LIST, AuditFilter};
use access_authority::keys::{Change, KeyRequest, actions};
use access_authority::{Answer, Error, IfMatch, Issued, PageRequest, Permit, Place, Target, keys::KeyView};
use access_model::PlainSecret;

use crate::bench::Bench;

const DAY: Duration = Duration::from_secs(86_400);

fn request(kind: &str, scopes: &[&str]) -> KeyRequest {
    KeyRequest {
        kind: kind.into(),
        name: "ci".into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ip_allow: None,
        not_before: None,
        expires_at: None,
        metadata: BTreeMap::new(),
    }
}

fn networks(list: &[&str]) -> Option<Vec<String>> {
    Some(list.iter().map(|network| (*network).to_owned()).collect())
}

/// The code of a denial.
fn denied<T: std::fmt::Debug>(done: Result<T, Error>) -> String {
    match done {
        Err(Error::Denied(answer)) => code(&answer),
        other => panic!("not denied: {other:?}"),
    }
}

fn code(answer: &Answer) -> String {
    answer.reasons[0].code.clone()
}

impl Bench {
    async fn may_issue(&self, secret: &PlainSecret) -> Permit {
        self.permit_of(secret, actions::ISSUE, Target::workspace(self.demo.workspace)).await.unwrap()
    }

    async fn issue_by(&self, issuer: &PlainSecret, request: KeyRequest) -> Result<Issued<KeyView>, Error> {
        let done = self.authority.issue_key(&self.may_issue(issuer).await, request, None).await?;
        Ok(done.now().unwrap())
    }

    async fn rotate_by(&self, issuer: &PlainSecret, key: &KeyView) -> Result<Issued<KeyView>, Error> {
        let target = Target::key(self.demo.workspace, &key.id);
        let permit = self.permit_of(issuer, actions::ROTATE, target).await?;
        Ok(self.authority.rotate_key(&permit, &key.id, Some(0), &IfMatch::Any, None).await?.now().unwrap())
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_in_its_own_workspace() {
    let bench = Bench::new().await;
    let key = bench.issue(request("production", &["keys:read", "network:write"])).await.secret;
    let own = || Target::workspace(bench.demo.workspace);
    for (action, target, expected) in [
        (actions::LIST, own(), None),
        ("network.update", own(), None),
        (actions::ISSUE, own(), Some("missing_scope")),
        ("network.get", own(), Some("missing_scope")),
        (ACTION_LIST, own(), Some("missing_scope")),
        (actions::LIST, Target::workspace(Place::Own), None),
        (actions::LIST, Target::workspace(bench.demo.other_workspace), Some("wrong_workspace")),
        (
            actions::LIST,
            Target::workspace("ws_00doesnotexist0000".parse::<access_model::Id>().unwrap()),
            Some("wrong_workspace"),
        ),
        (actions::LIST, Target::platform(), Some("wrong_workspace")),
        ("gateways.list", Target::platform(), Some("kind_not_allowed")),
        ("organizations.get", Target::organization(bench.demo.organization), Some("kind_not_allowed")),
        ("workspaces.suspend", own(), Some("kind_not_allowed")),
        ("dev.clock", Target::platform(), Some("kind_not_allowed")),
        ("decisions.ask", Target::platform(), Some("kind_not_allowed")),
    ] {
        let permit = bench.permit_of(&key, action, target).await;
        match expected {
            None => drop(permit.unwrap()),
            Some(expected) => assert_eq!(denied(permit), expected, "{action}"),
        }
    }
}

#[tokio::test]
async fn a_keys_own_networks_hold_for_managing_too_and_the_workspaces_do_not() {
    let bench = Bench::new().await;
    let elsewhere = KeyRequest { ip_allow: networks(&["198.51.100.0/24"]), ..request("production", &["keys:read"]) };
    let elsewhere = bench.issue(elsewhere).await.secret;
    let own = || Target::workspace(bench.demo.workspace);
    assert_eq!(denied(bench.permit_of(&elsewhere, actions::LIST, own()).await), "ip_not_allowed");
    let update =
        access_authority::network::NetworkUpdate { ip_allow: Some(networks(&["192.0.2.0/24"])), ..Default::default() };
    let permit = bench.permit("network.update").await;
    bench.authority.update_network(&permit, &update, &IfMatch::Any).await.unwrap();
    let key = bench.issue(request("production", &["keys:read"])).await.secret;
    bench.permit_of(&key, actions::LIST, own()).await.unwrap();
}

#[tokio::test]
async fn a_key_never_issues_more_than_it_holds() {
    let bench = Bench::new().await;
    let now = bench.authority.now();
    let issuer = KeyRequest {
        ip_allow: networks(&["203.0.113.0/24"]),
        expires_at: Some(now.plus(30 * DAY)),
        ..request("production", &["keys:write", "jobs:read"])
    };
    let issuer = bench.issue(issuer).await.secret;
    let within = || KeyRequest {
        ip_allow: networks(&["203.0.113.64/26"]),
        expires_at: Some(now.plus(30 * DAY)),
        ..request("staging", &["jobs:read"])
    };
    for (asked, expected) in [
        (KeyRequest { kind: "production".into(), ..within() }, "grant_kind_not_allowed"),
        (KeyRequest { scopes: vec!["jobs:read".into(), "jobs:write".into()], ..within() }, "grant_scopes_too_wide"),
        (KeyRequest { ip_allow: None, ..within() }, "grant_networks_too_wide"),
        (KeyRequest { ip_allow: networks(&["203.0.112.0/23"]), ..within() }, "grant_networks_too_wide"),
        (KeyRequest { ip_allow: networks(&["203.0.113.7", "192.0.2.1"]), ..within() }, "grant_networks_too_wide"),
        (KeyRequest { expires_at: None, ..within() }, "grant_ends_too_late"),
        (
            KeyRequest { expires_at: Some(now.plus(30 * DAY + Duration::from_millis(1))), ..within() },
            "grant_ends_too_late",
        ),
    ] {
        assert_eq!(denied(bench.issue_by(&issuer, asked).await), expected);
    }
    let child = bench.issue_by(&issuer, within()).await.unwrap().shown;
    bench.issue_by(&issuer, KeyRequest { scopes: Vec::new(), ..within() }).await.unwrap();

    let listed = PageRequest { limit: Some(1), cursor: None };
    let filter = AuditFilter { action: Some("keys.issue".into()), ..AuditFilter::default() };
    let trail = bench.authority.list_audit(&bench.permit(ACTION_LIST).await, &filter, &listed).await.unwrap();
    let record = &trail.items[0].record;
    assert_eq!((record.actor.kind.as_str(), record.decision_id.is_some()), ("api_key", true));
    assert_ne!(record.target, child.id.to_string(), "the last one issued, and none of those denied");
}

#[tokio::test]
async fn a_key_never_rotates_into_more_than_it_holds() {
    let bench = Bench::new().await;
    let now = bench.authority.now();
    let issuer = bench.issue(request("production", &["keys:write", "jobs:read"])).await;
    for (other, expected) in [
        (request("production", &["jobs:read"]), "grant_kind_not_allowed"),
        (request("staging", &["workers:manage"]), "grant_scopes_too_wide"),
    ] {
        let other = bench.issue(other).await.shown;
        assert_eq!(denied(bench.rotate_by(&issuer.secret, &other).await), expected);
    }
    let within = bench.issue(request("read_only", &["jobs:read"])).await.shown;
    bench.rotate_by(&issuer.secret, &within).await.unwrap();

    // Itself, which ends it: what it hands out is what it held.
    let successor = bench.rotate_by(&issuer.secret, &issuer.shown).await.unwrap();
    assert_eq!(successor.shown.scopes, issuer.shown.scopes);

    let ending = KeyRequest { expires_at: Some(now.plus(DAY)), ..request("production", &["keys:write", "jobs:read"]) };
    let ending = bench.issue(ending).await;
    let longer = bench.issue(request("staging", &["jobs:read"])).await.shown;
    assert_eq!(denied(bench.rotate_by(&ending.secret, &longer).await), "grant_ends_too_late");
    assert_eq!(bench.rotate_by(&ending.secret, &ending.shown).await.unwrap().shown.expires_at, Some(now.plus(DAY)));
}

#[tokio::test]
async fn the_old_key_of_an_overlap_does_not_outlive_it_through_another() {
    let bench = Bench::new().await;
    let key = bench.issue(request("production", &["keys:write"])).await;
    let permit = bench.permit(actions::ROTATE).await;
    let successor = bench
        .authority
        .rotate_key(&permit, &key.shown.id, Some(60), &IfMatch::Any, None)
        .await
        .unwrap()
        .now()
        .unwrap()
        .shown;
    assert_eq!(denied(bench.rotate_by(&key.secret, &successor).await), "grant_kind_not_allowed");
    assert_eq!(denied(bench.issue_by(&key.secret, request("staging", &[])).await), "grant_ends_too_late");
}

#[tokio::test]
async fn a_key_that_is_revoked_before_its_body_arrives_issues_nothing() {
    let bench = Bench::new().await;
    let key = bench.issue(request("production", &["keys:write"])).await;
    let permit = bench.may_issue(&key.secret).await;
    bench
        .authority
        .change_key(&bench.permit(actions::REVOKE).await, &key.shown.id, Change::Revoke, &IfMatch::Any)
        .await
        .unwrap();
    assert_eq!(denied(bench.authority.issue_key(&permit, request("staging", &[]), None).await), "unauthenticated");
}

#[tokio::test]
async fn managing_counts_against_the_keys_quota() {
    let bench = Bench::new().await;
    let key = bench.issue(request("production", &["keys:read"])).await.secret;
    for _ in 0..10_000 {
        bench.permit_of(&key, actions::LIST, Target::workspace(bench.demo.workspace)).await.unwrap();
    }
    let refused = bench.permit_of(&key, actions::LIST, Target::workspace(bench.demo.workspace)).await.unwrap_err();
    let Error::Denied(answer) = refused else { panic!("{refused:?}") };
    assert_eq!((answer.status, code(&answer).as_str()), (429, "rate_limited"));
    assert!(answer.quota.is_some_and(|quota| quota.remaining == 0 && quota.reset_seconds > 0));
    bench.clock.advance(Duration::from_secs(61));
    bench.permit_of(&key, actions::LIST, Target::workspace(bench.demo.workspace)).await.unwrap();
}

#[tokio::test]
async fn enabling_hands_out_what_the_key_holds() {
    let bench = Bench::new().await;
    let wide = bench.issue(request("production", &["keys:write", "network:write"])).await;
    let narrow = bench.issue(request("production", &["keys:write", "jobs:read"])).await.secret;
    let within = bench.issue(request("staging", &["jobs:read"])).await;
    for (key, expected) in [(&wide, Some("grant_kind_not_allowed")), (&within, None)] {
        let target = || Target::key(bench.demo.workspace, &key.shown.id);
        let operator =
            bench.authority.require(&bench.operator().await, actions::DISABLE, target(), None).await.unwrap();
        bench.authority.change_key(&operator, &key.shown.id, Change::Disable, &IfMatch::Any).await.unwrap();
        let permit = bench.permit_of(&narrow, actions::ENABLE, target()).await.unwrap();
        let done = bench.authority.change_key(&permit, &key.shown.id, Change::Enable, &IfMatch::Any).await;
        match expected {
            Some(code) => assert_eq!(denied(done), code),
            None => assert_eq!(done.unwrap().shown.state, "active"),
        }
    }
}

#[tokio::test]
async fn a_caller_who_has_ended_meanwhile_is_nobody() {
    let bench = Bench::new().await;
    let key = bench.issue(request("production", &["network:write"])).await;
    let target = || Target::workspace(bench.demo.workspace);
    let permit = bench.permit_of(&key.secret, "network.update", target()).await.unwrap();
    bench.authority.check_still(&permit).await.unwrap();
    let revoke = bench.permit(actions::REVOKE).await;
    bench.authority.change_key(&revoke, &key.shown.id, Change::Revoke, &IfMatch::Any).await.unwrap();
    assert_eq!(denied(bench.authority.check_still(&permit).await), "unauthenticated");
}
