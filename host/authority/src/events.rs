//! Events: what people and their other systems are told of.
//!
//! An event is created inside the commit that makes it happen ([`record`]), so that neither is ever without the other. It lies
//! in the store as a record, for 90 days, in the lists of its workspace and of its organization, and in the shard's outbox: the
//! part of the index of due work whose members are `event/…`, due at once, so that looking for events to deliver costs no read
//! beside the one for due work.
//!
//! The outbox is emptied by [`Authority::dispatch`](crate::Authority), as due work: an event leaves it in the commit that sees
//! to what follows.

mod dispatch;
mod forget;
mod list;

use std::time::Duration;

use access_model::{ApiKey, Client, Entropy, Event, EventKind, Timestamp};
use access_store::{Check, Commit, IndexEntry, Put};

pub use self::list::{EventFilter, EventView};
use crate::due::Due;
use crate::error::Error;
use crate::records;

/// The action of reading a workspace's.
pub const ACTION_LIST: &str = "events.list";
/// The action of reading an organization's, its workspaces' included.
pub const ACTION_LIST_ORGANIZATION: &str = "organization_events.list";

/// An event can be read for so long.
pub(crate) const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// Creates `event`, inside the commit that makes it happen. Where it was created before, which only what happens once can have
/// been, the commit conflicts.
pub(crate) fn record(commit: &mut Commit, event: &Event) -> Result<(), Error> {
    if event.kind().is_none() {
        return Err(Error::internal(format!("event `{}` is not in the catalogue", event.event)));
    }
    let key = records::event(&event.id);
    commit.checks.push(Check { key: key.clone(), version: None });
    let json = serde_json::to_vec(event).map_err(Error::internal)?;
    commit.puts.push(Put { forget_after: Some(event.at.plus(KEPT)), ..Put::new(key, json.into()) });
    for owner in std::iter::once(&event.organization).chain(&event.workspace) {
        let entry = IndexEntry { score: event.at.as_millis(), member: event.id.to_string() };
        commit.index_puts.push((records::events_of(owner), entry));
        forget::schedule(commit, owner, event.at);
    }
    Due::Dispatch(event.id).put(commit, event.at);
    Ok(())
}

/// An event about a key.
pub(crate) fn key_event(kind: EventKind, key: &ApiKey, now: Timestamp, entropy: &dyn Entropy) -> Result<Event, Error> {
    Ok(Event::new(kind, (key.organization, Some(key.workspace)), &key.id.to_string(), now, entropy)?)
}

/// An event about a client.
pub(crate) fn client_event(
    kind: EventKind,
    client: &Client,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Event, Error> {
    Ok(Event::new(kind, (client.organization, None), &client.id.to_string(), now, entropy)?)
}
