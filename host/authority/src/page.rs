//! Pages of lists: bounded, in a stable order, continued by a cursor that only this installation can make.

use access_model::Shard;
use access_store::{IndexEntry, Range, Store as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::error::Error;
use crate::lifecycle::keyring::Keyring;

/// The most items of one page.
const LIMIT: usize = 200;
/// Items of a page whose size was not asked for.
const DEFAULT: usize = 50;
/// Bytes of a cursor's MAC.
const MAC_LENGTH: usize = 16;

/// Which page is asked for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageRequest {
    /// At most so many items; 1 to 200, 50 when absent.
    #[schemars(range(min = 1, max = 200), extend("default" = 50))]
    pub limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[schemars(regex(pattern = "^[0-9A-Za-z_-]+$"))]
    pub cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; null on the last.
    #[schemars(example = serde_json::Value::Null)]
    pub next_cursor: Option<String>,
}

impl PageRequest {
    pub(crate) fn limit(&self) -> Result<usize, Error> {
        match self.limit {
            None => Ok(DEFAULT),
            Some(limit) if (1..=LIMIT).contains(&limit) => Ok(limit),
            Some(_) => Err(Error::invalid("limit", format!("must be 1 to {LIMIT}"))),
        }
    }

    /// Where the page begins. `list` binds the cursor to the list that it was made for.
    pub(crate) fn position<T: DeserializeOwned>(&self, keyring: &Keyring, list: &str) -> Result<Option<T>, Error> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let opened = open(keyring, list, cursor)
            .ok_or_else(|| Error::invalid("cursor", "is not one of this list; leave it out to begin from the start"))?;
        Ok(Some(opened))
    }
}

impl Authority {
    /// A page of an index, newest first: its members, and where the next page begins.
    pub(crate) async fn newest(
        &self,
        shard: Shard,
        index: &str,
        page: &PageRequest,
    ) -> Result<(Vec<String>, Option<String>), Error> {
        let limit = page.limit()?;
        let after = page.position::<(i64, String)>(&self.keyring(), index)?;
        let range = Range {
            index: index.to_owned(),
            after: after.map(|(score, member)| IndexEntry { score, member }),
            up_to: None,
            descending: true,
            limit: limit + 1,
        };
        let mut entries = self.store.range(shard, range).await?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| more).map(|entry| (entry.score, entry.member.clone()));
        let next_cursor = last.map(|last| cursor(&self.keyring(), index, &last)).transpose()?;
        Ok((entries.into_iter().map(|entry| entry.member).collect(), next_cursor))
    }
}

/// Where a list is gone on with that is no page's; nothing without a cursor.
pub(crate) fn opened_cursor<T: DeserializeOwned>(
    keyring: &Keyring,
    list: &str,
    cursor: Option<&str>,
) -> Result<Option<T>, Error> {
    PageRequest { limit: None, cursor: cursor.map(str::to_owned) }.position(keyring, list)
}

/// The cursor that continues `list` after `position`.
pub(crate) fn cursor<T: Serialize>(keyring: &Keyring, list: &str, position: &T) -> Result<String, Error> {
    let mut bytes = serde_json::to_vec(position).map_err(Error::internal)?;
    let mut mac = keyring.cursor_mac();
    mac.update(list.as_bytes());
    mac.update(&[0]);
    mac.update(&bytes);
    bytes.extend(mac.finalize().into_bytes().iter().take(MAC_LENGTH));
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn open<T: DeserializeOwned>(keyring: &Keyring, list: &str, cursor: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (position, given) = bytes.split_at_checked(bytes.len().checked_sub(MAC_LENGTH)?)?;
    let mut mac = keyring.cursor_mac();
    mac.update(list.as_bytes());
    mac.update(&[0]);
    mac.update(position);
    mac.verify_truncated_left(given).ok()?;
    serde_json::from_slice(position).ok()
}
