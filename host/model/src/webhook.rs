//! Webhook endpoints: where a workspace wants to be told of what happens, and the transitions that one may go through.
//!
//! create → (disable ⇄ enable) → … → delete. One whose receiver is gone, or fails for long, is disabled by the installation.
//! The secret is rotated in place; for the length of an overlap every live secret signs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::Id;

/// What the secrets of endpoints begin with (Standard Webhooks). What follows names the endpoint and ends with a checksum like
/// any other secret of ours, and is base64 all the same.
pub const PREFIX: &str = "whsec_";
/// Endpoints of one workspace.
pub const MOST_WEBHOOKS: usize = 20;
/// Endpoints of one organization that are told of what is no workspace's.
pub const MOST_ORGANIZATION_WEBHOOKS: usize = 50;
/// Secrets of one endpoint that may be live at a time.
pub const MOST_SECRETS: usize = 5;
/// Patterns of one endpoint.
pub const MOST_PATTERNS: usize = 32;
/// Characters of a type or a pattern.
pub const TYPE_LENGTH: usize = 100;

/// An endpoint of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Public id.
    pub id: Id,
    /// The owner of the workspace.
    pub organization: Id,
    /// The owner.
    pub workspace: Id,
    /// What may be changed of it.
    #[serde(flatten)]
    pub terms: WebhookTerms,
    /// Where it stands.
    pub state: WebhookState,
    /// Its secrets, oldest first; the last one has no end.
    pub secrets: Vec<WebhookSecret>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What an endpoint is created with, and what an update changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookTerms {
    /// Where it is told.
    pub url: String,
    /// What of: types, `key.*` for all that begin so, `*` for all. Empty means nothing.
    pub events: Vec<String>,
    /// Whether it is also told of what happens in its organization and is no workspace's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub organization_events: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Where an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// It is told.
    Active,
    /// It is not; what it would have been told is kept for a while.
    Disabled {
        /// Since when.
        at: Timestamp,
        /// Why.
        because: DisabledBecause,
    },
}

/// Why an endpoint is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledBecause {
    /// Somebody wanted it so.
    Asked,
    /// Its receiver said that it is gone (410).
    Gone,
    /// A message ran out of attempts, and none other came through meanwhile.
    Failing,
}

impl DisabledBecause {
    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// A secret of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSecret {
    /// Its number: grows with each rotation, and never comes twice.
    pub number: u32,
    /// The secret, sealed: it must be read back to sign.
    pub sealed: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// It signs nothing from here on: the end of its overlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// There are overlaps enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{MOST_SECRETS} secrets are live; wait until the overlap of one has ended")]
pub struct TooManySecrets;

impl WebhookSecret {
    /// Whether it signs at this instant.
    pub fn is_live_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl Webhook {
    /// Whether it is told of what happens.
    pub const fn is_active(&self) -> bool {
        matches!(self.state, WebhookState::Active)
    }

    /// Whether it wants to be told of a `kind`.
    pub fn wants(&self, kind: &str) -> bool {
        self.terms.events.iter().any(|pattern| matches(pattern, kind))
    }

    /// The number of its next secret.
    pub fn next_number(&self) -> u32 {
        self.secrets.iter().map(|secret| secret.number).max().unwrap_or(0).saturating_add(1)
    }

    /// Gives it another secret. Those before it end after `overlap` at the latest.
    ///
    /// # Errors
    /// [`TooManySecrets`].
    pub fn rotate(mut self, sealed: String, overlap: Duration, now: Timestamp) -> Result<Self, TooManySecrets> {
        let (number, overlap_ends) = (self.next_number(), now.plus(overlap));
        for earlier in &mut self.secrets {
            earlier.expires_at = Some(earlier.expires_at.map_or(overlap_ends, |end| end.min(overlap_ends)));
        }
        self.secrets.retain(|earlier| earlier.is_live_at(now));
        if self.secrets.len() >= MOST_SECRETS {
            return Err(TooManySecrets);
        }
        self.secrets.push(WebhookSecret { number, sealed, created_at: now, expires_at: None });
        Ok(self)
    }

    /// Tells it nothing more. Disabling a disabled one changes nothing.
    #[must_use]
    pub fn disable(mut self, because: DisabledBecause, now: Timestamp) -> Self {
        if self.is_active() {
            self.state = WebhookState::Disabled { at: now, because };
        }
        self
    }

    /// Tells it again.
    #[must_use]
    pub fn enable(self) -> Self {
        Self { state: WebhookState::Active, ..self }
    }
}

/// Whether a pattern is of a `kind`.
pub fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => kind.starts_with(beginning),
        None => pattern == kind,
    }
}

/// Whether it may be a message's type: words of lower case, digits and `_`, with dots between.
pub fn is_type(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    text.len() <= TYPE_LENGTH && text.split('.').all(is_word)
}

/// Whether it may be a pattern: a type, the beginning of one with `.*`, or `*`.
pub fn is_pattern(text: &str) -> bool {
    text == "*" || text.strip_suffix(".*").is_some_and(is_type) || is_type(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn webhook() -> Webhook {
        Webhook {
            id: "wh_000000000000000000".parse().unwrap(),
            organization: "org_000000000000000000".parse().unwrap(),
            workspace: "ws_000000000000000000".parse().unwrap(),
            terms: WebhookTerms {
                url: "https://example.com".into(),
                events: vec!["key.*".into(), "job.done".into()],
                organization_events: false,
                description: None,
            },
            state: WebhookState::Active,
            secrets: vec![WebhookSecret { number: 1, sealed: String::new(), created_at: NOW, expires_at: None }],
            created_at: NOW,
        }
    }

    #[test]
    fn an_endpoint_is_told_of_what_it_wants() {
        for (kind, expected) in
            [("key.inactive", true), ("key.rotation.due", true), ("keys.x", false), ("key", false), ("job.done", true)]
        {
            assert_eq!(webhook().wants(kind), expected, "{kind}");
        }
        assert!(matches("*", "anything.at_all"));
    }

    #[test]
    fn types_and_patterns_are_told_from_slips() {
        for good in ["*", "key.*", "key.inactive", "a_1.b"] {
            assert!(is_pattern(good), "{good}");
        }
        for bad in ["", "**", "key*", ".key", "key.", "key..x", "Key.x", "*.key", "key.*.x", "k y", "*.*"] {
            assert!(!is_pattern(bad), "{bad}");
        }
        assert!(!is_type("*") && !is_type("key.*") && !is_type(&"x".repeat(TYPE_LENGTH + 1)));
    }

    #[test]
    fn every_live_secret_signs_and_none_outlives_its_overlap() {
        let live = |webhook: &Webhook, now| {
            webhook
                .secrets
                .iter()
                .filter(|secret| secret.is_live_at(now))
                .map(|secret| secret.number)
                .collect::<Vec<_>>()
        };
        let after = |seconds| NOW.plus(Duration::from_secs(seconds));
        let rotated = webhook().rotate(String::new(), HOUR, NOW).unwrap();
        assert_eq!((live(&rotated, after(3_599)), live(&rotated, after(3_600))), (vec![1, 2], vec![2]));
        let again = rotated.clone().rotate(String::new(), 10 * HOUR, after(60)).unwrap();
        assert_eq!((live(&again, after(61)), live(&again, after(3_600))), (vec![1, 2, 3], vec![2, 3]));
        let at_once = rotated.rotate(String::new(), Duration::ZERO, after(60)).unwrap();
        assert_eq!(live(&at_once, after(60)), [3]);
        let mut many = webhook();
        for _ in 1..MOST_SECRETS {
            many = many.rotate(String::new(), HOUR, NOW).unwrap();
        }
        assert_eq!(many.rotate(String::new(), HOUR, NOW), Err(TooManySecrets));
    }

    #[test]
    fn why_it_was_disabled_is_told_until_it_is_enabled() {
        let gone = webhook().disable(DisabledBecause::Gone, NOW);
        let asked = gone.clone().disable(DisabledBecause::Asked, NOW.plus(HOUR));
        assert_eq!(asked, gone);
        assert!(gone.enable().is_active());
    }
}
