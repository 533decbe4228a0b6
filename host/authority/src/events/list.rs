//! Listing what happened, newest first.

use access_model::{Event, EventKind, Id, IdKind, Severity};
use access_store::{IndexEntry, Range, Store as _};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{ACTION_LIST, ACTION_LIST_ORGANIZATION, KEPT};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::{Page, PageRequest, cursor};
use crate::records;

/// Entries of a list that are read at a time, and times that a page does so: a filter that admits little must not read all.
const READ_AT_ONCE: usize = 200;
const TIMES: usize = 10;

/// An event as it is shown and delivered.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Event", example = example())]
pub struct EventView {
    /// Public id: the same with every delivery.
    pub id: Id,
    /// When.
    pub at: access_model::Timestamp,
    /// Which.
    #[schemars(extend("enum" = EventKind::ALL.map(EventKind::name), "x-enum-descriptions" = EventKind::ALL.map(|kind| kind.row().means)))]
    pub event: String,
    /// How much it asks for attention.
    pub severity: Severity,
    /// Whose.
    pub organization: Id,
    /// Of which workspace; null where it is the organization's own.
    pub workspace: Option<Id>,
    /// What it is about: a public id, or the name of a policy.
    pub target: String,
    /// Which of several reminders it is: a number of days.
    #[schemars(example = &"83")]
    pub stage: Option<String>,
    /// What else is worth knowing.
    pub data: Value,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        let severity = event.kind().map_or(Severity::Info, |kind| kind.row().severity);
        Self {
            id: event.id,
            at: event.at,
            severity,
            organization: event.organization,
            workspace: event.workspace,
            target: event.target,
            stage: event.stage,
            data: event.data,
            event: event.event,
        }
    }
}

fn example() -> Value {
    json!({
        "id": Id::example(IdKind::Event),
        "at": "2026-01-31T12:00:00.000Z",
        "event": "key.rotation_due",
        "severity": "warning",
        "organization": Id::example(IdKind::Organization),
        "workspace": Id::example(IdKind::Workspace),
        "target": Id::example(IdKind::Key),
        "stage": "83",
        "data": { "name": "ci", "kind": "production" },
    })
}

/// Which events are asked for.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this kind; where it ends with `*`, of every kind that begins so.
    pub event: Option<String>,
    /// Of this severity or above.
    pub severity: Option<Severity>,
}

impl EventFilter {
    fn admits(&self, event: &EventView) -> bool {
        let is_named = |name: &String| match name.strip_suffix('*') {
            Some(beginning) => event.event.starts_with(beginning),
            None => event.event == *name,
        };
        self.event.as_ref().is_none_or(is_named) && self.severity.is_none_or(|least| least <= event.severity)
    }
}

impl Authority {
    /// What happened in the permit's workspace.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit or cursor.
    pub async fn list_events(
        &self,
        permit: &Permit,
        filter: &EventFilter,
        page: &PageRequest,
    ) -> Result<Page<EventView>, Error> {
        permit.covers(ACTION_LIST)?;
        self.events_of(&permit.workspace_id()?, filter, page).await
    }

    /// What happened in the permit's organization, its workspaces included.
    ///
    /// # Errors
    /// Those of [`Self::list_events`].
    pub async fn list_organization_events(
        &self,
        permit: &Permit,
        filter: &EventFilter,
        page: &PageRequest,
    ) -> Result<Page<EventView>, Error> {
        permit.covers(ACTION_LIST_ORGANIZATION)?;
        self.events_of(&permit.organization()?.record.id, filter, page).await
    }

    async fn events_of(&self, owner: &Id, filter: &EventFilter, page: &PageRequest) -> Result<Page<EventView>, Error> {
        let (limit, index, now) = (page.limit()?, records::events_of(owner), self.clock.now());
        let after = page.position::<(i64, String)>(&self.keyring(), &index)?;
        let mut after = after.map(|(score, member)| IndexEntry { score, member });
        let mut items = Vec::new();
        for _ in 0..TIMES {
            let range = Range {
                index: index.clone(),
                after: after.clone(),
                up_to: None,
                descending: true,
                limit: READ_AT_ONCE,
            };
            let entries = self.store.range(owner.home(), range).await?;
            let is_last = entries.len() < READ_AT_ONCE;
            let keys: Vec<_> = entries.iter().map(|entry| format!("event/{}", entry.member)).collect();
            let found = if keys.is_empty() { Vec::new() } else { self.store.read(owner.home(), &keys).await? };
            for ((entry, key), record) in entries.into_iter().zip(&keys).zip(&found) {
                let event = record.as_ref().map(|record| records::decode::<Event>(key, record)).transpose()?;
                let event = event.filter(|event| now < event.at.plus(KEPT)).map(EventView::from);
                if let Some(event) = event.filter(|event| filter.admits(event)) {
                    if items.len() == limit {
                        // One more than fits: there is a page after this one, from the entry before.
                        return self.event_page(&index, items, after);
                    }
                    items.push(event);
                }
                after = Some(entry);
            }
            if is_last {
                return Ok(Page { items, next_cursor: None });
            }
        }
        self.event_page(&index, items, after)
    }

    fn event_page(
        &self,
        index: &str,
        items: Vec<EventView>,
        after: Option<IndexEntry>,
    ) -> Result<Page<EventView>, Error> {
        let next = after.map(|entry| cursor(&self.keyring(), index, &(entry.score, entry.member))).transpose()?;
        Ok(Page { items, next_cursor: next })
    }
}
