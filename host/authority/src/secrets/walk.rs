//! Everything that is digested or sealed and lives for long: gateways and operators, then each organization's members, its
//! clients, and each of its workspaces' keys and webhooks. A part at a time; a cursor says where the next begins.
//!
//! What is made while somebody walks stands at the end of its index, or under the current keys anyway.

use access_model::{Credential, Id, IdKind, Member, Shard, Webhook};
use access_store::{Check, IndexEntry, Range, Store as _};
use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::error::Error;
use crate::records::{self, Versioned};

/// Records of one part at most, and indexes that are looked into.
const RECORDS: usize = 500;
const LOOKS: usize = 200;

/// Where a walk stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Position {
    /// The organization; none: the platform's own come first.
    organization: Option<Place>,
    /// The workspace within.
    workspace: Option<Place>,
    /// Which of the lists of that.
    list: usize,
    /// How far in the list.
    after: Option<Place>,
}

/// An entry of an index: score, member.
type Place = (i64, String);

/// What a walk comes by.
pub(super) enum Met {
    Credential(Credential),
    Member(Member, Check),
    Webhook(Webhook, Check),
}

/// What there is of an owner, list by list.
const OF_PLATFORM: [fn() -> String; 2] = [|| records::GATEWAYS.to_owned(), || records::OPERATORS.to_owned()];
const OF_ORGANIZATION: [fn(&Id) -> String; 2] = [records::members_of, records::clients_of];
const OF_WORKSPACE: [fn(&Id) -> String; 2] = [records::keys_of, records::webhooks_of];

impl Authority {
    /// Goes on from `at`: what is met, and where it goes on then. Nothing: that was all.
    pub(super) async fn walk(&self, mut at: Position) -> Result<(Vec<Met>, Option<Position>), Error> {
        let mut met = Vec::new();
        for _ in 0..LOOKS {
            if met.len() >= RECORDS {
                return Ok((met, Some(at)));
            }
            let Some((shard, index)) = at.list() else {
                match self.next_owner(at).await? {
                    Some(next) => at = next,
                    None => return Ok((met, None)),
                }
                continue;
            };
            let entries = self.page(shard, &index, at.after.as_ref(), RECORDS - met.len()).await?;
            match entries.last() {
                Some(last) => at.after = Some((last.score, last.member.clone())),
                None => {
                    at.list += 1;
                    at.after = None;
                }
            }
            met.extend(self.meet(shard, &entries).await?);
        }
        Ok((met, Some(at)))
    }

    /// The first workspace after this place, or the first organization.
    async fn next_owner(&self, at: Position) -> Result<Option<Position>, Error> {
        if let Some(organization) = at.organization.as_ref().and_then(id) {
            let index = records::workspaces_of(&organization);
            let next = self.page(organization.home(), &index, at.workspace.as_ref(), 1).await?;
            if let Some(entry) = next.into_iter().next() {
                let workspace = Some((entry.score, entry.member));
                return Ok(Some(Position { workspace, list: 0, after: None, ..at }));
            }
        }
        let next = self.page(Shard::PLATFORM, records::ORGANIZATIONS, at.organization.as_ref(), 1).await?;
        Ok(next
            .into_iter()
            .next()
            .map(|entry| Position { organization: Some((entry.score, entry.member)), ..Position::default() }))
    }

    async fn page(
        &self,
        shard: Shard,
        index: &str,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<IndexEntry>, Error> {
        let after = after.map(|(score, member)| IndexEntry { score: *score, member: member.clone() });
        let range = Range { index: index.to_owned(), after, up_to: None, descending: false, limit };
        Ok(self.store.range(shard, range).await?)
    }

    async fn meet(&self, shard: Shard, entries: &[IndexEntry]) -> Result<Vec<Met>, Error> {
        let ids: Vec<Id> = entries.iter().filter_map(|entry| entry.member.parse().ok()).collect();
        let key = |id: &Id| match id.kind() {
            IdKind::Member => records::member(id),
            IdKind::Webhook => records::webhook(id),
            _ => records::credential(id),
        };
        let keys: Vec<String> = ids.iter().map(key).collect();
        let found = self.store.read(shard, &keys).await?;
        let mut met = Vec::new();
        for ((id, key), record) in ids.iter().zip(keys).zip(&found) {
            let record = record.as_ref();
            met.extend(match id.kind() {
                IdKind::Member => {
                    Versioned::of(key, record)?.map(|Versioned { value, check }| Met::Member(value, check))
                }
                IdKind::Webhook => {
                    Versioned::of(key, record)?.map(|Versioned { value, check }| Met::Webhook(value, check))
                }
                _ => Versioned::of(key, record)?.map(|found| Met::Credential(found.value)),
            });
        }
        Ok(met)
    }
}

impl Position {
    /// The shard and index of the list that it is in; nothing after the last of its owner's.
    fn list(&self) -> Option<(Shard, String)> {
        match (&self.organization, &self.workspace) {
            (None, _) => OF_PLATFORM.get(self.list).map(|index| (Shard::PLATFORM, index())),
            (Some(organization), None) => of(organization, self.list, &OF_ORGANIZATION),
            (Some(_), Some(workspace)) => of(workspace, self.list, &OF_WORKSPACE),
        }
    }
}

fn of(owner: &Place, list: usize, lists: &[fn(&Id) -> String]) -> Option<(Shard, String)> {
    let owner = id(owner)?;
    lists.get(list).map(|index| (owner.home(), index(&owner)))
}

fn id((_, member): &Place) -> Option<Id> {
    member.parse().ok()
}
