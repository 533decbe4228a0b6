//! Allows, reused for a moment. Off unless asked for.
//!
//! What a reuse saves is a question to the host; what it costs is that the host does not know of it. So an allow lives a second
//! at most ([`MaxAge`]), counted from when its question was *sent*; a credential is not reused for more often in a stretch of time
//! than the host said is left of its quota (a stretch is a minute, or the longest that the host said a reset takes); and when the host says of a credential that it is nobody's, nothing of it is reused
//! any more, nor what was still on its way.
//!
//! Entries are found by the digest of the whole question as it is sent: whatever the decision may depend on is in the key,
//! and no secret is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::decision::{Allow, Decision};

/// How long reuses count at least. Hosts say when the next use is free again, which may be long before all of them are.
const STRETCH: Duration = Duration::from_secs(60);
/// Answers kept of one credential, so that none drives out all others.
const OF_ONE: usize = 64;

/// How long an allow may be reused: a second at most. That is the bound within which CronFlow Access promises that a
/// revocation is known everywhere; what is reused is older by so much more than what a host would say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxAge(Duration);

/// Nothing is reused for longer than a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an allow is reused for a second at most, or a revoked credential would live on")]
pub struct MaxAgeError;

impl MaxAge {
    /// The longest there is.
    pub const LONGEST: Self = Self(Duration::from_secs(1));

    /// So long.
    ///
    /// # Errors
    /// When that is longer than [`Self::LONGEST`].
    pub fn new(age: Duration) -> Result<Self, MaxAgeError> {
        if age > Self::LONGEST.0 { Err(MaxAgeError) } else { Ok(Self(age)) }
    }
}

/// SHA-256.
type Digest = [u8; 32];

/// What a question is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    credential: Digest,
    question: Digest,
}

impl Key {
    /// Of a credential, and of all that the host is told.
    pub(crate) fn of(credential: &str, question: &[u8]) -> Self {
        Self { credential: Sha256::digest(credential).into(), question: Sha256::digest(question).into() }
    }
}

/// The allows that may be reused.
#[derive(Debug)]
pub(crate) struct Cache {
    max_age: Duration,
    /// Answers kept, and credentials known, at most.
    most: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    credentials: HashMap<Digest, Credential>,
    /// Answers kept of all of them.
    kept: usize,
    swept: Option<Instant>,
}

#[derive(Debug, Default)]
struct Credential {
    answers: HashMap<Digest, Kept>,
    /// Questions that are on their way.
    asking: usize,
    /// How often nothing of it was good any more.
    ended: u64,
    /// Reuses in the stretch that ends then.
    reused: u64,
    stretch_ends: Option<Instant>,
    /// The longest that a reset took.
    longest_reset: Duration,
    /// What the host last said is left; `None` where there is no quota.
    remaining: Option<u64>,
}

#[derive(Debug)]
struct Kept {
    sent: Instant,
    allow: Arc<Allow>,
}

/// A question that is on its way, and what was so when it was sent.
#[derive(Debug)]
pub(crate) struct Asking<'c> {
    cache: &'c Cache,
    key: Key,
    sent: Instant,
    /// `None`: there is no room for its credential.
    ended: Option<u64>,
}

impl Cache {
    pub(crate) fn new(max_age: MaxAge, most: usize) -> Self {
        Self { max_age: max_age.0, most, known: Mutex::default() }
    }

    /// What may be reused.
    pub(crate) fn reuse(&self, key: &Key, now: Instant) -> Option<Arc<Allow>> {
        let mut known = self.lock();
        let credential = known.credentials.get_mut(&key.credential)?;
        let kept = credential.answers.get(&key.question)?;
        if now.saturating_duration_since(kept.sent) >= self.max_age {
            return None;
        }
        let allow = Arc::clone(&kept.allow);
        let Some(quota) = allow.quota else { return Some(allow) };
        if credential.stretch_ends.is_none_or(|end| now >= end) {
            credential.reused = 0;
            credential.stretch_ends = now.checked_add(credential.longest_reset.max(STRETCH));
        }
        // INVARIANT: in a stretch, no more is reused than the host last said is left.
        let left = credential.remaining.unwrap_or(quota.remaining).checked_sub(credential.reused)?.checked_sub(1)?;
        credential.reused += 1;
        let mut reused = Allow::clone(&allow);
        reused.quota = Some(crate::Quota { remaining: left.min(quota.remaining), ..quota });
        Some(Arc::new(reused))
    }

    /// A question is sent now. Whatever comes of it, the value that this gives ends with it.
    pub(crate) fn ask(&self, key: Key, now: Instant) -> Asking<'_> {
        let mut known = self.lock();
        if known.credentials.len() >= self.most && !known.credentials.contains_key(&key.credential) {
            known.sweep(now, self.max_age);
        }
        let has_room = known.credentials.len() < self.most || known.credentials.contains_key(&key.credential);
        let ended = has_room.then(|| {
            let credential = known.credentials.entry(key.credential).or_default();
            credential.asking += 1;
            credential.ended
        });
        drop(known);
        Asking { cache: self, key, sent: now, ended }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking<'_> {
    /// Takes in what came.
    pub(crate) fn answered(self, decision: &Decision) {
        let mut known = self.cache.lock();
        let (most, max_age) = (self.cache.most, self.cache.max_age);
        match decision {
            Decision::Allow(allow) => {
                if known.kept >= most {
                    known.sweep(self.sent, max_age);
                }
                let has_room = known.kept < most;
                let Some(credential) = known.credentials.get_mut(&self.key.credential) else { return };
                if self.ended != Some(credential.ended) {
                    return;
                }
                credential.remaining = allow.quota.map(|quota| quota.remaining);
                let reset = Duration::from_secs(allow.quota.map_or(0, |quota| quota.reset_seconds));
                credential.longest_reset = credential.longest_reset.max(reset);
                let is_new = !credential.answers.contains_key(&self.key.question);
                if is_new && (!has_room || credential.answers.len() >= OF_ONE) {
                    return;
                }
                let kept = Kept { sent: self.sent, allow: Arc::clone(allow) };
                credential.answers.insert(self.key.question, kept);
                known.kept += usize::from(is_new);
            }
            // Nobody's, or nothing left: whatever was allowed before.
            Decision::Deny(denial) if matches!(denial.status, 401 | 429) => known.end(&self.key.credential),
            Decision::Deny(_) => known.forget(&self.key),
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if self.ended.is_none() {
            return;
        }
        let mut known = self.cache.lock();
        if let Some(credential) = known.credentials.get_mut(&self.key.credential) {
            credential.asking = credential.asking.saturating_sub(1);
            if credential.asking == 0 && credential.answers.is_empty() {
                known.credentials.remove(&self.key.credential);
            }
        }
    }
}

impl Known {
    /// Nothing of this credential is good any more, nor what is on its way.
    fn end(&mut self, credential: &Digest) {
        if let Some(credential) = self.credentials.get_mut(credential) {
            self.kept = self.kept.saturating_sub(credential.answers.len());
            credential.answers.clear();
            credential.ended += 1;
        }
    }

    fn forget(&mut self, key: &Key) {
        let credential = self.credentials.get_mut(&key.credential);
        if credential.is_some_and(|credential| credential.answers.remove(&key.question).is_some()) {
            self.kept = self.kept.saturating_sub(1);
        }
    }

    /// Takes out what is too old; not more often than that can have changed much.
    fn sweep(&mut self, now: Instant, max_age: Duration) {
        if self.swept.is_some_and(|swept| now.saturating_duration_since(swept) < max_age / 4) {
            return;
        }
        self.swept = Some(now);
        for credential in self.credentials.values_mut() {
            credential.answers.retain(|_, kept| now.saturating_duration_since(kept.sent) < max_age);
        }
        let is_used = |credential: &Credential| {
            let counts = credential.reused > 0 && credential.stretch_ends.is_some_and(|end| now < end);
            credential.asking > 0 || !credential.answers.is_empty() || counts
        };
        self.credentials.retain(|_, credential| is_used(credential));
        self.kept = self.credentials.values().map(|credential| credential.answers.len()).sum();
    }
}

#[cfg(test)]
mod tests;
