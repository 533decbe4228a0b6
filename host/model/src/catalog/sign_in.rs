//! How people sign in: the numbers of it.

use std::time::Duration;

use serde::Deserialize;

use crate::attempts::AttemptLimits;
use crate::password::{LEAST_CHARACTERS, MOST_CHARACTERS};

/// A year: nothing here takes longer.
const MOST_SECONDS: u32 = 366 * 86_400;

/// The table `[sign_in]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// What the service is called: in authenticator apps, and in no password.
    pub service: String,
    /// Code points of a password at least.
    pub password_characters: usize,
    /// Attempts at one account's password, or at one member's second factor, in `account_window_seconds` and since the last
    /// that was right; the last of them locks.
    pub account_attempts: u32,
    /// Their window: long, so that guessing slowly is no way round.
    pub account_window_seconds: u32,
    /// Attempts from one network in a window, those that were right not counted.
    pub network_attempts: u32,
    /// The window of a network's.
    pub window_seconds: u32,
    /// How long the first lockout of an account lasts; each after that, twice as long.
    pub lockout_seconds: u32,
    /// How long a lockout lasts at most.
    pub most_lockout_seconds: u32,
    /// Sessions of one member at a time; the oldest ends when there would be more.
    pub sessions: usize,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            service: "Access".to_owned(),
            password_characters: 12,
            account_attempts: 10,
            account_window_seconds: 86_400,
            network_attempts: 100,
            window_seconds: 900,
            lockout_seconds: 900,
            most_lockout_seconds: 86_400,
            sessions: 20,
        }
    }
}

impl SignIn {
    /// Attempts at one account, or at one member's second factor.
    pub fn of_account(&self) -> AttemptLimits {
        AttemptLimits {
            attempts: self.account_attempts,
            window: seconds(self.account_window_seconds),
            lockout: seconds(self.lockout_seconds),
            most: seconds(self.most_lockout_seconds),
        }
    }

    /// Attempts from one network. They are many people's, so that it opens again with the window.
    pub fn of_network(&self) -> AttemptLimits {
        let window = seconds(self.window_seconds);
        // The last is looked at, and the next is one too many.
        AttemptLimits { attempts: self.network_attempts, window, lockout: window, most: window }
    }

    /// Says what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.service.trim().is_empty() || self.service.chars().count() > 60 {
            return Err("service must be a name of 1 to 60 characters".to_owned());
        }
        if !(LEAST_CHARACTERS..=MOST_CHARACTERS / 2).contains(&self.password_characters) {
            return Err(format!("password_characters must be {LEAST_CHARACTERS} to {}", MOST_CHARACTERS / 2));
        }
        if !(1..=100).contains(&self.account_attempts) || self.network_attempts == 0 {
            return Err("account_attempts must be 1 to 100, and network_attempts 1 at least".to_owned());
        }
        let lengths = [self.window_seconds, self.lockout_seconds, self.most_lockout_seconds];
        if lengths.iter().any(|length| !(1..=MOST_SECONDS).contains(length)) {
            return Err(format!("windows and lockouts must be 1 to {MOST_SECONDS} seconds"));
        }
        if !(1..=100).contains(&self.sessions) {
            return Err("sessions must be 1 to 100".to_owned());
        }
        Ok(())
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}
