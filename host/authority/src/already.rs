//! What is asked for and is so already: whether it will stay so.

use access_model::Shard;
use access_model::audit::narrows;
use access_store::{Check, Commit, CommitError, Store as _};

use crate::authority::Authority;
use crate::error::Error;
use crate::network::ACTION_UPDATE;

impl Authority {
    /// Nothing is to be done, for `check`'s record is as `action` would make it. Where that took something from somebody, the
    /// answer may not say less than the one before: a commit that changes nothing is waited for as that one was, so that what a
    /// fail-over may undo is told again. `false`: the record was changed meanwhile.
    pub(crate) async fn is_still_so(&self, action: &str, home: Shard, check: Check) -> Result<bool, Error> {
        if !narrows(action) && action != ACTION_UPDATE {
            return Ok(true);
        }
        let again = Commit { checks: vec![check], announce: false, narrows: true, ..Commit::new(home) };
        match self.store.commit(again).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
