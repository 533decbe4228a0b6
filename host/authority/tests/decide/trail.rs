//! The audit trail: decisions in it where a workspace wants them, filters, what comes after, files, and how long it is kept.

use std::sync::atomic::Ordering;
use std::time::Duration;

use access_authority::audit::{
    ACTION_EXPORT, ACTION_EXPORT_ORGANIZATION, ACTION_LIST, ACTION_LIST_ORGANIZATION, ACTION_LIST_PLATFORM,
    AuditFilter, AuditPage, ExportFormat, Follower, examine,
};
use access_authority::keys::{Change, actions};
use access_authority::settings::{
    ACTION_UPDATE, ACTION_UPDATE_ORGANIZATION, OrganizationSettingsUpdate, SettingsUpdate,
};
use access_authority::{Error, IfMatch, PageRequest, Permit, Target};
use serde_json::{Value, json};

use crate::bench::{Ask, Bench};

const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);

impl Bench {
    pub(crate) async fn set_workspace(&self, update: Value) {
        let update: SettingsUpdate = serde_json::from_value(update).unwrap();
        let permit = self.permit(ACTION_UPDATE).await;
        self.authority.update_settings(&permit, &update, &IfMatch::Any).await.unwrap();
    }

    async fn own_organization(&self, action: &str) -> Permit {
        let target = Target::organization(self.demo.organization);
        self.authority.require(&self.operator().await, action, target, None).await.unwrap()
    }

    async fn trail(&self, filter: &AuditFilter, page: &PageRequest) -> AuditPage {
        self.authority.list_audit(&self.permit(ACTION_LIST).await, filter, page).await.unwrap()
    }

    /// What the trail says of decisions, newest first: action, target, code, count.
    async fn told(&self) -> Vec<(String, String, Value, Value)> {
        let page = self.trail(&of("decisions.*"), &PageRequest::default()).await;
        let line = |record: &access_model::audit::AuditRecord| {
            let after = record.after.clone().unwrap();
            (record.action.clone(), record.target.clone(), after["code"].clone(), after["count"].clone())
        };
        page.items.iter().map(|item| line(&item.record)).collect()
    }

    /// Follows the trail of what the operator may `action`.
    async fn follow(&self, action: &str, target: Target, page: &PageRequest) -> Result<Follower, Error> {
        let permit = self.authority.require(&self.operator().await, action, target, None).await.unwrap();
        self.authority.follow_audit(permit, AuditFilter::default(), page)
    }

    async fn work(&self) {
        for _ in 0..4 {
            self.authority.tick().await;
        }
    }
}

fn of(action: &str) -> AuditFilter {
    AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() }
}

fn denied() -> Ask<'static> {
    Ask { environment: None, ..Ask::default() }
}

fn line(action: &str, target: &str, code: Option<&str>, count: u64) -> (String, String, Value, Value) {
    (action.to_owned(), target.to_owned(), json!(code), json!(count))
}

#[tokio::test]
async fn a_workspace_is_told_of_the_decisions_that_it_wants() {
    let bench = Bench::new().await;
    bench.ask(denied()).await;
    bench.authority.tick().await;
    assert!(bench.told().await.is_empty(), "none");
    bench.set_workspace(json!({ "audit_decisions": "denials" })).await;
    let answer = bench.ask(denied()).await;
    bench.ask(Ask::default()).await;
    bench.authority.tick().await;
    let denials = [line("decisions.deny", "jobs.list", Some("environment_missing"), 1)];
    assert_eq!(bench.told().await, denials);
    let page = bench.trail(&of("decisions.deny"), &PageRequest::default()).await;
    let record = &page.items[0].record;
    assert_eq!(record.decision_id, Some(answer.decision_id.to_string()));
    assert_eq!((record.actor.kind.as_str(), record.workspace), ("api_key", Some(bench.demo.workspace)));
    let after = record.after.as_ref().unwrap();
    assert_eq!((&after["ip"], &after["policy"]), (&json!("203.0.113.7"), &json!("environment")));

    bench.set_workspace(json!({ "audit_decisions": "all" })).await;
    bench.ask(Ask::default()).await;
    bench.clock.advance(MINUTE);
    bench.authority.tick().await;
    assert_eq!(bench.told().await, [vec![line("decisions.allow", "jobs.list", None, 1)], denials.to_vec()].concat());
    bench.set_workspace(json!({ "audit_decisions": null })).await;
    bench.ask(Ask::default()).await;
    bench.authority.shut_down().await;
    assert_eq!(bench.told().await.len(), 2);
    // Our own endpoints are told of by what they change.
    assert!(bench.told().await.iter().all(|(_, target, ..)| target == "jobs.list"));
}

#[tokio::test]
async fn repetitions_are_added_up_and_none_is_lost_that_there_was_room_for() {
    let bench = Bench::new().await;
    bench.set_workspace(json!({ "audit_decisions": "denials" })).await;
    let before = bench.store.stats();
    bench.ask(denied()).await;
    assert_eq!(bench.store.stats().commits, before.commits, "never a write inside a decision");
    bench.authority.tick().await;
    for _ in 0..50 {
        bench.ask(denied()).await;
        bench.authority.tick().await;
    }
    assert_eq!(bench.told().await.len(), 1, "the first at once, what repeats it later");
    bench.failing.fails.store(true, Ordering::SeqCst);
    bench.clock.advance(MINUTE);
    bench.authority.tick().await;
    bench.failing.fails.store(false, Ordering::SeqCst);
    bench.authority.tick().await;
    let line = |count| line("decisions.deny", "jobs.list", Some("environment_missing"), count);
    assert_eq!(bench.told().await, [line(50), line(1)]);
    bench.ask(denied()).await;
    bench.authority.shut_down().await;
    assert_eq!(bench.told().await, [line(1), line(50), line(1)], "a host that stops tells what it knows");
}

#[tokio::test]
async fn what_there_was_no_room_for_is_counted() {
    let bench = Bench::new().await;
    bench.set_workspace(json!({ "audit_decisions": "denials" })).await;
    for number in 0..300 {
        let ip = format!("10.0.{}.{}", number / 100, number % 100);
        bench.ask(Ask { ip: Some(&ip), ..denied() }).await;
    }
    bench.authority.tick().await;
    let permit = bench.permit(ACTION_LIST).await;
    let page = PageRequest { limit: Some(200), cursor: None };
    let lost = bench.authority.list_audit(&permit, &of("decisions.lost"), &page).await.unwrap().items;
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].record.after, Some(json!({ "count": 44 })));
    let first = bench.authority.list_audit(&permit, &of("decisions.deny"), &page).await.unwrap();
    let second = PageRequest { cursor: first.next_cursor, limit: Some(200) };
    let second = bench.authority.list_audit(&permit, &of("decisions.deny"), &second).await.unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next_cursor), (200, 56, None));
}

#[tokio::test]
async fn changes_and_decisions_are_one_trail_and_every_filter_holds() {
    let bench = Bench::new().await;
    bench.set_workspace(json!({ "audit_decisions": "all" })).await;
    let mut keys = Vec::new();
    for _ in 0..3 {
        let request = serde_json::from_value(json!({ "kind": "staging", "name": "ci" })).unwrap();
        keys.push(bench.issue(request).await.shown.id);
        bench.clock.advance(2 * MINUTE);
        bench.ask(Ask::default()).await;
        bench.authority.tick().await;
        bench.clock.advance(2 * MINUTE);
    }
    let permit = bench.permit(actions::DISABLE).await;
    bench.authority.change_key(&permit, &keys[0], Change::Disable, &IfMatch::Any).await.unwrap();
    let actions = |page: &AuditPage| page.items.iter().map(|item| item.record.action.clone()).collect::<Vec<_>>();
    let whole = bench.trail(&AuditFilter::default(), &PageRequest { limit: Some(8), cursor: None }).await;
    let expected = [
        "keys.disable",
        "decisions.allow",
        "keys.issue",
        "decisions.allow",
        "keys.issue",
        "decisions.allow",
        "keys.issue",
        "settings.update",
    ];
    assert_eq!(actions(&whole), expected);
    // In pages of any length.
    for limit in 1..=4 {
        let (mut cursor, mut read) = (None, Vec::new());
        while read.len() < expected.len() {
            let page = bench.trail(&AuditFilter::default(), &PageRequest { limit: Some(limit), cursor }).await;
            assert_eq!(page.newest_cursor.is_some(), read.is_empty());
            read.extend(actions(&page));
            cursor = page.next_cursor;
        }
        read.truncate(expected.len());
        assert_eq!(read, expected, "{limit}");
    }
    let found = async |filter: AuditFilter| actions(&bench.trail(&filter, &PageRequest::default()).await);
    let target = AuditFilter { target: Some(keys[0].to_string()), ..AuditFilter::default() };
    assert_eq!(found(target).await, ["keys.disable", "keys.issue"]);
    let actor = whole.items[1].record.actor.id.map(|id| id.to_string());
    assert_eq!(found(AuditFilter { actor, ..AuditFilter::default() }).await, ["decisions.allow"; 3]);
    let since = Some(whole.items[2].record.at);
    let until = Some(whole.items[1].record.at);
    assert_eq!(found(AuditFilter { since, ..of("keys.*") }).await, ["keys.disable", "keys.issue"]);
    assert_eq!(found(AuditFilter { since, until, ..AuditFilter::default() }).await, ["keys.issue"]);
    assert_eq!(found(of("keys.")).await, [""; 0], "a beginning is said to be one");
    // An organization is not flooded with its workspaces' decisions.
    let permit = bench.own_organization(ACTION_LIST_ORGANIZATION).await;
    let page = PageRequest { limit: Some(200), cursor: None };
    let all = bench.authority.list_organization_audit(&permit, &AuditFilter::default(), &page).await.unwrap();
    assert!(all.items.iter().all(|item| !item.record.action.starts_with("decisions.")));
}

#[tokio::test]
async fn who_follows_hears_everything_once() {
    let bench = Bench::new().await;
    bench.set_workspace(json!({ "audit_decisions": "denials" })).await;
    let mut after = bench.trail(&AuditFilter::default(), &PageRequest::default()).await.newest_cursor;
    let mut heard = Vec::new();
    for turn in 0..5 {
        bench.set_workspace(json!({ "description": format!("turn {turn}") })).await;
        bench.ask(denied()).await;
        bench.authority.tick().await;
        bench.clock.advance(2 * MINUTE);
        for _ in 0..4 {
            let filter = AuditFilter { after: after.clone(), ..AuditFilter::default() };
            let page = bench.trail(&filter, &PageRequest { limit: Some(1), cursor: None }).await;
            heard.extend(page.items.into_iter().map(|item| (item.record.action, item.sequence)));
            assert!(page.next_cursor.is_none());
            after = page.newest_cursor;
        }
    }
    let actions: Vec<_> = heard.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["settings.update", "decisions.deny"].repeat(5));
    let older = bench.trail(&AuditFilter::default(), &PageRequest { limit: Some(1), cursor: None }).await.next_cursor;
    let permit = bench.permit(ACTION_LIST).await;
    for (filter, page) in [
        (AuditFilter { after: older.clone(), ..AuditFilter::default() }, PageRequest::default()),
        (AuditFilter { after: Some("AAAA".into()), ..AuditFilter::default() }, PageRequest::default()),
        (AuditFilter { after: after.clone(), ..AuditFilter::default() }, PageRequest { limit: None, cursor: older }),
    ] {
        let refused = bench.authority.list_audit(&permit, &filter, &page).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{filter:?}");
    }
}

#[tokio::test]
async fn an_export_is_the_whole_trail_and_in_it() {
    let bench = Bench::new().await;
    bench.set_workspace(json!({ "audit_decisions": "denials" })).await;
    for number in 0..250 {
        bench.set_workspace(json!({ "description": format!("=cmd {number}, \"quoted\"") })).await;
    }
    bench.ask(denied()).await;
    bench.authority.tick().await;
    bench.clock.advance(MINUTE);
    let export = async |filter: AuditFilter, format| {
        let permit = bench.permit(ACTION_EXPORT).await;
        let mut export = bench.authority.export_audit(permit, filter, format).await.unwrap();
        let mut text = Vec::new();
        while let Some(part) = export.next(&bench.authority).await.unwrap() {
            text.extend_from_slice(&part);
        }
        String::from_utf8(text).unwrap()
    };
    let lines = export(AuditFilter::default(), ExportFormat::Ndjson).await;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |action: &str| lines.iter().filter(|line| line["action"] == action).count();
    assert_eq!((count("settings.update"), count("decisions.deny"), count("audit.export")), (251, 1, 1));
    let export_told = lines.iter().find(|line| line["action"] == "audit.export").unwrap();
    assert_eq!(export_told["after"], json!({ "format": "ndjson", "filter": {} }));
    let csv = export(of("settings.update"), ExportFormat::Csv).await;
    assert!(csv.starts_with("sequence,id,at,") && csv.ends_with("\r\n"));
    assert_eq!(csv.matches("\r\n").count(), 252);
    assert!(csv.contains(r#"""description"":""=cmd 7, \""quoted\"""""#), "{}", csv.lines().nth(3).unwrap());

    // Whoever is nobody any more gets no more of it.
    let manager =
        serde_json::from_value(json!({ "kind": "production", "name": "m", "scopes": ["audit:read"] })).unwrap();
    let manager = bench.issue(manager).await;
    let permit =
        bench.permit_of(&manager.secret, ACTION_EXPORT, Target::workspace(bench.demo.workspace)).await.unwrap();
    let mut export = bench.authority.export_audit(permit, AuditFilter::default(), ExportFormat::Ndjson).await.unwrap();
    assert!(export.next(&bench.authority).await.unwrap().is_some());
    let revoke = bench.permit(actions::REVOKE).await;
    bench.authority.change_key(&revoke, &manager.shown.id, Change::Revoke, &IfMatch::Any).await.unwrap();
    assert!(matches!(export.next(&bench.authority).await, Err(Error::Denied(_))));

    let permit = bench.own_organization(ACTION_EXPORT_ORGANIZATION).await;
    let mut export = bench
        .authority
        .export_organization_audit(permit, of("organization_audit.*"), ExportFormat::Ndjson)
        .await
        .unwrap();
    let mut text = Vec::new();
    while let Some(part) = export.next(&bench.authority).await.unwrap() {
        text.extend_from_slice(&part);
    }
    assert!(String::from_utf8_lossy(&text).contains("\"action\":\"organization_audit.export\""));
}

#[tokio::test]
async fn records_are_kept_as_long_as_is_said_and_no_log_has_a_hole() {
    let bench = Bench::new().await;
    bench.set_workspace(json!({ "audit_decisions": "denials" })).await;
    let log = format!("audit/{}", bench.demo.organization);
    let decisions = format!("decisions/{}", bench.demo.workspace);
    let home = bench.demo.organization.home();
    let length = async |log: &str| {
        use access_store::Store as _;
        bench.store.log(home, log, None, 1_000).await.unwrap().len()
    };
    for _ in 0..3 {
        bench.ask(denied()).await;
        bench.authority.tick().await;
        bench.clock.advance(DAY);
    }
    assert_eq!((bench.told().await.len(), length(&decisions).await), (3, 3));
    // Nothing was said: ninety days, but for the last, which what comes later goes on from.
    bench.clock.advance(88 * DAY);
    assert_eq!(bench.told().await.len(), 2, "not shown from that instant on");
    bench.clock.advance(5 * DAY);
    assert!(bench.told().await.is_empty());
    bench.work().await;
    assert_eq!(length(&decisions).await, 1);
    let changes = length(&log).await;
    assert!(bench.trail(&of("settings.update"), &PageRequest::default()).await.items.len() == 1, "changes stay");

    // A workspace's changes are hidden, and deleted as far as nothing before them is kept.
    bench.set_workspace(json!({ "audit_retention_days": 30 })).await;
    bench.work().await;
    let shown = bench.trail(&AuditFilter::default(), &PageRequest::default()).await.items;
    assert!(shown.iter().all(|item| item.record.action != "keys.issue"), "{shown:?}");
    assert!(length(&log).await > changes, "the organization's own records stand before them");
    let update: OrganizationSettingsUpdate = serde_json::from_value(json!({ "audit_retention_days": 30 })).unwrap();
    let permit = bench.own_organization(ACTION_UPDATE_ORGANIZATION).await;
    bench.authority.update_organization_settings(&permit, &update, &IfMatch::Any).await.unwrap();
    let other: SettingsUpdate = serde_json::from_value(json!({ "audit_retention_days": 30 })).unwrap();
    let target = Target::workspace(bench.demo.other_workspace);
    let permit = bench.authority.require(&bench.operator().await, ACTION_UPDATE, target, None).await.unwrap();
    bench.authority.update_settings(&permit, &other, &IfMatch::Any).await.unwrap();
    bench.work().await;
    let left = bench.own_organization(ACTION_LIST_ORGANIZATION).await;
    let page = PageRequest { limit: Some(200), cursor: None };
    let left = bench.authority.list_organization_audit(&left, &AuditFilter::default(), &page).await.unwrap().items;
    assert!(left.iter().any(|item| item.record.action == "audit.forget"), "what was forgotten is said");
    assert!(left.iter().all(|item| item.record.at.plus(30 * DAY) >= bench.authority.now()));
    assert_eq!(length(&log).await, left.len());
    let examined = examine(bench.store.as_ref(), home, &log, None).await.unwrap();
    assert_eq!((examined.faults, examined.first_fault), (0, None));
}

#[tokio::test]
async fn a_log_that_is_long_is_forgotten_in_pieces_and_done_is_done() {
    let bench = Bench::new().await;
    bench.set_workspace(json!({ "audit_decisions": "denials", "audit_retention_days": 30 })).await;
    for round in 0..10 {
        for number in 0..250 {
            let ip = format!("10.{round}.0.{number}");
            bench.ask(Ask { ip: Some(&ip), ..denied() }).await;
        }
        bench.authority.tick().await;
        bench.clock.advance(3 * MINUTE);
        bench.authority.tick().await;
    }
    let decisions = format!("decisions/{}", bench.demo.workspace);
    let length = async || {
        use access_store::Store as _;
        bench.store.log(bench.demo.organization.home(), &decisions, None, 10_000).await.unwrap().len()
    };
    assert_eq!(length().await, 2_500);
    bench.clock.advance(31 * DAY);
    bench.work().await;
    bench.work().await;
    bench.work().await;
    assert_eq!(length().await, 1);
}

#[tokio::test]
async fn exports_that_nobody_takes_keep_no_other_organization_from_its_own() {
    let bench = Bench::new().await;
    let mut all = Vec::new();
    for name in ["one", "two", "three"] {
        let organization = bench.create(name).await.unwrap().id;
        let begin = async || {
            let permit = bench.of_organization(organization, ACTION_EXPORT_ORGANIZATION).await;
            let filter = AuditFilter::default();
            bench.authority.export_organization_audit(permit, filter, ExportFormat::Ndjson).await
        };
        for _ in 0..4 {
            let mut export = begin().await.unwrap();
            assert!(export.next(&bench.authority).await.unwrap().is_some());
            all.push(export);
        }
        let refused = begin().await;
        assert!(matches!(refused, Err(Error::TooManyExports)), "{refused:?}");
        // Nor is what was refused recorded.
        let permit = bench.of_organization(organization, ACTION_LIST_ORGANIZATION).await;
        let (filter, page) = (of(ACTION_EXPORT_ORGANIZATION), PageRequest::default());
        assert_eq!(bench.authority.list_organization_audit(&permit, &filter, &page).await.unwrap().items.len(), 4);
    }
    let begin = async || {
        let permit = bench.permit(ACTION_EXPORT).await;
        bench.authority.export_audit(permit, AuditFilter::default(), ExportFormat::Ndjson).await
    };
    // One that is over gives its place back.
    for _ in 0..6 {
        let mut last = begin().await.unwrap();
        while last.next(&bench.authority).await.unwrap().is_some() {}
    }
}

#[tokio::test]
async fn so_many_follow_a_trail_and_an_organization_at_a_time() {
    let bench = Bench::new().await;
    let main = Target::workspace(bench.demo.workspace);
    let other = Target::workspace(bench.demo.other_workspace);
    let whole = Target::organization(bench.demo.organization);
    let follow =
        async |action: &str, target: &Target| bench.follow(action, target.clone(), &PageRequest::default()).await;
    let mut all = Vec::new();
    for target in [&main, &other] {
        for _ in 0..8 {
            all.push(follow(ACTION_LIST, target).await.unwrap());
        }
        let refused = follow(ACTION_LIST, target).await;
        assert!(matches!(refused, Err(Error::TooManyFollowers)), "{refused:?}");
    }
    let refused = follow(ACTION_LIST_ORGANIZATION, &whole).await;
    assert!(matches!(refused, Err(Error::TooManyFollowers)), "{refused:?}");
    follow(ACTION_LIST_PLATFORM, &Target::platform()).await.unwrap();
    all.pop();
    let mut last = follow(ACTION_LIST_ORGANIZATION, &whole).await.unwrap();
    let first = last.next(&bench.authority).await.unwrap().unwrap();
    assert!(first.items.is_empty() && first.newest_cursor.is_some(), "what was before is not told: {first:?}");
    bench.set_workspace(json!({ "audit_decisions": "denials" })).await;
    let actions = |page: &AuditPage| page.items.iter().map(|item| item.record.action.clone()).collect::<Vec<_>>();
    assert_eq!(actions(&last.next(&bench.authority).await.unwrap().unwrap()), ["settings.update"]);
    assert!(last.next(&bench.authority).await.unwrap().unwrap().items.is_empty(), "and once");
}

#[tokio::test]
async fn who_follows_is_judged_anew_each_minute_and_holds_no_place_longer() {
    let bench = Bench::new().await;
    let follow = async || {
        let target = Target::workspace(bench.demo.workspace);
        bench.follow(ACTION_LIST, target, &PageRequest::default()).await
    };
    let mut all = Vec::new();
    for _ in 0..8 {
        all.push(follow().await.unwrap());
    }
    let page = all[0].next(&bench.authority).await.unwrap().unwrap();
    assert_eq!(page.newest_cursor.as_deref(), Some(all[0].newest_cursor()));
    bench.clock.advance(MINUTE - Duration::from_millis(1));
    assert!(all[0].next(&bench.authority).await.unwrap().is_some());
    assert!(matches!(follow().await, Err(Error::TooManyFollowers)));
    bench.clock.advance(Duration::from_millis(1));
    // Although those that are not asked for anything more, since nobody reads what they said, are there still.
    follow().await.unwrap();
    for follower in &mut all {
        assert!(follower.next(&bench.authority).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn who_is_behind_is_told_that_there_is_more() {
    let bench = Bench::new().await;
    let page = PageRequest { limit: Some(100), cursor: None };
    let mut follower = bench.follow(ACTION_LIST, Target::workspace(bench.demo.workspace), &page).await.unwrap();
    follower.next(&bench.authority).await.unwrap();
    assert!(!follower.is_behind());
    for number in 0..250 {
        bench.set_workspace(json!({ "description": format!("change {number}") })).await;
    }
    for told in [(100, true), (100, true), (50, false)] {
        let page = follower.next(&bench.authority).await.unwrap().unwrap();
        assert_eq!((page.items.len(), follower.is_behind()), told);
        // A store that fails is not asked again at once.
        bench.failing.fails.store(true, Ordering::SeqCst);
        assert!(follower.next(&bench.authority).await.is_err() && !follower.is_behind());
        bench.failing.fails.store(false, Ordering::SeqCst);
    }
}
