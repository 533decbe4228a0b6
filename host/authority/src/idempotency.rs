//! Requests that may be sent twice and are done once.
//!
//! The caller chooses a key; the record of it lands in the same commit as the effect, so that of many at once one is done.
//! It is the principal's own, and bound to the action, its target and the body. Successes alone are remembered, for a day,
//! without their secrets.

use std::time::Duration;

use access_model::audit::sha256_hex;
use access_model::{Shard, Timestamp};
use access_store::{Check, Commit, Put, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decide::Permit;
use crate::error::Error;
use crate::records;

/// How long an answer is remembered.
const REMEMBERED: Duration = Duration::from_secs(86_400);

/// A key that the caller chose, and what it goes with.
#[derive(Debug, Clone)]
pub struct Idempotency {
    key: String,
    body: String,
}

/// What came of a request.
#[derive(Debug)]
pub enum Done<T> {
    /// It was done now.
    Now(T),
    /// It was done before: what was answered then, without its secret.
    Before(Value),
}

impl<T> Done<T> {
    /// What was done now.
    pub fn now(self) -> Option<T> {
        match self {
            Self::Now(it) => Some(it),
            Self::Before(_) => None,
        }
    }
}

/// A request that may have been sent before, or nothing when it has no key.
pub(crate) struct Attempt(Option<Bound>);

struct Bound {
    record: String,
    action: String,
    target: String,
    body: String,
}

/// What is known of a request that may have been sent before.
pub(crate) enum Recalled<'a> {
    /// It was done, and this was answered.
    Answer(Value),
    /// It was not, as far as this shard knows. What it is done by is to be remembered here.
    Slot(Slot<'a>),
}

/// Where a request is remembered.
pub(crate) struct Slot<'a>(Option<Open<'a>>);

struct Open<'a> {
    bound: &'a Bound,
    version: Option<u64>,
    is_claimed: bool,
    now: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    at: Timestamp,
    action: String,
    target: String,
    body: String,
    /// Absent while it was only begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Value>,
}

impl Idempotency {
    /// The caller's key, with the body that it came with.
    pub fn new(key: String, body: &[u8]) -> Self {
        Self { key, body: sha256_hex(body) }
    }
}

impl Permit {
    /// The permit's request, done to `target`.
    pub(crate) fn attempt(&self, target: &str, idempotency: Option<&Idempotency>) -> Attempt {
        let principal = &self.caller().entry.principal;
        // A client sends it again with another token.
        let whose = principal.client.as_ref().unwrap_or(&principal.id);
        Attempt(idempotency.map(|Idempotency { key, body }| Bound {
            record: records::idempotency(&sha256_hex(format!("{whose} {key}").as_bytes())),
            action: self.action().to_owned(),
            target: target.to_owned(),
            body: body.clone(),
        }))
    }
}

impl Attempt {
    /// What is done once by its nature.
    pub(crate) const fn once() -> Self {
        Self(None)
    }

    /// Looks the request up.
    ///
    /// # Errors
    /// [`Error::IdempotencyKeyReused`] when the key came with something else.
    pub(crate) async fn recall(&self, store: &dyn Store, shard: Shard, now: Timestamp) -> Result<Recalled<'_>, Error> {
        let Some(bound) = &self.0 else { return Ok(Recalled::Slot(Slot(None))) };
        let found = records::read::<Remembered>(store, shard, bound.record.clone()).await?;
        let version = found.as_ref().and_then(|found| found.check.version);
        let mut is_claimed = false;
        // A record past its time says nothing, swept or not.
        if let Some(Remembered { action, target, body, answer, .. }) =
            found.map(|found| found.value).filter(|remembered| now < remembered.at.plus(REMEMBERED))
        {
            if (action, target, body) != (bound.action.clone(), bound.target.clone(), bound.body.clone()) {
                return Err(Error::IdempotencyKeyReused);
            }
            if let Some(answer) = answer {
                return Ok(Recalled::Answer(answer));
            }
            is_claimed = true;
        }
        Ok(Recalled::Slot(Slot(Some(Open { bound, version, is_claimed, now }))))
    }
}

impl Slot<'_> {
    /// Remembers in `commit` what is answered, as it is shown, with a `hint` for who missed it.
    pub(crate) fn remember(
        &self,
        commit: &mut Commit,
        answer: &impl Serialize,
        hint: Option<&str>,
    ) -> Result<(), Error> {
        let mut answer = serde_json::to_value(answer).map_err(Error::internal)?;
        if let (Some(fields), Some(hint)) = (answer.as_object_mut(), hint) {
            fields.insert("hint".to_owned(), hint.into());
        }
        self.put(commit, Some(answer))
    }

    /// Claims the key in `commit`, which only begins what the request asks for.
    pub(crate) fn claim(&self, commit: &mut Commit) -> Result<(), Error> {
        self.put(commit, None)
    }

    /// Whether there is a key that nobody has claimed.
    pub(crate) fn is_free(&self) -> bool {
        self.0.as_ref().is_some_and(|open| !open.is_claimed)
    }

    fn put(&self, commit: &mut Commit, answer: Option<Value>) -> Result<(), Error> {
        let Some(Open { bound, version, now, .. }) = &self.0 else { return Ok(()) };
        let Bound { record, action, target, body } = bound;
        let remembered =
            Remembered { at: *now, action: action.clone(), target: target.clone(), body: body.clone(), answer };
        let json = serde_json::to_vec(&remembered).map_err(Error::internal)?;
        commit.checks.push(Check { key: record.clone(), version: *version });
        let forget_after = Some(now.plus(REMEMBERED));
        commit.puts.push(Put { forget_after, ..Put::new(record.clone(), json.into()) });
        Ok(())
    }
}
