//! Events are forgotten: the records by themselves, their places in lists here, a day's at a time.

use access_model::{Id, Timestamp};
use access_store::{Commit, Range, Store as _, Survives};

use super::KEPT;
use crate::authority::Authority;
use crate::due::Due;
use crate::error::Error;
use crate::records;

const DAY_MILLIS: i64 = 86_400_000;
/// Places that are given up at a time.
const AT_ONCE: usize = 500;

/// Sees to it that what happened at `at` leaves the list of `owner` some day. Once for all of a day: putting it again changes
/// nothing.
pub(super) fn schedule(commit: &mut Commit, owner: &Id, at: Timestamp) {
    let day = at.as_millis().div_euclid(DAY_MILLIS);
    Due::ForgetEvents(*owner, day).put(commit, Timestamp::from_millis((day + 1) * DAY_MILLIS).plus(KEPT));
}

impl Authority {
    pub(crate) async fn forget_events(&self, owner: &Id, day: i64) -> Result<(), Error> {
        let index = records::events_of(owner);
        let up_to = Some((day + 1) * DAY_MILLIS - 1);
        let range = Range { index: index.clone(), after: None, up_to, descending: false, limit: AT_ONCE };
        let old = self.store.range(owner.home(), range).await?;
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(owner.home()) };
        if old.len() < AT_ONCE {
            Due::ForgetEvents(*owner, day).take_out(&mut commit);
        }
        commit.index_deletes.extend(old.into_iter().map(|entry| (index.clone(), entry.member)));
        self.commit_due(commit).await
    }
}
