//! A store as it is after years: organizations with their workspaces and keys, put there directly, since issuing so many would
//! take longer than what is to be seen. `tests/bench/due` and `tests/bench/curves` fill their stores with the same.

use std::ops::Range;
use std::time::Duration;

use access_model::key::NewKey;
use access_model::{ApiKey, Credential, Id, IdKind, Issuer, Kind, Pepper, PlainSecret, SecretDigest, Shard, Timestamp};
use access_store::{Commit, IndexEntry, Put, Store};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
/// Keys that one commit puts.
const AT_ONCE: usize = 1_000;

/// Whose keys they are: an organization and its workspace.
#[derive(Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) organization: Id,
    pub(crate) workspace: Id,
}

/// An id that nothing else has, whose home is a shard.
fn id(kind: IdKind, shard: Shard, number: usize) -> Id {
    Id::from_body(kind, &format!("{shard}{number:016}")).unwrap()
}

/// Organizations, each with one workspace, over all shards: the records that would be looked at if anybody looked at all.
pub(crate) async fn organizations(store: &dyn Store, count: usize) -> Vec<Owner> {
    let mut owners = Vec::with_capacity(count);
    for number in 0..store.shards() {
        let shard = Shard::new(number).unwrap();
        let mut commit = Commit::new(shard);
        for at in (usize::from(number)..count).step_by(usize::from(store.shards())) {
            let owner = Owner {
                organization: id(IdKind::Organization, shard, at),
                workspace: id(IdKind::Workspace, shard, at),
            };
            commit.puts.push(Put::new(format!("organization/{}", owner.organization), "{}".into()));
            commit.puts.push(Put::new(format!("workspace/{}", owner.workspace), "{}".into()));
            let entry = IndexEntry { score: 0, member: owner.workspace.to_string() };
            commit.index_puts.push((format!("workspaces/{}", owner.organization), entry));
            owners.push(owner);
        }
        store.commit(commit).await.unwrap();
    }
    owners
}

/// The id of the key of this number, whose home is a shard.
pub(crate) fn key_id(home: Shard, number: usize) -> Id {
    id(IdKind::Key, home, number)
}

/// For [`keys`] that nobody can present.
pub(crate) fn nobodys() -> impl Fn(&Id) -> SecretDigest {
    let digest = Pepper::new(1, &[0; 32]).digest(&PlainSecret::new("nobody's".to_owned()));
    move |_: &Id| digest.clone()
}

/// Keys that are shared out among their owners, with the dates that issuing gives them. A reminder is due after 76 days; that
/// nobody uses them is looked at far from now. Each call has `numbers` of its own; `digest` is that of a key's secret.
pub(crate) async fn keys(
    store: &dyn Store,
    owners: &[Owner],
    numbers: Range<usize>,
    kind: &Kind,
    (issued_at, now): (Timestamp, Timestamp),
    digest: impl Fn(&Id) -> SecretDigest,
) {
    // In the order of their homes, since a commit touches one.
    for (place, owner) in owners.iter().enumerate() {
        let numbers: Vec<usize> = numbers.clone().skip(place).step_by(owners.len()).collect();
        for numbers in numbers.chunks(AT_ONCE) {
            let (home, mut commit) = (owner.workspace.home(), Commit::new(owner.workspace.home()));
            for &number in numbers {
                let new = NewKey {
                    id: key_id(home, number),
                    lineage: id(IdKind::Lineage, home, number),
                    organization: owner.organization,
                    workspace: owner.workspace,
                    name: "ci".to_owned(),
                    scopes: vec!["jobs:read".to_owned()],
                    ip_allow: None,
                    not_before: None,
                    until: None,
                    lifetime: None,
                    metadata: Default::default(),
                    issuer: Issuer::default(),
                    secret: digest(&key_id(home, number)),
                };
                let key = ApiKey::issue(new, kind, issued_at).unwrap();
                let due = [
                    (format!("key-rotation/{}", key.id), issued_at.plus(76 * DAY)),
                    (format!("inactivity/{}", key.id), now.plus(3_650 * DAY)),
                ];
                let due = due.map(|(member, at)| ("due".to_owned(), IndexEntry { score: at.as_millis(), member }));
                commit.index_puts.extend(due);
                let (name, record) = (format!("credential/{}", key.id), Credential::ApiKey(key));
                commit.puts.push(Put::new(name, serde_json::to_vec(&record).unwrap().into()));
            }
            store.commit(commit).await.unwrap();
        }
    }
}
