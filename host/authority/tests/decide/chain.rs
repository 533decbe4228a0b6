//! The chain: what is appended is sealed, whoever does it, and what is exported can be checked.

use std::sync::Arc;
use std::time::Duration;

use access_authority::audit::{AuditFilter, ExportFormat, examine, is_sealed_by};
use access_authority::keys::{Change, KeyRequest, actions};
use access_authority::lifecycle::init::{Names, init};
use access_authority::lifecycle::root_key::RootKey;
use access_authority::{Authority, Error, IfMatch, Outcome};
use access_model::audit::SealedRecord;
use access_model::audit::chain::{Chain, Link};
use access_model::audit::verify::{Fault, Verified, Verifier};
use access_model::clock::ManualClock;
use access_model::entropy::SystemEntropy;
use access_model::{Catalog, Email, Shard, Timestamp};
use access_store::{Commit, IndexEntry, LogEntry, Memory, Metered, Put, Range, Store};
use serde_json::json;

use crate::bench::{Ask, Bench, CATALOG};

const DAY: Duration = Duration::from_secs(86_400);

impl Bench {
    fn log(&self) -> String {
        format!("audit/{}", self.demo.organization)
    }

    async fn entries(&self, log: &str) -> Vec<LogEntry> {
        let mut entries = self.store.log(self.demo.organization.home(), log, None, 10_000).await.unwrap();
        entries.reverse();
        entries
    }

    async fn chain(&self, log: &str) -> Option<Chain> {
        let key = format!("audit-chain/{log}");
        let found = self.store.read(self.demo.organization.home(), &[key]).await.unwrap();
        found[0].as_ref().map(|record| serde_json::from_slice(&record.value).unwrap())
    }

    /// The log's chain is that of its records, up to the last.
    async fn check_sealed(&self, log: &str) -> Chain {
        let chain = self.chain(log).await.unwrap();
        assert!(chain.begins.is_genuine() && chain.sealed.is_genuine());
        let (mut link, mut sequence) = (chain.begins.link, chain.begins.sequence);
        for entry in self.entries(log).await {
            sequence += 1;
            let sealed: SealedRecord = serde_json::from_slice(&entry.value).unwrap();
            assert_eq!(entry.sequence, sequence);
            link = link.next(sequence, &sealed.sha256);
        }
        assert_eq!((chain.sealed.sequence, chain.sealed.link), (sequence, link));
        chain
    }

    async fn change_something(&self) {
        let description = format!("at {}", self.entries(&self.log()).await.len());
        self.set_workspace(json!({ "description": description })).await;
    }

    async fn export(&self, filter: AuditFilter) -> String {
        let permit = self.permit("audit.export").await;
        let mut export = self.authority.export_audit(permit, filter, ExportFormat::Ndjson).await.unwrap();
        let mut text = Vec::new();
        while let Some(part) = export.next(&self.authority).await.unwrap() {
            text.extend_from_slice(&part);
        }
        String::from_utf8(text).unwrap()
    }

    fn verify(&self, text: &str) -> Result<Verified, Fault> {
        let mut verifier = Verifier::new(self.authority.audit_keys());
        for line in text.split_inclusive('\n') {
            verifier.take(line.as_bytes())?;
        }
        verifier.end()
    }
}

fn key() -> KeyRequest {
    serde_json::from_value(json!({ "kind": "read_only", "name": "e2e" })).unwrap()
}

/// All that is due in a shard, whenever.
async fn due(store: &dyn Store, shard: Shard) -> Vec<IndexEntry> {
    let range = Range { index: "due".to_owned(), after: None, up_to: None, descending: false, limit: 1_000 };
    store.range(shard, range).await.unwrap()
}

async fn ticks(hosts: &[&Authority]) {
    for _ in 0..4 {
        for host in hosts {
            host.tick().await;
        }
    }
}

#[tokio::test]
async fn what_was_appended_is_sealed_with_the_next_tick_and_only_then_written_of() {
    let bench = Bench::new().await;
    let log = bench.log();
    bench.authority.tick().await;
    let first = bench.check_sealed(&log).await;
    assert_eq!((first.begins.sequence, first.begins.link), (0, Link::beginning(&log, 0)));
    bench.change_something().await;
    bench.change_something().await;
    assert_eq!(bench.chain(&log).await.unwrap(), first, "not within the change");
    bench.authority.tick().await;
    let second = bench.check_sealed(&log).await;
    assert_eq!(second.sealed.sequence, first.sealed.sequence + 2);
    ticks(&[&bench.authority]).await;
    assert_eq!(bench.chain(&log).await.unwrap(), second, "nothing new, nothing written");
}

#[tokio::test]
async fn nothing_to_seal_costs_nothing() {
    let bench = Bench::new().await;
    bench.clock.advance(Duration::from_secs(10));
    ticks(&[&bench.authority]).await;
    bench.clock.advance(Duration::from_secs(10));
    let due = Range {
        index: "due".to_owned(),
        after: None,
        up_to: Some(bench.authority.now().as_millis()),
        descending: false,
        limit: 10,
    };
    for shard in 0..16 {
        let shard = Shard::new(shard).unwrap();
        assert_eq!(bench.store.range(shard, due.clone()).await.unwrap(), [], "marks are gone");
    }
}

#[tokio::test]
async fn what_a_dead_host_left_is_sealed_by_another() {
    let bench = Bench::new().await;
    let other = bench.second_host().await;
    bench.authority.tick().await;
    bench.change_something().await;
    // It dies, and with it what it knew.
    bench.store.take_appended();
    other.tick().await;
    let left = bench.entries(&bench.log()).await.len() as u64;
    assert_eq!(bench.chain(&bench.log()).await.unwrap().sealed.sequence, left - 1);
    bench.clock.advance(Duration::from_secs(6));
    ticks(&[&other]).await;
    bench.check_sealed(&bench.log()).await;
}

#[tokio::test]
async fn two_hosts_that_seal_at_once_make_one_chain() {
    let bench = Bench::new().await;
    let other = bench.second_host().await;
    for _ in 0..20 {
        bench.change_something().await;
        bench.clock.advance(Duration::from_secs(6));
        let (one, two): ([&Authority; 1], [&Authority; 1]) = ([&bench.authority], [&other]);
        tokio::join!(ticks(&one), ticks(&two));
        bench.check_sealed(&bench.log()).await;
    }
}

#[tokio::test]
async fn a_log_from_before_there_were_chains_is_sealed_from_where_it_begins() {
    let bench = Bench::new().await;
    let (log, home) = (bench.log(), bench.demo.organization.home());
    bench.store.take_appended();
    for _ in 0..1_100 {
        bench.change_something().await;
    }
    bench.store.take_appended();
    let mut trimmed = Commit::new(home);
    trimmed.log_trims.push((log.clone(), 3));
    trimmed.puts.push(Put::new(format!("log-begins/{log}"), "4".into()));
    bench.store.commit(trimmed).await.unwrap();
    assert_eq!(bench.chain(&log).await, None);
    bench.change_something().await;
    bench.authority.tick().await;
    let chain = bench.check_sealed(&log).await;
    assert_eq!((chain.begins.sequence, chain.begins.link), (3, Link::beginning(&log, 3)));
}

#[tokio::test]
async fn a_chain_that_is_taken_away_is_not_begun_anew_unseen() {
    let bench = Bench::new().await;
    let (log, home) = (bench.log(), bench.demo.organization.home());
    bench.authority.tick().await;
    bench.clock.advance(366 * DAY);
    ticks(&[&bench.authority]).await;
    bench.authority.tick().await;
    assert!(bench.check_sealed(&log).await.begins.sequence > 0, "its beginning was kept long enough");
    let begun_late = async || examine(bench.store.as_ref(), home, &log, None).await.unwrap().begun_late;
    assert_eq!(begun_late().await, None);
    let mut taken = Commit::new(home);
    taken.deletes.push(format!("audit-chain/{log}"));
    bench.store.commit(taken).await.unwrap();
    bench.change_something().await;
    bench.authority.tick().await;
    bench.check_sealed(&log).await;
    assert_eq!(begun_late().await, Some(bench.authority.now()));
}

#[tokio::test]
async fn what_init_wrote_is_sealed_however_late_a_host_comes_and_nobody_wonders() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_767_225_600_000)));
    let store = Arc::new(Metered::new(Arc::new(Memory::new(16))));
    let dir = tempfile::tempdir().unwrap();
    let root = RootKey::create(&dir.path().join("root.key"), &SystemEntropy).unwrap();
    let catalog = Arc::new(Catalog::parse(CATALOG).unwrap());
    let owner = Email::parse("ada@example.com").unwrap();
    let names = Names { organization: "acme", workspace: "main", owner: Some(&owner) };
    let begun = init(store.as_ref(), &catalog, &root, clock.as_ref(), &SystemEntropy, names).await.unwrap();
    let home = begun.organization.home();
    let logs = [(Shard::PLATFORM, "audit/platform".to_owned()), (home, format!("audit/{}", begun.organization))];
    // Its process has ended, and with it what it knew.
    store.take_appended();
    clock.advance(DAY);
    let looked_at = async || {
        let mut records = Vec::new();
        for (home, log) in &logs {
            let examined = examine(store.as_ref(), *home, log, None).await.unwrap();
            assert_eq!((examined.is_unsealed, examined.begun_late, examined.faults), (false, None, 0), "{log}");
            records.push(examined.records);
        }
        records
    };
    looked_at().await;
    let host = Bench::host(&store, &clock, &root, catalog, false).await;
    ticks(&[&host]).await;
    let records = looked_at().await;
    for ((home, log), records) in logs.iter().zip(records) {
        assert!(is_sealed_by(store.as_ref(), *home, log, &host.audit_keys()).await.unwrap());
        let found = store.read(*home, &[format!("audit-chain/{log}")]).await.unwrap();
        let chain: Chain = serde_json::from_slice(&found[0].as_ref().unwrap().value).unwrap();
        assert_eq!((chain.begins.sequence, chain.sealed.sequence), (0, records), "{log}");
    }
    let due = due(store.as_ref(), home).await;
    let retention = format!("audit-retention/{}", begun.organization);
    assert!(due.iter().any(|entry| entry.member == retention), "it is kept as long as others are: {due:?}");
}

#[tokio::test]
async fn the_mark_of_a_log_that_cannot_be_sealed_is_put_later() {
    let bench = Bench::new().await;
    bench.authority.tick().await;
    let mut forged = Commit::new(bench.demo.organization.home());
    forged.appends.push((bench.log(), "no record".into()));
    bench.store.commit(forged).await.unwrap();
    bench.change_something().await;
    bench.store.take_appended();
    bench.clock.advance(Duration::from_secs(6));
    ticks(&[&bench.authority]).await;
    let mark = format!("audit-seal/{}", bench.demo.organization);
    let due = due(bench.store.as_ref(), bench.demo.organization.home()).await;
    let mark = due.into_iter().find(|entry| entry.member == mark).unwrap();
    assert!(mark.score > bench.authority.now().as_millis(), "{mark:?}");
}

#[tokio::test]
async fn a_log_that_cannot_be_sealed_refuses_changes_and_narrowing_ones_last_while_decisions_go_on() {
    let bench = Bench::with(&CATALOG.replace("unsealed_records = 50000", "unsealed_records = 20")).await;
    let keys =
        [bench.issue(key()).await.shown.id, bench.issue(key()).await.shown.id, bench.issue(key()).await.shown.id];
    bench.authority.tick().await;
    // Somebody writes to the log past the host.
    let mut forged = Commit::new(bench.demo.organization.home());
    forged.appends.push((bench.log(), "no record".into()));
    bench.store.commit(forged).await.unwrap();
    for number in 0..19 {
        bench.set_workspace(json!({ "description": number.to_string() })).await;
        bench.authority.tick().await;
    }
    let permit = bench.permit(actions::ISSUE).await;
    let refused = bench.authority.issue_key(&permit, key(), None).await;
    assert!(matches!(refused, Err(Error::AuditFull)), "{refused:?}");
    let revoke = async |id| {
        let permit = bench.permit(actions::REVOKE).await;
        bench.authority.change_key(&permit, id, Change::Revoke, &IfMatch::Any).await
    };
    revoke(&keys[0]).await.unwrap();
    revoke(&keys[1]).await.unwrap();
    assert!(matches!(revoke(&keys[2]).await, Err(Error::AuditFull)));
    assert_eq!(bench.ask(Ask::default()).await.decision, Outcome::Allow);
}

#[tokio::test]
async fn an_export_is_verified_and_carries_what_it_leaves_out_as_hashes() {
    let bench = Bench::new().await;
    bench.set_workspace(json!({ "audit_decisions": "denials" })).await;
    bench.ask(Ask { method: Some("POST"), credential: Some(bench.key("read_only")), ..Ask::default() }).await;
    bench.authority.tick().await;
    let text = bench.export(AuditFilter::default()).await;
    let verified = bench.verify(&text).unwrap();
    assert_eq!(verified.trailer.chains.len(), 2, "changes, and decisions");
    assert_eq!(verified.trailer.workspace, Some(bench.demo.workspace));
    // The organization's own records and those of the other workspace are nobody's business here.
    assert!(verified.trailer.left_out > 0);
    assert!(!text.contains(&bench.demo.other_workspace.to_string()), "{text}");
    assert!(text.contains("\"action\":\"decisions.deny\"") && text.contains("\"action\":\"audit.export\""));
    let filtered = bench.export(AuditFilter { action: Some("settings.*".into()), ..AuditFilter::default() }).await;
    let filtered = bench.verify(&filtered).unwrap().trailer;
    assert_eq!((filtered.records, filtered.filter), (1, json!({ "action": "settings.*" })));
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    for dropped in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(dropped);
        assert_eq!(bench.verify(&fewer.concat()).unwrap_err().line, dropped as u64 + 1);
    }
}

#[tokio::test]
async fn a_day_before_its_end_a_record_is_there_and_a_day_after_it_is_gone_and_the_chain_still_verifies() {
    let bench = Bench::new().await;
    let log = bench.log();
    let begun = bench.entries(&log).await.len();
    bench.authority.tick().await;
    bench.clock.advance(364 * DAY);
    ticks(&[&bench.authority]).await;
    let there = bench.entries(&log).await;
    assert!(there.len() >= begun && there[0].sequence == 1, "nothing is gone");
    let text = bench.export(AuditFilter::default()).await;
    assert!(text.contains("\"action\":\"workspaces.create\"") || text.contains("\"action\":\"keys.issue\""), "{text}");
    bench.verify(&text).unwrap();
    bench.clock.advance(2 * DAY);
    ticks(&[&bench.authority]).await;
    let left = bench.entries(&log).await;
    assert!(left[0].sequence as usize > begun, "{}", left[0].sequence);
    let chain = bench.check_sealed(&log).await;
    assert_eq!(chain.begins.sequence + 1, left[0].sequence);
    assert_ne!(chain.begins.link, Link::beginning(&log, chain.begins.sequence), "it goes on from what went");
    let text = bench.export(AuditFilter::default()).await;
    assert_eq!(bench.verify(&text).unwrap().trailer.chains[0].first, left[0].sequence);
    assert!(!text.contains("keys.issue"));
}
