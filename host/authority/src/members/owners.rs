//! The owners of an organization: who could make another. It is never without one that may sign in.

use std::collections::BTreeSet;

use access_model::member::MemberError;
use access_model::{Id, Member};
use access_store::{Check, Commit, IndexEntry, Store};

use crate::error::Error;
use crate::records::{self, CommitExt as _};

/// Puts a new member, its place in the organization's list and, where it is an owner, among the owners into `commit`.
pub(crate) async fn put_new_member(store: &dyn Store, commit: &mut Commit, member: &Member) -> Result<(), Error> {
    let entry = IndexEntry { score: member.created_at.as_millis(), member: member.id.to_string() };
    commit.index_puts.push((records::members_of(&member.organization), entry));
    commit.put_new(records::member(&member.id), member)?;
    count_owners(store, commit, None, member).await
}

/// Keeps the record of the active owners true in the same commit that changes a member.
///
/// INVARIANT: two changes at the same time check the same version of it, so that of two owners who go at once one stays.
pub(super) async fn count_owners(
    store: &dyn Store,
    commit: &mut Commit,
    before: Option<&Member>,
    after: &Member,
) -> Result<(), Error> {
    let (was, is) = (before.is_some_and(Member::is_active_owner), after.is_active_owner());
    if was == is {
        return Ok(());
    }
    let (home, key) = (after.organization.home(), records::owners_of(&after.organization));
    let found = records::read::<BTreeSet<Id>>(store, home, key.clone()).await?;
    let version = found.as_ref().and_then(|found| found.check.version);
    let mut owners = found.map(|found| found.value).unwrap_or_default();
    if is {
        owners.insert(after.id);
    } else {
        owners.remove(&after.id);
    }
    if owners.is_empty() {
        return Err(MemberError::LastOwner.into());
    }
    commit.checks.push(Check { key: key.clone(), version });
    commit.put(key, &owners)
}
