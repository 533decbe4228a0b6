//! Reading all that the file holds.

use access_model::{Shard, Timestamp};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row};
use tokio::sync::mpsc;

use crate::{IndexEntry, Item, LogEntry, Page, Record};

/// A page has no more items than this.
const ITEMS: usize = 1_000;
/// Nor many more bytes than this.
const BYTES: usize = 1 << 20;

/// Sends everything in the file, as it is at one instant. Ends early when nobody takes it.
pub(super) fn dump(connection: &mut Connection, shards: u8, pages: &mpsc::Sender<Page>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for shard in (0..shards).filter_map(Shard::new) {
        let mut gathered = Gathered { pages, page: Page { shard, items: Vec::new() }, bytes: 0 };
        let sequence = "SELECT sequence FROM shards WHERE shard = ?1";
        let sequence = transaction.query_row(sequence, [shard.number()], |row| unsigned(row, 0)).optional()?;
        let sequence = sequence.unwrap_or_default();
        gathered.take(Item::Stand { sequence, announced: sequence });
        for (sql, item) in TABLES {
            let mut statement = transaction.prepare(sql)?;
            let mut rows = statement.query([shard.number()])?;
            while let Some(row) = rows.next()? {
                gathered.take(item(row)?);
                if pages.is_closed() {
                    return Ok(());
                }
            }
        }
        gathered.send();
    }
    Ok(())
}

type ReadItem = fn(&Row<'_>) -> rusqlite::Result<Item>;

/// Each in the order of its key, so that reading it is reading the file.
const TABLES: [(&str, ReadItem); 4] = [
    ("SELECT key, version, value, forget_after FROM records WHERE shard = ?1 ORDER BY key", record),
    ("SELECT name, member, score FROM index_entries WHERE shard = ?1 ORDER BY name, member", member),
    ("SELECT log, sequence, value FROM log_entries WHERE shard = ?1 ORDER BY log, sequence", logged),
    (
        "SELECT grp, counters.name, value, forget_after FROM counters
         LEFT JOIN counter_groups ON counter_groups.shard = counters.shard AND counter_groups.name = grp
         WHERE counters.shard = ?1 ORDER BY grp, counters.name",
        sum,
    ),
];

fn record(row: &Row<'_>) -> rusqlite::Result<Item> {
    let record = Record { version: unsigned(row, 1)?, value: Bytes::from(row.get::<_, Vec<u8>>(2)?) };
    Ok(Item::Record { key: row.get(0)?, record, forget_after: time(row, 3)? })
}

fn member(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item::Member { index: row.get(0)?, entry: IndexEntry { member: row.get(1)?, score: row.get(2)? } })
}

fn logged(row: &Row<'_>) -> rusqlite::Result<Item> {
    let entry = LogEntry { sequence: unsigned(row, 1)?, value: Bytes::from(row.get::<_, Vec<u8>>(2)?) };
    Ok(Item::Logged { log: row.get(0)?, entry })
}

fn sum(row: &Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item::Sum { group: row.get(0)?, name: row.get(1)?, sum: row.get(2)?, forget_after: time(row, 3)? })
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

/// A page that is being filled.
struct Gathered<'a> {
    pages: &'a mpsc::Sender<Page>,
    page: Page,
    bytes: usize,
}

impl Gathered<'_> {
    fn take(&mut self, item: Item) {
        self.bytes += item.weight();
        self.page.items.push(item);
        if self.page.items.len() >= ITEMS || self.bytes >= BYTES {
            self.send();
        }
    }

    fn send(&mut self) {
        let items = std::mem::take(&mut self.page.items);
        self.bytes = 0;
        // Whoever has gone away knows why.
        let _ = self.pages.blocking_send(Page { shard: self.page.shard, items });
    }
}
