//! Following a trail: what comes from now on, or from where somebody was, page by page.
//!
//! Each follower costs a read of its logs whenever it looks, so that a trail has so many at a time, and a host so many of all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use access_model::Id;

use super::read::Trail;
use super::{ACTION_LIST, ACTION_LIST_ORGANIZATION, ACTION_LIST_PLATFORM, AuditFilter, AuditPage};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::PageRequest;

/// Followers of one trail.
const OF_EACH: usize = 8;
/// Followers of all.
const OF_ALL: usize = 100;

/// How many follow each trail; none: the platform's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Followers(Arc<Mutex<BTreeMap<Option<Id>, usize>>>);

/// A place among the followers of a trail, given back when it is dropped.
#[derive(Debug)]
struct Place {
    followers: Followers,
    of: Option<Id>,
}

/// Somebody who follows a trail.
#[derive(Debug)]
pub struct Follower {
    permit: Permit,
    trail: Trail,
    filter: AuditFilter,
    limit: usize,
    _place: Place,
}

impl Authority {
    /// Follows the trail that the permit is to list, after `filter.after`; without it, from now on.
    ///
    /// # Errors
    /// [`Error::TooManyFollowers`]; [`Error::Invalid`] for a limit, or a cursor, which leads to older ones.
    pub fn follow_audit(&self, permit: Permit, filter: AuditFilter, page: &PageRequest) -> Result<Follower, Error> {
        let limit = page.limit()?;
        if page.cursor.is_some() {
            return Err(Error::invalid("cursor", "goes back to the oldest, and a stream goes on: state `after`"));
        }
        let trail = match permit.action() {
            ACTION_LIST => Trail::of_workspace(&permit)?,
            ACTION_LIST_ORGANIZATION => Trail::of_organization(&permit)?,
            _ => {
                permit.covers(ACTION_LIST_PLATFORM)?;
                Trail::of_platform()
            }
        };
        let place = self.followers.place(trail.workspace.or(trail.organization))?;
        Ok(Follower { permit, trail, filter, limit, _place: place })
    }
}

impl Follower {
    /// Whether it has not looked yet, and was told no place to go on from.
    pub const fn is_first(&self) -> bool {
        self.filter.after.is_none()
    }

    /// What came since the last call, oldest first, which may be nothing; and where to go on from (`newest_cursor`).
    ///
    /// # Errors
    /// [`Error::Denied`] when whoever follows is nobody any more; [`Error::Invalid`] for a cursor that is none; those of the store.
    pub async fn next(&mut self, authority: &Authority) -> Result<AuditPage, Error> {
        authority.check_still(&self.permit).await?;
        let is_first = self.is_first();
        let request = PageRequest { limit: Some(if is_first { 1 } else { self.limit }), cursor: None };
        let mut page = authority.audit_page(&self.trail, &self.filter, &request).await?;
        if is_first {
            // What there was is the list's to tell.
            page.items.clear();
        }
        self.filter.after.clone_from(&page.newest_cursor);
        Ok(page)
    }
}

impl Followers {
    fn place(&self, of: Option<Id>) -> Result<Place, Error> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= OF_ALL || taken.get(&of).is_some_and(|count| *count >= OF_EACH) {
            return Err(Error::TooManyFollowers);
        }
        *taken.entry(of).or_default() += 1;
        Ok(Place { followers: self.clone(), of })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.followers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}
