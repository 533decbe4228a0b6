//! A report: secrets, where they were found, and how many of them one network may bring.

use std::net::IpAddr;

use access_model::PlainSecret;
use access_model::text::without_long_words;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::decide::throttle::Source;
use crate::error::Error;
use crate::keys::is_disguising;

/// Secrets of one report.
const MOST: usize = 20;
/// Characters of an address.
const URL_LENGTH: usize = 2_000;
/// Characters of a note.
const NOTE_LENGTH: usize = 500;

/// Secrets that somebody came upon.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeakReport {
    /// The secrets, 1 to 20.
    #[schemars(with = "Vec<String>", length(min = 1, max = 20), example = example())]
    pub secrets: Vec<PlainSecret>,
    /// Where they were found.
    #[serde(default)]
    #[schemars(length(max = 2000), extend("x-catalog" = "plain"), example = &"https://example.com/acme/app/blob/main/.env")]
    pub url: Option<String>,
    /// What else their owner should know.
    #[serde(default)]
    #[schemars(length(max = 500), extend("x-catalog" = "plain"), example = &"in the history since May")]
    pub note: Option<String>,
}

fn example() -> Value {
    json!(["cf_prod_07Xk2mPq9RtVw4Yz1A…"])
}

/// Who reports, and what else is said.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) url: Option<String>,
    pub(super) note: Option<String>,
    pub(super) from: Option<IpAddr>,
}

impl Authority {
    /// Takes a report from somebody at `from`. What comes of it is told to nobody but those whose secrets they are.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::TooManyAttempts`] from this network; [`Error::StoreUnavailable`].
    pub async fn report_leaks(&self, report: &LeakReport, from: Option<IpAddr>) -> Result<(), Error> {
        let LeakReport { secrets, url, note } = report;
        if secrets.is_empty() || secrets.len() > MOST {
            return Err(Error::invalid("secrets", format!("must be 1 to {MOST}")));
        }
        let told = Told { url: plain("url", url, URL_LENGTH)?, note: plain("note", note, NOTE_LENGTH)?, from };
        let (source, monotonic) = (Source::new(None, from), self.clock.monotonic());
        if let Some(seconds) = self.leak_throttle.is_shut(&source, monotonic) {
            return Err(Error::TooManyAttempts { seconds });
        }
        // All are counted before any is looked at.
        secrets.iter().for_each(|_| self.leak_throttle.count(source, monotonic));
        for secret in secrets {
            self.report_leak(secret, &told).await.or_else(told_alike)?;
        }
        Ok(())
    }
}

/// What goes wrong about a secret that is one must not tell that it is.
fn told_alike(error: Error) -> Result<(), Error> {
    match error {
        Error::StoreUnavailable => Err(error),
        // It most likely was done; an answer of its own would tell that there was something to do.
        Error::Unconfirmed => {
            tracing::error!(%error, "whether a report of a leaked secret was dealt with is not known");
            Ok(())
        }
        _ => {
            tracing::error!(%error, "a report of a leaked secret came to nothing");
            Err(Error::StoreUnavailable)
        }
    }
}

/// What somebody wrote, fit for a trail: secrets stand in addresses and notes as well.
fn plain(field: &'static str, text: &Option<String>, most: usize) -> Result<Option<String>, Error> {
    let Some(text) = text.as_ref().filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > most || text.chars().any(is_disguising) {
        return Err(Error::invalid(field, format!("may have {most} characters, without control characters")));
    }
    Ok(Some(without_long_words(text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_wrong_does_not_tell_whether_a_secret_is_one() {
        assert!(told_alike(Error::Unconfirmed).is_ok());
        for error in [Error::StoreUnavailable, Error::AuditFull, Error::Contended, Error::Internal] {
            assert!(matches!(told_alike(error), Err(Error::StoreUnavailable)));
        }
    }

    #[test]
    fn what_is_written_beside_a_secret_is_kept_without_it() {
        let secret = format!("cf_prod_{}", "a".repeat(56));
        let kept = plain("url", &Some(format!("https://example.com/?k={secret}")), URL_LENGTH).unwrap();
        assert_eq!(kept.as_deref(), Some("https://example.com/?k=cf_prod_aaaa…"));
        assert_eq!(plain("url", &Some(String::new()), 1).unwrap(), None);
        for wrong in ["xx", "\n"] {
            assert!(plain("note", &Some(wrong.to_owned()), 1).is_err(), "{wrong:?}");
        }
    }
}
