//! What is to be done in a workspace, at a glance: keys that are due, and policies that are in trouble.

use access_model::{ApiKey, Credential, Id, Timestamp, Workspace};
use access_store::{IndexEntry, Range, Store};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::policies::Troubles;
use crate::records;
use crate::usage::last_used;

/// The action of showing it.
pub const ACTION_GET: &str = "overview.get";

const DAY_MILLIS: i64 = 86_400_000;
/// A key's rotation or end is told of so many days before.
const SOON_DAYS: i64 = 14;
/// A key that was not used for so long is unused.
const UNUSED_DAYS: i64 = 30;
/// Keys that are looked at, the oldest first: those are the ones that are due.
const LOOKED_AT: usize = 5_000;
const READ_AT_ONCE: usize = 500;
/// Keys of one list.
const LISTED: usize = 20;

/// A key that something is to be said of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "OverviewKey")]
pub struct DueKey {
    /// Public id.
    pub id: Id,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// When it ought to be rotated, when it ends, or when it was last used; null: never.
    pub at: Option<Timestamp>,
}

/// Keys that have something in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "OverviewKeys")]
pub struct DueKeys {
    /// How many there are.
    pub count: u64,
    /// Twenty at most, the most urgent first.
    pub keys: Vec<DueKey>,
}

/// What is to be done in a workspace.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Overview", example = example())]
pub struct OverviewView {
    /// Keys that are valid now.
    pub active_keys: u64,
    /// Of those, keys that ought to be rotated within 14 days, or since, and were not.
    pub rotation_due: DueKeys,
    /// Keys that end within 14 days.
    pub expiring: DueKeys,
    /// Keys older than 30 days that were not used for as long.
    pub unused: DueKeys,
    /// Whether there are more keys than were looked at; the newest were not.
    pub more_keys: bool,
    /// The workspace's own policies in force.
    pub policies: u64,
    /// What is wrong with them.
    pub policy_troubles: Troubles,
}

fn example() -> Value {
    let none = json!({ "count": 0, "keys": [] });
    json!({
        "active_keys": 7,
        "rotation_due": { "count": 1, "keys": [{
            "id": Id::example(access_model::IdKind::Key), "kind": "production", "name": "ci", "at": "2026-01-31T12:00:00.000Z",
        }] },
        "expiring": none,
        "unused": none,
        "more_keys": false,
        "policies": 2,
        "policy_troubles": {
            "unavailable_on": [], "stale_on": [], "quarantined": [], "platform_stale": false, "hosts_differ": false,
        },
    })
}

impl DueKeys {
    fn add(&mut self, key: &ApiKey, at: Option<Timestamp>) {
        self.count += 1;
        self.keys.push(DueKey { id: key.id, kind: key.kind.clone(), name: key.name.clone(), at });
    }

    fn cut(&mut self) {
        self.keys.sort_by_key(|key| key.at);
        self.keys.truncate(LISTED);
    }
}

impl Authority {
    /// What is to be done in the permit's workspace.
    ///
    /// # Errors
    /// Never but for the store's.
    pub async fn get_overview(&self, permit: &Permit) -> Result<OverviewView, Error> {
        permit.covers(ACTION_GET)?;
        let id = permit.workspace_id()?;
        let head = self.read_head::<Workspace>(&id).await?.value;
        let mut view = OverviewView {
            active_keys: 0,
            rotation_due: DueKeys::default(),
            expiring: DueKeys::default(),
            unused: DueKeys::default(),
            more_keys: false,
            policies: head.policies.len() as u64,
            policy_troubles: self.policy_troubles(&head).await?,
        };
        let (mut after, mut looked_at) = (None, 0);
        loop {
            let index = records::keys_of(&id);
            let range = Range { index, after, up_to: None, descending: false, limit: READ_AT_ONCE };
            let page: Vec<IndexEntry> = self.store.range(id.home(), range).await?;
            self.look_at(&page, &id, &mut view).await?;
            looked_at += page.len();
            if page.len() < READ_AT_ONCE {
                break;
            }
            if looked_at >= LOOKED_AT {
                view.more_keys = true;
                break;
            }
            after = page.into_iter().next_back();
        }
        for keys in [&mut view.rotation_due, &mut view.expiring, &mut view.unused] {
            keys.cut();
        }
        Ok(view)
    }

    async fn look_at(&self, page: &[IndexEntry], workspace: &Id, view: &mut OverviewView) -> Result<(), Error> {
        let now = self.clock.now();
        let in_days = |days: i64| Timestamp::from_millis(now.as_millis() + days * DAY_MILLIS);
        let (soon, long_ago) = (in_days(SOON_DAYS), in_days(-UNUSED_DAYS));
        let names: Vec<_> = page.iter().map(|entry| format!("credential/{}", entry.member)).collect();
        let used: Vec<_> = page.iter().map(|entry| format!("last-used/{}", entry.member)).collect();
        let found = self.store.read(workspace.home(), &[names.clone(), used].concat()).await?;
        let (credentials, used) = found.split_at(names.len().min(found.len()));
        for (name, (record, used)) in names.iter().zip(credentials.iter().zip(used)) {
            let Some(record) = record else { continue };
            let Credential::ApiKey(key) = records::decode(name, record)? else { continue };
            if !key.is_valid_at(now) {
                continue;
            }
            view.active_keys += 1;
            if key.rotation_due_at.is_some_and(|at| at <= soon) && key.successor.is_none() {
                view.rotation_due.add(&key, key.rotation_due_at);
            }
            if key.expires_at.is_some_and(|at| at <= soon) {
                view.expiring.add(&key, key.expires_at);
            }
            let last = used.as_ref().and_then(last_used);
            if key.created_at < long_ago && last.is_none_or(|at| at < long_ago) {
                view.unused.add(&key, last);
            }
        }
        Ok(())
    }
}
