//! How the relay fares, kept in the store so that `doctor` can say it without a host.

use std::time::Duration;

use access_model::{Id, Shard, Timestamp};
use access_outbound::MailError;
use access_store::{Commit, Put, Store, StoreError, Survives};
use serde::{Deserialize, Serialize};

use crate::authority::{Authority, lock};
use crate::records;

/// A mail that was given up is remembered for so long; so is that mails fail, after it was told last.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);
/// That mails fail is told again so long after it was told, while they do.
const TOLD_AGAIN: Duration = Duration::from_secs(86_400);

/// What a host told last of how the relay fares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Fares {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It takes mail.
    Well,
    /// It doesn't.
    Badly {
        /// Since when.
        since: Timestamp,
        /// When that was told.
        told: Timestamp,
    },
}

impl Fares {
    /// Since when it takes none, where one that failed at `now` is to be told of.
    fn news_of_failure(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Unknown | Self::Well => Some(now),
            Self::Badly { since, told } => (told.plus(TOLD_AGAIN) <= now).then_some(since),
        }
    }
}

/// How the relay fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// That the last mail was not taken, while there was none that was.
    pub failing: Option<Unsent>,
    /// The last mail that was given up, in the last week.
    pub given_up: Option<Unsent>,
}

/// A mail that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsent {
    /// Since when, or when.
    pub at: Timestamp,
    /// Why, in one word.
    pub error: String,
    /// Of the one that was given up: what it told of, and to whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<(Id, Id)>,
}

/// How the relay fares, as the hosts that use it told.
///
/// # Errors
/// When the store can't answer.
pub async fn health(store: &dyn Store) -> Result<Health, StoreError> {
    let keys = [records::MAIL_FAILING.to_owned(), records::MAIL_GIVEN_UP.to_owned()];
    let read = store.read(Shard::PLATFORM, &keys).await?;
    let told = |index: usize| read.get(index)?.as_ref().and_then(|record| serde_json::from_slice(&record.value).ok());
    Ok(Health { failing: told(0), given_up: told(1) })
}

impl Authority {
    /// Tells the store what came of an attempt, where that is news. `given_up` is the mail that nobody will get.
    pub(super) async fn tell_how_mail_fares(&self, sent: &Result<(), MailError>, given_up: Option<(&Id, &Id)>) {
        let now = self.clock.now();
        let mut commit = Commit { announce: false, survives: Survives::Process, ..Commit::new(Shard::PLATFORM) };
        let remembered = |key: &str, unsent: &Unsent| {
            let json = serde_json::to_vec(unsent).unwrap_or_default();
            Put { forget_after: Some(now.plus(REMEMBERED)), ..Put::new(key.to_owned(), json.into()) }
        };
        let before = {
            let mut fares = lock(&self.post.fares);
            let before = *fares;
            match sent {
                // That one address is refused says nothing of the relay.
                Err(error) if !error.is_final() => {
                    if let Some(since) = before.news_of_failure(now) {
                        let unsent = Unsent { at: since, error: error.class().to_owned(), mail: None };
                        commit.puts.push(remembered(records::MAIL_FAILING, &unsent));
                        *fares = Fares::Badly { since, told: now };
                    }
                }
                Ok(()) if before != Fares::Well => {
                    commit.deletes.push(records::MAIL_FAILING.to_owned());
                    *fares = Fares::Well;
                }
                _ => {}
            }
            before
        };
        if let (Err(error), Some((event, member))) = (sent, given_up) {
            let unsent = Unsent { at: now, error: error.class().to_owned(), mail: Some((*event, *member)) };
            commit.puts.push(remembered(records::MAIL_GIVEN_UP, &unsent));
        }
        if commit.puts.is_empty() && commit.deletes.is_empty() {
            return;
        }
        if let Err(error) = self.commit_due(commit).await {
            tracing::debug!(%error, "how mail fares is not told");
            *lock(&self.post.fares) = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_that_is_down_is_told_of_each_day_with_the_time_since_when() {
        let at = |seconds| Timestamp::from_millis(1_767_225_600_000).plus(Duration::from_secs(seconds));
        for fares in [Fares::Unknown, Fares::Well] {
            assert_eq!(fares.news_of_failure(at(5)), Some(at(5)));
        }
        let badly = Fares::Badly { since: at(0), told: at(0) };
        assert_eq!(badly.news_of_failure(at(86_399)), None);
        assert_eq!(badly.news_of_failure(at(86_400)), Some(at(0)));
    }
}
