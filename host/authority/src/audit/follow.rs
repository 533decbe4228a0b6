//! Following a trail: what comes from now on, or from where somebody was, page by page.
//!
//! Each follower costs a read of its logs whenever it looks. It may do so for a minute; whoever comes back is judged anew, and has
//! missed nothing.

use std::sync::Arc;
use std::time::Duration;

use super::places::{Most, Place};
use super::read::Trail;
use super::{ACTION_LIST, ACTION_LIST_ORGANIZATION, ACTION_LIST_PLATFORM, AuditFilter, AuditPage};
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::page::PageRequest;

/// How many follow at a time.
const MOST: Most = Most { of_trail: 8, of_organization: 16, of_all: 100 };
/// How long one does, whether it looks or not: so long what was permitted holds.
const LASTS: Duration = Duration::from_secs(60);

/// Somebody who follows a trail.
#[derive(Debug)]
pub struct Follower {
    permit: Permit,
    trail: Trail,
    filter: AuditFilter,
    limit: usize,
    is_behind: bool,
    place: Arc<Place>,
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
        let now = self.clock.monotonic();
        let place = self.followers.take(&trail, &MOST, now, now + LASTS).ok_or(Error::TooManyFollowers)?;
        Ok(Follower { permit, trail, filter, limit, is_behind: false, place })
    }
}

impl Follower {
    /// Where to go on from; empty where it has not looked yet, and was told no place.
    pub fn newest_cursor(&self) -> &str {
        self.filter.after.as_deref().unwrap_or_default()
    }

    /// Whether there was more when it last looked, so that it should look again at once.
    pub const fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// What came since the last call, oldest first, which may be nothing; and where to go on from (`newest_cursor`). No page: its
    /// time is over, and who comes back is judged anew.
    ///
    /// # Errors
    /// [`Error::Denied`] when whoever follows is nobody any more; [`Error::Invalid`] for a cursor that is none; those of the store.
    pub async fn next(&mut self, authority: &Authority) -> Result<Option<AuditPage>, Error> {
        if self.place.is_over(authority.clock.monotonic()) {
            return Ok(None);
        }
        let was_behind = std::mem::take(&mut self.is_behind);
        authority.check_still(&self.permit).await?;
        let Some(after) = &self.filter.after else {
            let request = PageRequest { limit: Some(1), cursor: None };
            let mut page = authority.audit_page(&self.trail, &self.filter, &request).await?;
            // What there was is the list's to tell.
            page.items.clear();
            self.filter.after.clone_from(&page.newest_cursor);
            return Ok(Some(page));
        };
        // Whoever catches up reads as much as an export does, and takes turns with those.
        let turn = if was_behind { Some(authority.exports.acquire().await.map_err(Error::internal)?) } else { None };
        let (page, has_more) = authority.page_after(&self.trail, &self.filter, after, self.limit).await?;
        drop(turn);
        self.is_behind = has_more;
        self.filter.after.clone_from(&page.newest_cursor);
        Ok(Some(page))
    }
}
