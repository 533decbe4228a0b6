use std::fs;

use access_model::entropy::SystemEntropy;

use super::*;

fn key() -> RootKey {
    RootKey::draw(&SystemEntropy).unwrap()
}

fn header(root: &RootKey) -> Header {
    Header {
        format: Header::FORMAT,
        version: "1.2.3".to_owned(),
        created_at: Timestamp::from_millis(1_700_000_000_123),
        shards: 2,
        installation: Installation { dev: false, created_at: Timestamp::from_millis(1) },
        root_key: root.id(),
    }
}

/// One of everything, with values at their limits.
fn pages() -> Vec<Page> {
    let record = |version| Record { version, value: vec![0, 255, b'\n', b'"'].into() };
    let (key, forget_after) = ("a\n\"\u{0}ключ".to_owned(), Some(Timestamp::from_millis(i64::MAX)));
    let entry = IndexEntry { score: -(1 << 53), member: key.clone() };
    let first = vec![
        Item::Stand { sequence: u64::MAX, announced: 0 },
        Item::Record { key: key.clone(), record: record(u64::MAX), forget_after },
        Item::Record { key: String::new(), record: record(1), forget_after: None },
        Item::Member { index: key.clone(), entry },
        Item::Sum { group: key.clone(), name: key.clone(), sum: i64::MIN, forget_after },
        Item::Sum { group: key.clone(), name: String::new(), sum: i64::MAX, forget_after: None },
    ];
    let logged = |sequence| Item::Logged { log: key.clone(), entry: LogEntry { sequence, value: "v".into() } };
    let second = (1..=2_500).map(logged).collect();
    [(0, first), (1, second)].map(|(shard, items)| Page { shard: Shard::new(shard).unwrap(), items }).into()
}

fn written(root: &RootKey, pages: &[Page]) -> Vec<u8> {
    let mut wording = Wording::default();
    let mut file = wording.header(&header(root)).unwrap();
    for page in pages {
        file.extend(wording.page(page).unwrap());
    }
    let (trailer, counts, _) = wording.trailer(root).unwrap();
    assert_eq!(counts, Counts { records: 2, members: 1, log_entries: 2_500, counters: 2 });
    file.extend(trailer);
    file
}

/// All that a file holds, and whether it is sealed under the key.
fn read(bytes: &[u8], root: &RootKey) -> Result<(Vec<(Shard, Item)>, bool), Fault> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export");
    fs::write(&path, bytes).unwrap();
    let mut reading = Reading::open(&path)?;
    let mut items = Vec::new();
    while let Some(page) = reading.page()? {
        assert!(!page.items.is_empty() && page.items.len() <= ITEMS);
        items.extend(page.items.into_iter().map(|item| (page.shard, item)));
    }
    assert_eq!(reading.header, header(root));
    assert_eq!(reading.page().unwrap(), None, "it stays at its end");
    Ok((items, reading.end.unwrap().is_sealed_under(root)))
}

#[test]
fn what_is_written_is_read() {
    let (root, pages) = (key(), pages());
    let (items, is_sealed) = read(&written(&root, &pages), &root).unwrap();
    let expected: Vec<_> =
        pages.into_iter().flat_map(|page| page.items.into_iter().map(move |item| (page.shard, item))).collect();
    assert!(items == expected && is_sealed);
}

#[test]
fn what_is_cut_short_or_changed_is_refused() {
    let root = key();
    let whole = written(&root, &pages());
    for length in [0, 10, whole.len() / 2, whole.len() - 1] {
        assert!(read(&whole[..length], &root).is_err(), "{length}");
    }
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for without in [1, 7, lines.len() - 1] {
        let rest: Vec<&[u8]> =
            lines.iter().enumerate().filter(|(place, _)| *place != without).map(|(_, line)| *line).collect();
        assert!(read(&rest.concat(), &root).is_err(), "without line {without}");
    }
    // Those of the trailer too, at its seal.
    for place in (0..whole.len()).step_by(whole.len() / 200).chain([whole.len() - 5]) {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        let refused = read(&changed, &root).map_or(true, |(_, is_sealed)| !is_sealed);
        assert!(refused, "byte {place}: {}", char::from(whole[place]));
    }
    assert!(read(&[&whole[..], b"{}\n"].concat(), &root).is_err());
    assert!(matches!(read(b"{\"cronflow_access_export\":2,\"new\":1}\n", &root), Err(Fault::Newer(_))));
    assert!(matches!(read(b"{}\n", &root), Err(Fault::NotAnExport(_))));
}

#[test]
fn another_key_did_not_seal_it() {
    let root = key();
    let bytes = written(&root, &pages());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export");
    fs::write(&path, bytes).unwrap();
    let mut reading = Reading::open(&path).unwrap();
    while reading.page().unwrap().is_some() {}
    let end = reading.end.unwrap();
    assert!(end.is_sealed_under(&root) && !end.is_sealed_under(&key()));
}
