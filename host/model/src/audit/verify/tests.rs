//! Exports as a host writes them, and what can be done to them.

use proptest::prelude::*;

use super::*;
use crate::audit::chain::Chain;
use crate::audit::key::AuditKey;
use crate::audit::{Actor, AuditRecord, SealedRecord, lines};
use crate::clock::Timestamp;
use crate::entropy::SeededEntropy;
use crate::id::{Id, IdKind, Shard};

fn key() -> AuditKey {
    AuditKey::from_seed(&[1; 32])
}

fn id(kind: IdKind, seed: &str) -> Id {
    Id::draw(kind, Shard::PLATFORM, &SeededEntropy::new(seed.as_bytes())).unwrap()
}

fn record(number: u64) -> SealedRecord {
    let record = AuditRecord {
        id: id(IdKind::Audit, &number.to_string()),
        at: Timestamp::from_millis(number.cast_signed() * 1_000),
        organization: Some(id(IdKind::Organization, "o")),
        workspace: None,
        actor: Actor { kind: "operator".into(), id: None },
        action: "keys.issue".into(),
        target: "}\n\"€".into(),
        decision_id: None,
        before: None,
        after: Some(serde_json::json!({ "number": number })),
    };
    SealedRecord::seal(&record).unwrap()
}

/// The export of logs with so many records each, after so many that are gone; every `nth` is left out.
fn export(logs: &[(u64, u64)], nth: u64) -> Vec<String> {
    let (key, at) = (key(), Timestamp::from_millis(9_000));
    let (mut text, mut chains, mut records, mut left_out) = (Vec::new(), Vec::new(), 0, 0);
    for (place, (gone, count)) in logs.iter().enumerate() {
        let log = format!("audit/{place}");
        let beginning = Link::beginning(&log, *gone);
        let (mut link, mut of_log) = (beginning, Vec::new());
        for sequence in gone + 1..=gone + count {
            let sealed = record(sequence);
            link = link.next(sequence, &sealed.sha256);
            let is_left_out = sequence.is_multiple_of(nth);
            *(if is_left_out { &mut left_out } else { &mut records }) += 1;
            let bytes = (!is_left_out).then_some(&*sealed.record);
            of_log.push(lines::record(sequence, &sealed.sha256, link, bytes));
        }
        let begins = Checkpoint::sign(&log, *gone, beginning, at, &key);
        let sealed = Checkpoint::sign(&log, gone + count, link, at, &key);
        text.push(lines::opening(&Chain { begins, sealed }).unwrap());
        text.extend(of_log);
        chains.push(Span { log, first: gone + 1, last: gone + count, head: link });
    }
    let (organization, filter) = (Some(id(IdKind::Organization, "o")), serde_json::json!({}));
    let mut digest = Lines::default();
    text.iter().for_each(|line| digest.take(line));
    let sha256 = digest.sha256();
    let trailer = Trailer { organization, workspace: None, at, filter, records, left_out, chains, sha256 };
    text.push(lines::trailer(&trailer, &key).unwrap());
    text
}

fn verify(text: &[u8], trusted: Vec<PublicKey>) -> Result<Verified, Fault> {
    let mut verifier = Verifier::new(trusted);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        verifier.take(line)?;
    }
    verifier.end()
}

/// Where it is found to be wrong, with or without the key.
#[track_caller]
fn fault(text: &[u8]) -> Fault {
    let fault = verify(text, Vec::new()).unwrap_err();
    assert_eq!(verify(text, vec![key().public()]).unwrap_err().line, fault.line);
    fault
}

#[test]
fn what_was_signed_is_verified() {
    for (logs, nth) in [(&[(0, 1)][..], 2), (&[(0, 7), (500, 3)], 3), (&[(2, 5)], 1), (&[], 1)] {
        let text = export(logs, nth).concat();
        let verified = verify(text.as_bytes(), vec![key().public()]).unwrap();
        let counted: u64 = logs.iter().map(|(_, count)| count).sum();
        assert_eq!(verified.trailer.records + verified.trailer.left_out, counted);
        assert_eq!(verified.trailer.chains.len(), logs.len());
        assert!(verify(text.as_bytes(), Vec::new()).is_ok());
    }
}

#[test]
fn another_key_is_not_believed() {
    let stranger = AuditKey::from_seed(&[2; 32]).public();
    let fault = verify(export(&[(0, 2)], 3).concat().as_bytes(), vec![stranger]).unwrap_err();
    assert_eq!((fault.line, fault.why), (1, Why::NotTrusted(key().public())));
}

#[test]
fn what_was_done_to_an_export_is_named() {
    let whole = export(&[(0, 4)], 3);
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = whole.clone();
        change(&mut lines);
        fault(lines.concat().as_bytes()).to_string()
    };
    let changed = "line 3, record 2 of `audit/0`: was changed: its bytes are not what was hashed";
    assert_eq!(with(&|lines| lines[2] = lines[2].replace("keys.issue", "keys.Issue")), changed);
    let dropped = "line 3, record 2 of `audit/0`: is not in its place; record 3 is there";
    assert_eq!(with(&|lines| drop(lines.remove(2))), dropped);
    let cut = "line 5, record 4 of `audit/0`: is missing: the chain goes on to record 4";
    assert_eq!(with(&|lines| drop(lines.remove(4))), cut);
    let no_trailer = "line 6: is missing: the export breaks off before its trailer";
    assert_eq!(with(&|lines| lines.truncate(5)), no_trailer);
    let early = "line 4, record 3 of `audit/0`: is missing: the export breaks off before its trailer";
    assert_eq!(with(&|lines| lines.truncate(3)), early);
    let swapped = "line 2, record 1 of `audit/0`: is not in its place; record 3 is there";
    assert_eq!(with(&|lines| lines.swap(1, 3)), swapped);
    let twice = "line 6, record 5 of `audit/0`: was added: the chain was sealed at record 4";
    assert_eq!(with(&|lines| lines.insert(5, lines[4].clone())), twice);
    assert_eq!(with(&|lines| lines.push(lines[5].clone())), "line 7: is not a line that an export has there");
    let other = with(&|lines| lines[5] = export(&[(0, 5)], 3).pop().unwrap());
    assert_eq!(other, "line 6: tells of other records than stand before it");
}

/// Whoever changes a record, its hash and every link after it is found where the chain was sealed.
#[test]
fn a_chain_that_was_made_anew_is_not_the_one_that_was_sealed() {
    let mut lines = export(&[(0, 4)], 9);
    let mut link = Link::beginning("audit/0", 0);
    for (place, number) in [1, 9, 3, 4].into_iter().enumerate() {
        let (sealed, sequence) = (record(number), place as u64 + 1);
        link = link.next(sequence, &sealed.sha256);
        lines[place + 1] = lines::record(sequence, &sealed.sha256, link, Some(&sealed.record));
    }
    let fault = fault(lines.concat().as_bytes());
    assert_eq!((fault.line, fault.why), (5, Why::NotSealed));
}

fn exports() -> impl Strategy<Value = Vec<String>> {
    let logs = prop::collection::vec((0_u64..1_000, 1_u64..12), 1..3);
    (logs, 1_u64..5).prop_map(|(logs, nth)| export(&logs, nth))
}

/// The line, from 1, that byte `at` stands in.
fn line_of(lines: &[String], at: usize) -> u64 {
    let mut end = 0;
    let before = lines.iter().take_while(|line| {
        end += line.len();
        end <= at
    });
    before.count() as u64 + 1
}

proptest! {
    #[test]
    fn any_byte_that_is_flipped_is_found_in_its_line(lines in exports(), place in any::<prop::sample::Index>(), bits in 1_u8..=255) {
        let mut text = lines.concat().into_bytes();
        let at = place.index(text.len());
        text[at] ^= bits;
        prop_assert_eq!(fault(&text).line, line_of(&lines, at), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn a_line_that_is_dropped_is_found_where_it_stood(lines in exports(), place in any::<prop::sample::Index>()) {
        let at = place.index(lines.len());
        let mut fewer = lines;
        fewer.remove(at);
        prop_assert_eq!(fault(fewer.concat().as_bytes()).line, at as u64 + 1);
    }

    #[test]
    fn lines_that_are_swapped_are_found_at_the_first(lines in exports(), one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        let (one, other) = (one.index(lines.len()), other.index(lines.len()));
        prop_assume!(one != other);
        let mut swapped = lines.clone();
        swapped.swap(one, other);
        // A log is as good as another until its first record.
        let is_opening = |line: usize| lines[line].starts_with(OPENING);
        let first = one.min(other) as u64 + 1 + u64::from(is_opening(one) && is_opening(other));
        prop_assert_eq!(fault(swapped.concat().as_bytes()).line, first);
    }

    #[test]
    fn a_file_that_is_cut_off_is_refused(lines in exports(), place in any::<prop::sample::Index>()) {
        let text = lines.concat();
        let at = place.index(text.len());
        let fault = fault(&text.as_bytes()[..at]);
        prop_assert!(fault.why.is_cut_off(), "{fault}");
        prop_assert_eq!(fault.line, line_of(&lines, at));
    }
}

/// Lines are alike in all exports, so that one can be put in another's place and every count stays.
#[test]
fn what_was_left_out_can_not_be_exchanged_for_what_was_not() {
    let (own, whole) = (export(&[(0, 6)], 3), export(&[(0, 6)], 100));
    let mut forged = own.clone();
    let bare = own[1].split_at(own[1].find(",\"id\"").unwrap()).0.to_owned() + "}\n";
    forged[1] = bare;
    forged[3].clone_from(&whole[3]);
    assert_ne!(own[3], whole[3], "it was left out");
    assert_eq!(fault(forged.concat().as_bytes()), Fault { line: 8, record: None, why: Why::OtherLines });
}
