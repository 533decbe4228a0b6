//! Going through a whole log: what `doctor` says of the audit trail.

use std::time::Duration;

use access_model::audit::SealedRecord;
use access_model::audit::chain::{Chain, Link};
use access_model::audit::key::PublicKey;
use access_model::{Shard, Timestamp};
use access_store::{LogEntry, Store, StoreError};

use super::forward::Forward;
use crate::error::Error;
use crate::records;

/// What the names of audit logs begin with.
pub const LOGS: &str = "audit/";
/// Records of one read.
const READ_AT_ONCE: usize = 1_000;
/// A host that runs seals within a second. One that died before it did may have been away.
pub const LATE: Duration = Duration::from_secs(3_600);

/// What an audit log is like, gone through from end to end.
#[derive(Debug, Default)]
pub struct Examined {
    /// How many records it has.
    pub records: u64,
    /// When the newest was made that can be read.
    pub newest: Option<Timestamp>,
    /// When the oldest was made that can be read.
    pub oldest: Option<Timestamp>,
    /// Whether nothing of it was ever sealed.
    pub is_unsealed: bool,
    /// When its chain was begun, if that was long after its oldest record was made, or in its middle: one whose beginning was
    /// kept long enough goes on from the link of what went.
    pub begun_late: Option<Timestamp>,
    /// How many records are wrong.
    pub faults: u64,
    /// The first of them, and what is wrong with it; absent when all is well.
    pub first_fault: Option<String>,
}

/// Goes through the log `log`: each record must be what was hashed, be of this log, and follow its predecessor without a gap;
/// and together they must be what was sealed.
/// `last` is the number of the last one, where that is known; without it, what was cut off at the end can't be seen.
///
/// # Errors
/// When the store can't answer.
pub async fn examine(store: &dyn Store, shard: Shard, log: &str, last: Option<u64>) -> Result<Examined, StoreError> {
    let mut examined = Examined::default();
    // What came before was kept for as long as it should be.
    let begins = records::read::<u64>(store, shard, records::log_begins(log)).await.ok().flatten();
    let begins = begins.map_or(1, |begins| begins.value);
    // Records that were appended since `last` was read are looked at as well.
    let mut before: Option<u64> = None;
    let mut end = last.map(|last| last.saturating_add(1));
    loop {
        let entries = store.log(shard, log, before, READ_AT_ONCE).await?;
        let is_last = entries.len() < READ_AT_ONCE;
        for entry in entries {
            examined.take(log, before.or(end.take()), &entry);
            before = Some(entry.sequence);
        }
        if is_last {
            examined.end(begins, before.or(end));
            break;
        }
    }
    let chain = records::read::<Chain>(store, shard, records::chain_of(log)).await.ok().flatten();
    let begins = chain.as_ref().map(|chain| &chain.value.begins);
    examined.is_unsealed = chain.is_none() && examined.records > 0;
    examined.begun_late = begins
        .filter(|begins| begins.link == Link::beginning(log, begins.sequence))
        .filter(|begins| begins.sequence > 0 || examined.oldest.is_some_and(|oldest| oldest.plus(LATE) < begins.at))
        .map(|begins| begins.at);
    if examined.faults == 0 && !is_as_sealed(store, shard, log).await? {
        examined.faults = 1;
        examined.first_fault = Some("the records are not those that were sealed".to_owned());
    }
    Ok(examined)
}

/// Whether a log was sealed by one of these keys; so was one that never was.
///
/// # Errors
/// When the store can't answer.
pub async fn is_sealed_by(store: &dyn Store, shard: Shard, log: &str, keys: &[PublicKey]) -> Result<bool, StoreError> {
    let key = records::chain_of(log);
    let read = store.read(shard, std::slice::from_ref(&key)).await?.pop().flatten();
    // One that can't be read is told by `examine`.
    let chain = read.and_then(|record| records::decode::<Chain>(&key, &record).ok());
    Ok(chain.is_none_or(|chain| keys.contains(&chain.begins.key) && keys.contains(&chain.sealed.key)))
}

/// Whether a log leads from where its chain begins to where it was sealed. One that has no chain was never sealed.
async fn is_as_sealed(store: &dyn Store, shard: Shard, log: &str) -> Result<bool, StoreError> {
    let read = async || records::read::<Chain>(store, shard, records::chain_of(log)).await.ok().flatten();
    let Some(Chain { begins, sealed }) = read().await.map(|chain| chain.value) else { return Ok(true) };
    if !begins.is_genuine() || !sealed.is_genuine() || begins.log != log || sealed.log != log {
        return Ok(false);
    }
    let mut forward = Forward { home: shard, log: log.to_owned(), sequence: begins.sequence, link: begins.link };
    loop {
        match forward.next(store, sealed.sequence).await {
            Ok(page) if page.is_empty() => return Ok(forward.link == sealed.link),
            Ok(_) => {}
            Err(Error::StoreUnavailable) => {
                return Err(StoreError::Unavailable("while an audit log was read".to_owned()));
            }
            // Its beginning was forgotten meanwhile, by a host that serves.
            Err(_) => return Ok(read().await.is_some_and(|now| now.value.begins != begins)),
        }
    }
}

/// A log is read backwards, so that the last fault that is found is the first.
impl Examined {
    /// The entry that comes before the one numbered `after`.
    fn take(&mut self, log: &str, after: Option<u64>, entry: &LogEntry) {
        let next = entry.sequence.saturating_add(1);
        if let Some(after) = after.filter(|after| *after > next) {
            self.find_fault(next, after - next, "is missing");
        }
        let record = serde_json::from_slice::<SealedRecord>(&entry.value).ok().and_then(|sealed| sealed.open());
        match &record {
            None => self.find_fault(entry.sequence, 1, "is not what was hashed"),
            Some(record) if records::audit_of(record.organization.as_ref()) != log => {
                self.find_fault(entry.sequence, 1, "is of another log");
            }
            Some(record) => {
                self.newest = self.newest.or(Some(record.at));
                self.oldest = Some(record.at);
            }
        }
        self.records += 1;
    }

    /// Nothing comes before the entry numbered `first`, of a log that begins with `begins`.
    fn end(&mut self, begins: u64, first: Option<u64>) {
        if let Some(first) = first.filter(|first| *first > begins) {
            self.find_fault(begins, first - begins, "is missing");
        }
    }

    fn find_fault(&mut self, sequence: u64, count: u64, what: &str) {
        self.faults += count;
        self.first_fault = Some(format!("record {sequence} {what}"));
    }
}

#[cfg(test)]
mod tests {
    use access_model::audit::chain::Checkpoint;
    use access_model::audit::key::AuditKey;
    use access_model::audit::{Actor, AuditRecord};
    use access_model::entropy::SeededEntropy;
    use access_model::{Id, IdKind};
    use access_store::{Commit, Memory};

    use super::*;

    const LOG: &str = "audit/platform";

    /// The entry of the record made in this second, perhaps another's.
    fn entry(second: i64, organization: Option<Id>) -> String {
        let record = AuditRecord {
            id: Id::draw(IdKind::Audit, Shard::PLATFORM, &SeededEntropy::new(b"audit")).unwrap(),
            at: Timestamp::from_millis(second * 1_000),
            organization,
            workspace: None,
            actor: Actor { kind: "system".into(), id: None },
            action: "tested".into(),
            target: "it".into(),
            decision_id: None,
            before: None,
            after: None,
        };
        serde_json::to_string(&SealedRecord::seal(&record).unwrap()).unwrap()
    }

    #[track_caller]
    fn check(examined: &Examined, records: u64, faults: u64, first_fault: Option<&str>) {
        let found = (examined.records, examined.faults, examined.first_fault.as_deref());
        assert_eq!(found, (records, faults, first_fault));
    }

    #[tokio::test]
    async fn a_log_is_whole_or_the_first_fault_is_named() {
        let another = Id::draw(IdKind::Organization, Shard::PLATFORM, &SeededEntropy::new(b"org")).unwrap();
        let changed = entry(2, None).replace("tested", "tasted");
        for (second, faults, first) in [
            (entry(2, None), 0, None),
            (changed, 1, Some("record 2 is not what was hashed")),
            ("no record".to_owned(), 1, Some("record 2 is not what was hashed")),
            (entry(2, Some(another)), 1, Some("record 2 is of another log")),
        ] {
            let store = Memory::new(1);
            let all = (1..=2_500).map(|number| if number == 2 { second.clone() } else { entry(number, None) });
            let mut commit = Commit::new(Shard::PLATFORM);
            commit.appends = all.map(|entry| (LOG.to_owned(), entry.into())).collect();
            store.commit(commit).await.unwrap();
            let examined = examine(&store, Shard::PLATFORM, LOG, None).await.unwrap();
            check(&examined, 2_500, faults, first);
            assert_eq!(examined.newest, Some(Timestamp::from_millis(2_500_000)));
            let cut_off = examine(&store, Shard::PLATFORM, LOG, Some(2_502)).await.unwrap();
            check(&cut_off, 2_500, faults + 2, first.or(Some("record 2501 is missing")));
        }
        check(
            &examine(&Memory::new(1), Shard::PLATFORM, LOG, Some(3)).await.unwrap(),
            0,
            3,
            Some("record 1 is missing"),
        );
        check(&examine(&Memory::new(1), Shard::PLATFORM, LOG, None).await.unwrap(), 0, 0, None);
    }

    /// Whoever takes a chain away can have what they wrote sealed anew, but not in time.
    #[tokio::test]
    async fn a_chain_that_was_made_anew_began_late() {
        let key = AuditKey::from_seed(&[1; 32]);
        let (beginning, anew) = (Link::beginning(LOG, 0), Link::beginning(LOG, 1));
        let of_first = serde_json::from_str::<SealedRecord>(&entry(1, None)).unwrap().sha256;
        for (seconds, gone, link, late) in [
            (None, 0, beginning, false),
            (Some(2), 0, beginning, false),
            (Some(3_600), 0, beginning, false),
            (Some(3_602), 0, beginning, true),
            // What is said to be gone may be there.
            (Some(2), 1, anew, true),
            (Some(3_602), 1, anew, true),
            (Some(3_602), 1, beginning.next(1, &of_first), false),
        ] {
            let store = Memory::new(1);
            let mut commit = Commit::new(Shard::PLATFORM);
            commit.appends = vec![(LOG.to_owned(), entry(1, None).into())];
            let at = seconds.map(|seconds: i64| Timestamp::from_millis(seconds * 1_000));
            if let Some(at) = at {
                let ends = Checkpoint::sign(LOG, gone, link, at, &key);
                let value = serde_json::to_vec(&Chain { begins: ends.clone(), sealed: ends }).unwrap();
                commit.puts.push(access_store::Put::new(records::chain_of(LOG), value.into()));
            }
            store.commit(commit).await.unwrap();
            let examined = examine(&store, Shard::PLATFORM, LOG, None).await.unwrap();
            let found = (examined.is_unsealed, examined.begun_late);
            assert_eq!(found, (at.is_none(), at.filter(|_| late)), "{seconds:?} {gone}");
        }
    }

    #[tokio::test]
    async fn what_was_forgotten_in_time_is_not_missing() {
        let store = Memory::new(1);
        let mut commit = Commit::new(Shard::PLATFORM);
        commit.appends = (1..=5).map(|number| (LOG.to_owned(), entry(number, None).into())).collect();
        commit.log_trims.push((LOG.to_owned(), 3));
        store.commit(commit.clone()).await.unwrap();
        check(&examine(&store, Shard::PLATFORM, LOG, Some(5)).await.unwrap(), 2, 3, Some("record 1 is missing"));
        let mut begins = Commit::new(Shard::PLATFORM);
        begins.puts.push(access_store::Put::new(records::log_begins(LOG), "4".into()));
        store.commit(begins).await.unwrap();
        check(&examine(&store, Shard::PLATFORM, LOG, Some(5)).await.unwrap(), 2, 0, None);
    }

    #[tokio::test]
    async fn a_record_that_was_made_anew_with_its_hash_is_not_what_was_sealed() {
        let entries = |of: [i64; 3]| of.map(|second| entry(second, None));
        let sealed = |entry: &String| serde_json::from_str::<SealedRecord>(entry).unwrap().sha256;
        let (at, key) = (Timestamp::from_millis(0), AuditKey::from_seed(&[1; 32]));
        let beginning = Link::beginning(LOG, 0);
        let link =
            entries([1, 2, 3]).iter().zip(1..).fold(beginning, |link, (entry, at)| link.next(at, &sealed(entry)));
        let chain = Chain {
            begins: Checkpoint::sign(LOG, 0, beginning, at, &key),
            sealed: Checkpoint::sign(LOG, 3, link, at, &key),
        };
        for (seconds, faults) in [([1, 2, 3], 0), ([1, 9, 3], 1)] {
            let store = Memory::new(1);
            let mut commit = Commit::new(Shard::PLATFORM);
            commit.appends = entries(seconds).map(|entry| (LOG.to_owned(), entry.into())).to_vec();
            let value = serde_json::to_vec(&chain).unwrap();
            commit.puts.push(access_store::Put::new(records::chain_of(LOG), value.into()));
            store.commit(commit).await.unwrap();
            let first = (faults == 1).then_some("the records are not those that were sealed");
            check(&examine(&store, Shard::PLATFORM, LOG, Some(3)).await.unwrap(), 3, faults, first);
            // Whoever writes past the host can seal anew, by a key of their own.
            for (keys, expected) in [(vec![key.public()], true), (vec![AuditKey::from_seed(&[2; 32]).public()], false)]
            {
                assert_eq!(is_sealed_by(&store, Shard::PLATFORM, LOG, &keys).await.unwrap(), expected);
            }
        }
        assert!(is_sealed_by(&Memory::new(1), Shard::PLATFORM, LOG, &[]).await.unwrap(), "it was never sealed");
    }

    #[test]
    fn a_gap_is_found_wherever_it_is() {
        for (sequences, faults, first) in [
            (&[3, 2, 1][..], 0, None),
            (&[5, 4, 1], 2, Some("record 2 is missing")),
            (&[5, 3], 3, Some("record 1 is missing")),
            (&[2], 1, Some("record 1 is missing")),
        ] {
            let (mut examined, mut before) = (Examined::default(), None);
            for sequence in sequences.iter().copied() {
                examined.take(LOG, before, &LogEntry { sequence, value: entry(1, None).into() });
                before = Some(sequence);
            }
            examined.end(1, before);
            check(&examined, sequences.len() as u64, faults, first);
        }
    }
}
