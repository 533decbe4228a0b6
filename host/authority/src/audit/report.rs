//! What an auditor asks of an organization first: admins without a second factor, keys that ought to have been rotated, keys that
//! nobody uses, and who was given what.
//!
//! Who is an admin is asked of the policies; what counts as one, and as unused, the catalog says. It is worked out when it is asked
//! for, within bounds that the answer tells of.

use std::time::Duration;

use access_model::{ApiKey, Credential, Id, IdKind, Member, Timestamp};
use access_store::{IndexEntry, Range, Store};
use cronflow_policy_cases::{Attributes, Decision};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::read::Trail;
use super::{AuditFilter, AuditView};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::records;
use crate::usage::last_used;

/// The action of asking for it.
pub const ACTION_REPORT: &str = "organization_audit.report";

/// Changes that are told of where no beginning is stated.
const RANGE: Duration = Duration::from_secs(90 * 86_400);
/// Members and keys that are looked at, each.
const LOOKED_AT: usize = 20_000;
/// Pages of the trail.
const PAGES: usize = 40;
const READ_AT_ONCE: usize = 500;
/// Items of one list.
const LISTED: usize = 200;

/// Which changes are told of.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportRequest {
    /// Changes at this instant or later; left out: of the last 90 days.
    pub since: Option<Timestamp>,
    /// Changes before this instant.
    pub until: Option<Timestamp>,
}

/// What an auditor asks first. Of each list two hundred items stand here at most, and its `count` says of how many.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditReport", example = example())]
pub struct ReportView {
    /// The organization.
    pub organization: Id,
    /// When this was worked out.
    pub at: Timestamp,
    /// Changes since then are told of.
    pub since: Timestamp,
    /// And before that; null: until now.
    pub until: Option<Timestamp>,
    /// Members that are active.
    pub members: u64,
    /// Of those, admins that have no second factor.
    pub admins_without_factor: Listed<ReportMember>,
    /// Keys that are valid.
    pub keys: u64,
    /// Of those, keys whose rotation is overdue; `at` says since when.
    pub rotation_overdue: Listed<ReportKey>,
    /// Keys that nobody has used for long; `at` says when they last were.
    pub inactive: Listed<ReportKey>,
    /// Records of who was given what, newest first.
    pub permission_changes: Listed<AuditView>,
    /// Whether there was more than was looked at.
    pub more: bool,
}

/// A list, and how long it would be.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct Listed<T> {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub items: Vec<T>,
}

/// A member, in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportMember {
    /// Public id.
    pub id: Id,
    /// The e-mail address that it signs in with.
    pub email: String,
    /// Its roles in the whole organization.
    pub roles: Vec<String>,
}

/// A key, in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportKey {
    /// Public id.
    pub id: Id,
    /// Its workspace.
    pub workspace: Id,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// When it ought to have been rotated, or was last used; null: never.
    pub at: Option<Timestamp>,
}

fn example() -> Value {
    let none = json!({ "count": 0, "items": [] });
    json!({
        "organization": Id::example(IdKind::Organization),
        "at": "2026-04-30T12:00:00.000Z",
        "since": "2026-01-30T12:00:00.000Z",
        "until": null,
        "members": 12,
        "admins_without_factor": { "count": 1, "items": [
            { "id": Id::example(IdKind::Member), "email": "ada@example.com", "roles": ["admin"] },
        ] },
        "keys": 7,
        "rotation_overdue": none,
        "inactive": { "count": 1, "items": [{
            "id": Id::example(IdKind::Key), "workspace": Id::example(IdKind::Workspace), "kind": "production", "name": "ci",
            "at": "2026-01-31T12:00:00.000Z",
        }] },
        "permission_changes": none,
        "more": false,
    })
}

impl<T> Listed<T> {
    const fn new() -> Self {
        Self { count: 0, items: Vec::new() }
    }

    fn add(&mut self, item: T) {
        self.count += 1;
        if self.items.len() < LISTED {
            self.items.push(item);
        }
    }
}

impl Authority {
    /// The report on the permit's organization.
    ///
    /// # Errors
    /// Never but for the store's.
    pub async fn audit_report(&self, permit: &Permit, request: &ReportRequest) -> Result<ReportView, Error> {
        permit.covers(ACTION_REPORT)?;
        let at = self.clock.now();
        let before =
            |long: Duration| Timestamp::from_millis(at.as_millis() - i64::try_from(long.as_millis()).unwrap_or(0));
        let mut report = ReportView {
            organization: permit.organization()?.record.id,
            at,
            since: request.since.unwrap_or_else(|| before(RANGE)),
            until: request.until,
            members: 0,
            admins_without_factor: Listed::new(),
            keys: 0,
            rotation_overdue: Listed::new(),
            inactive: Listed::new(),
            permission_changes: Listed::new(),
            more: false,
        };
        self.report_members(permit, &mut report).await?;
        let inactive_since = before(self.catalog.report.inactive());
        self.report_keys(inactive_since, &mut report).await?;
        self.report_changes(permit, &mut report).await?;
        Ok(report)
    }

    async fn report_members(&self, permit: &Permit, report: &mut ReportView) -> Result<(), Error> {
        let index = records::members_of(&report.organization);
        let mut pages = Pages::new(index);
        while let Some(page) = pages.next(self, &report.organization).await? {
            let keys: Vec<String> = page.iter().map(|entry| format!("member/{}", entry.member)).collect();
            for (key, record) in keys.iter().zip(self.store.read(report.organization.home(), &keys).await?) {
                let Some(record) = record else { continue };
                let member = records::decode::<Member>(key, &record)?;
                if !member.is_active() {
                    continue;
                }
                report.members += 1;
                if !member.has_factor() && self.is_admin(permit, &member).await? {
                    let (email, roles) = (member.email.to_string(), member.roles.clone());
                    report.admins_without_factor.add(ReportMember { id: member.id, email, roles });
                }
            }
        }
        report.more |= pages.is_more;
        Ok(())
    }

    /// Whether a member may do what admins do, in the organization or in a workspace of it.
    async fn is_admin(&self, permit: &Permit, member: &Member) -> Result<bool, Error> {
        let (organization, rules) = (permit.organization()?, self.policies.current());
        let mut places = vec![None];
        for id in member.workspaces.keys() {
            places.extend(self.workspace(id).await?.map(Some));
        }
        for place in &places {
            let supposed = self.suppose_member(&rules, organization, place.as_deref(), member).await?;
            let actions = self.catalog.report.admin_actions.iter().filter_map(|action| self.catalog.action(action));
            let mut allowed = actions.map(|action| supposed.may(action, None, Attributes::new()));
            if allowed.any(|decision| decision == Decision::Allow) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn report_keys(&self, inactive_since: Timestamp, report: &mut ReportView) -> Result<(), Error> {
        let mut left = LOOKED_AT;
        let mut workspaces = Pages::new(records::workspaces_of(&report.organization));
        while let Some(page) = workspaces.next(self, &report.organization).await? {
            for workspace in page {
                let Ok(workspace) = workspace.member.parse::<Id>() else { continue };
                let mut keys = Pages { left, ..Pages::new(records::keys_of(&workspace)) };
                while let Some(page) = keys.next(self, &workspace).await? {
                    self.report_page(&page, &workspace, inactive_since, report).await?;
                }
                left = keys.left;
                report.more |= keys.is_more;
            }
        }
        report.more |= workspaces.is_more;
        Ok(())
    }

    async fn report_page(
        &self,
        page: &[IndexEntry],
        workspace: &Id,
        inactive_since: Timestamp,
        report: &mut ReportView,
    ) -> Result<(), Error> {
        let names: Vec<String> = page.iter().map(|entry| format!("credential/{}", entry.member)).collect();
        let used: Vec<String> = page.iter().map(|entry| format!("last-used/{}", entry.member)).collect();
        let found = self.store.read(workspace.home(), &[names.clone(), used].concat()).await?;
        let (credentials, used) = found.split_at(names.len().min(found.len()));
        for (name, (record, used)) in names.iter().zip(credentials.iter().zip(used)) {
            let Some(record) = record else { continue };
            let Credential::ApiKey(key) = records::decode(name, record)? else { continue };
            if !key.is_valid_at(report.at) {
                continue;
            }
            report.keys += 1;
            if key.successor.is_none() && key.rotation_due_at.is_some_and(|due| due <= report.at) {
                report.rotation_overdue.add(shown(&key, key.rotation_due_at));
            }
            let last = used.as_ref().and_then(last_used);
            if key.created_at <= inactive_since && last.is_none_or(|last| last <= inactive_since) {
                report.inactive.add(shown(&key, last));
            }
        }
        Ok(())
    }

    async fn report_changes(&self, permit: &Permit, report: &mut ReportView) -> Result<(), Error> {
        let trail = Trail::of_organization(permit)?;
        let filter = AuditFilter { since: Some(report.since), until: report.until, ..AuditFilter::default() };
        let mut reader = self.read_back(&trail, None);
        for _ in 0..PAGES {
            let (items, has_more) = reader.page(&filter, READ_AT_ONCE).await?;
            for item in items {
                if self.catalog.report.is_permission_change(&item.record.action) {
                    report.permission_changes.add(item);
                }
            }
            if !has_more {
                return Ok(());
            }
        }
        report.more = true;
        Ok(())
    }
}

fn shown(key: &ApiKey, at: Option<Timestamp>) -> ReportKey {
    ReportKey { id: key.id, workspace: key.workspace, kind: key.kind.clone(), name: key.name.clone(), at }
}

/// An index that is gone through, as far as is looked.
struct Pages {
    index: String,
    after: Option<IndexEntry>,
    has_ended: bool,
    left: usize,
    is_more: bool,
}

impl Pages {
    const fn new(index: String) -> Self {
        Self { index, after: None, has_ended: false, left: LOOKED_AT, is_more: false }
    }

    async fn next(&mut self, authority: &Authority, owner: &Id) -> Result<Option<Vec<IndexEntry>>, Error> {
        if self.has_ended {
            return Ok(None);
        }
        if self.left == 0 {
            self.is_more = true;
            return Ok(None);
        }
        let limit = READ_AT_ONCE.min(self.left);
        let (index, after) = (self.index.clone(), self.after.take());
        let range = Range { index, after, up_to: None, descending: false, limit };
        let page = authority.store.range(owner.home(), range).await?;
        self.has_ended = page.len() < limit;
        self.left -= page.len();
        self.after = page.last().cloned();
        Ok(Some(page))
    }
}
