//! Settings of a workspace, what they bring about, and changes that are only meant for what was shown.

use std::time::Duration;

use access_authority::keys::{Change, KeyRequest, actions};
use access_authority::network::{self, NetworkUpdate};
use access_authority::settings::{
    ACTION_GET, ACTION_GET_ORGANIZATION, ACTION_UPDATE, ACTION_UPDATE_ORGANIZATION, OrganizationSettingsUpdate,
    SettingsUpdate, SettingsView,
};
use access_authority::{Current, Error, IfMatch, Target, keys::KeyView};
use serde_json::json;

use crate::bench::Bench;

const DAY: Duration = Duration::from_secs(86_400);

impl Bench {
    async fn set(&self, update: serde_json::Value, if_match: &IfMatch) -> Result<Current<SettingsView>, Error> {
        let update: SettingsUpdate = serde_json::from_value(update).unwrap();
        self.authority.update_settings(&self.permit(ACTION_UPDATE).await, &update, if_match).await
    }

    async fn end(&self, key: &KeyView) -> Option<access_model::Timestamp> {
        self.authority.get_key(&self.permit(actions::GET).await, &key.id).await.unwrap().shown.expires_at
    }
}

fn ci(kind: &str) -> KeyRequest {
    serde_json::from_value(json!({ "kind": kind, "name": "ci" })).unwrap()
}

#[tokio::test]
async fn what_is_left_out_stays_and_null_takes_back() {
    let bench = Bench::new().await;
    let any = &IfMatch::Any;
    let shown = async |update| serde_json::to_value(bench.set(update, any).await.unwrap().shown).unwrap();
    let none = json!({
        "description": null, "rotation_overlap_seconds": null, "key_lifetime_days": null,
        "audit_decisions": "none", "disable_inactive_keys": false, "audit_retention_days": null,
    });
    assert_eq!(shown(json!({})).await, none);
    let all = json!({
        "description": "nightly", "rotation_overlap_seconds": 3600, "key_lifetime_days": 30,
        "audit_decisions": "denials", "disable_inactive_keys": true, "audit_retention_days": 90,
    });
    assert_eq!(shown(all.clone()).await, all);
    let kept = json!({
        "description": null, "rotation_overlap_seconds": 0, "key_lifetime_days": 30,
        "audit_decisions": "denials", "disable_inactive_keys": true, "audit_retention_days": 90,
    });
    assert_eq!(shown(json!({ "description": null, "rotation_overlap_seconds": 0 })).await, kept);
    let read = bench.authority.get_settings(&bench.permit(ACTION_GET).await).await.unwrap();
    assert_eq!(serde_json::to_value(read.shown).unwrap(), kept);
    let nothing = json!({
        "key_lifetime_days": null, "rotation_overlap_seconds": null,
        "audit_decisions": null, "disable_inactive_keys": null, "audit_retention_days": null,
    });
    assert_eq!(shown(nothing).await, none);

    let target = || Target::organization(bench.demo.organization);
    let operator = bench.operator().await;
    let permit = bench.authority.require(&operator, ACTION_UPDATE_ORGANIZATION, target(), None).await.unwrap();
    let update: OrganizationSettingsUpdate =
        serde_json::from_value(json!({ "description": "pays", "mfa_required": true })).unwrap();
    let changed = bench.authority.update_organization_settings(&permit, &update, any).await.unwrap();
    let permit = bench.authority.require(&operator, ACTION_GET_ORGANIZATION, target(), None).await.unwrap();
    let read = bench.authority.get_organization_settings(&permit).await.unwrap();
    assert_eq!((read.shown.description.as_deref(), read.version), (Some("pays"), changed.version));
    assert!(read.shown.mfa_required);
}

#[tokio::test]
async fn what_can_not_be_set_is_refused_by_field() {
    let bench = Bench::new().await;
    for (update, expected) in [
        (json!({ "description": "x".repeat(501) }), "description"),
        (json!({ "description": "a\u{202e}b" }), "description"),
        (json!({ "description": "a\nb" }), "description"),
        (json!({ "rotation_overlap_seconds": 604_801 }), "rotation_overlap_seconds"),
        (json!({ "key_lifetime_days": 0 }), "key_lifetime_days"),
        (json!({ "key_lifetime_days": 36_501 }), "key_lifetime_days"),
        (json!({ "audit_retention_days": 29 }), "audit_retention_days"),
        (json!({ "audit_retention_days": 3_651 }), "audit_retention_days"),
    ] {
        let refused = bench.set(update, &IfMatch::Any).await;
        assert!(matches!(refused, Err(Error::Invalid { field, .. }) if field == expected), "{refused:?}");
    }
    bench.set(json!({ "description": "é".repeat(500) }), &IfMatch::Any).await.unwrap();
}

#[tokio::test]
async fn a_rotation_that_states_no_overlap_has_the_workspaces() {
    let bench = Bench::new().await;
    let now = bench.authority.now();
    let end_of = async |overlap| {
        let key = bench.issue(ci("production")).await.shown;
        bench.rotate(&key.id, overlap).await;
        bench.end(&key).await
    };
    assert_eq!(end_of(None).await, Some(now));
    bench.set(json!({ "rotation_overlap_seconds": 60 }), &IfMatch::Any).await.unwrap();
    assert_eq!(end_of(None).await, Some(now.plus(Duration::from_secs(60))));
    assert_eq!(end_of(Some(0)).await, Some(now));
    assert_eq!(end_of(Some(5)).await, Some(now.plus(Duration::from_secs(5))));
}

#[tokio::test]
async fn the_life_time_holds_for_new_keys_and_successors() {
    let bench = Bench::new().await;
    let now = bench.authority.now();
    let before = bench.issue(ci("production")).await.shown;
    bench.set(json!({ "key_lifetime_days": 30 }), &IfMatch::Any).await.unwrap();
    assert_eq!(bench.end(&before).await, None, "what was issued before stays as it was");
    assert_eq!(bench.issue(ci("production")).await.shown.expires_at, Some(now.plus(30 * DAY)));
    assert_eq!(bench.issue(ci("staging")).await.shown.expires_at, Some(now.plus(30 * DAY)));
    assert_eq!(bench.rotate(&before.id, None).await.shown.expires_at, Some(now.plus(30 * DAY)));
    bench.set(json!({ "key_lifetime_days": 365 }), &IfMatch::Any).await.unwrap();
    assert_eq!(bench.issue(ci("staging")).await.shown.expires_at, Some(now.plus(90 * DAY)), "the kind's is shorter");
}

#[tokio::test]
async fn a_change_is_only_made_of_what_was_shown() {
    let bench = Bench::new().await;
    let one = |version: u64| IfMatch::One(vec![version.to_string()]);
    let read = async || bench.authority.get_settings(&bench.permit(ACTION_GET).await).await.unwrap().version;
    let shown = read().await;
    let first = bench.set(json!({ "description": "first" }), &one(shown)).await.unwrap();
    let refused = bench.set(json!({ "description": "second" }), &one(shown)).await;
    assert!(matches!(refused, Err(Error::Stale)), "{refused:?}");
    assert_eq!(read().await, first.version);
    let unchanged = bench.set(json!({ "description": "first" }), &one(first.version)).await.unwrap();
    assert_eq!(unchanged.version, first.version);
    assert!(
        matches!(bench.set(json!({}), &IfMatch::One(Vec::new())).await, Err(Error::Stale)),
        "weak tags match nothing"
    );
    bench
        .set(json!({ "description": "second" }), &IfMatch::One(vec!["x".into(), first.version.to_string()]))
        .await
        .unwrap();

    let network = bench.authority.get_network(&bench.permit(network::ACTION_GET).await).await.unwrap().version;
    let update = NetworkUpdate { ip_allow: Some(Some(vec!["203.0.113.0/24".into()])), egress_allow: None };
    let permit = bench.permit(network::ACTION_UPDATE).await;
    bench.authority.update_network(&permit, &update, &one(network)).await.unwrap();
    assert!(matches!(bench.authority.update_network(&permit, &update, &one(network)).await, Err(Error::Stale)));

    let key = bench.issue(ci("staging")).await;
    let (id, version) = (key.shown.id, key.version);
    let change = async |change: Change, version| {
        bench.authority.change_key(&bench.permit(change.action()).await, &id, change, &one(version)).await
    };
    let disabled = change(Change::Disable, version).await.unwrap().version;
    assert!(matches!(change(Change::Enable, version).await, Err(Error::Stale)));
    let enabled = change(Change::Enable, disabled).await.unwrap().version;
    let permit = bench.permit(actions::ROTATE).await;
    assert!(matches!(bench.authority.rotate_key(&permit, &id, None, &one(disabled), None).await, Err(Error::Stale)));
    bench.authority.rotate_key(&permit, &id, None, &one(enabled), None).await.unwrap().now().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_that_change_what_they_were_shown_one_does() {
    let bench = std::sync::Arc::new(Bench::new().await);
    let shown = bench.authority.get_settings(&bench.permit(ACTION_GET).await).await.unwrap().version;
    let mut changes = tokio::task::JoinSet::new();
    for number in 0..50 {
        let bench = bench.clone();
        changes.spawn(async move {
            bench.set(json!({ "description": number.to_string() }), &IfMatch::One(vec![shown.to_string()])).await
        });
    }
    let done = changes.join_all().await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1);
    assert!(done.iter().filter_map(|done| done.as_ref().err()).all(|error| matches!(error, Error::Stale)));
}
