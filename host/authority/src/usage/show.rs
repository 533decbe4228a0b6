//! Showing a workspace's usage, by day and by key.

use std::collections::BTreeMap;

use access_model::Timestamp;
use access_store::{Record, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ACTION_GET;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::records;

const DAY_MILLIS: i64 = 86_400_000;
/// Days of one answer at most.
const MOST_DAYS: i64 = 92;
/// Days of an answer whose beginning was not asked for, today included.
const DEFAULT_DAYS: i64 = 30;
/// Keys of one answer at most, those most used.
const MOST_KEYS: usize = 1_000;

/// Which days are asked for, in UTC.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageRequest {
    /// The first day, as `2026-01-31`; absent: 29 days before the last.
    #[schemars(regex(pattern = "^\\d{4}-\\d{2}-\\d{2}$"), extend("format" = "date"))]
    pub since: Option<String>,
    /// The last day; absent: today. At most 92 days in all.
    #[schemars(regex(pattern = "^\\d{4}-\\d{2}-\\d{2}$"), extend("format" = "date"))]
    pub until: Option<String>,
}

/// How many requests there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Asked {
    /// Allowed.
    pub allowed: u64,
    /// Denied for a reason that a policy gave, or because nothing could be asked like that.
    pub denied: u64,
    /// Denied because a quota was exhausted.
    pub rate_limited: u64,
}

/// Requests of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DayUsage {
    /// The day, in UTC.
    #[schemars(extend("format" = "date"))]
    pub day: String,
    /// Its requests.
    #[serde(flatten)]
    pub asked: Asked,
}

/// Requests of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyUsage {
    /// The key's public id.
    pub key: String,
    /// Its requests.
    #[serde(flatten)]
    pub asked: Asked,
}

/// Requests that a workspace's keys were identified by. Up to a second old; what a killed host had counted last is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Usage")]
pub struct UsageView {
    /// The first day, in UTC.
    #[schemars(extend("format" = "date"))]
    pub since: String,
    /// The last day.
    #[schemars(extend("format" = "date"))]
    pub until: String,
    /// All of them.
    pub total: Asked,
    /// By day, oldest first; days without requests are left out.
    pub days: Vec<DayUsage>,
    /// By key, the most used first, a thousand at most.
    pub keys: Vec<KeyUsage>,
}

impl Asked {
    fn add(&mut self, what: &str, amount: u64) {
        let counter = match what {
            "allowed" => &mut self.allowed,
            "rate_limited" => &mut self.rate_limited,
            _ => &mut self.denied,
        };
        *counter = counter.saturating_add(amount);
    }

    const fn sum(&self) -> u64 {
        self.allowed.saturating_add(self.denied).saturating_add(self.rate_limited)
    }
}

impl Authority {
    /// How much the keys of the permit's workspace were used.
    ///
    /// # Errors
    /// [`Error::Invalid`] for days that are none, or too many.
    pub async fn get_usage(&self, permit: &Permit, request: &UsageRequest) -> Result<UsageView, Error> {
        permit.covers(ACTION_GET)?;
        let workspace = permit.workspace_id()?;
        let (since, until) = request.days(self.clock.now())?;
        let (mut total, mut days) = (Asked::default(), Vec::new());
        let mut keys: BTreeMap<String, Asked> = BTreeMap::new();
        for day in since..=until {
            let day = day_of(Timestamp::from_millis(day * DAY_MILLIS));
            let mut of_day = Asked::default();
            for (name, sum) in self.store.counters(workspace.home(), &records::usage(&workspace, &day)).await? {
                let Some((key, what)) = name.split_once('/') else { continue };
                let sum = u64::try_from(sum).unwrap_or_default();
                for asked in [&mut total, &mut of_day, keys.entry(key.to_owned()).or_default()] {
                    asked.add(what, sum);
                }
            }
            if of_day.sum() > 0 {
                days.push(DayUsage { day, asked: of_day });
            }
        }
        let mut keys: Vec<_> = keys.into_iter().map(|(key, asked)| KeyUsage { key, asked }).collect();
        keys.sort_by_key(|usage| std::cmp::Reverse(usage.asked.sum()));
        keys.truncate(MOST_KEYS);
        let text = |day: i64| day_of(Timestamp::from_millis(day * DAY_MILLIS));
        Ok(UsageView { since: text(since), until: text(until), total, days, keys })
    }
}

impl UsageRequest {
    /// The first and the last day, counted from 1970.
    fn days(&self, now: Timestamp) -> Result<(i64, i64), Error> {
        let read = |text: &Option<String>, field| text.as_deref().map(|text| number_of(text, field)).transpose();
        let until = read(&self.until, "until")?.unwrap_or(now.as_millis().div_euclid(DAY_MILLIS));
        let since = read(&self.since, "since")?.unwrap_or(until - (DEFAULT_DAYS - 1));
        match until - since {
            ..0 => Err(Error::invalid("since", "must not be after `until`")),
            MOST_DAYS.. => Err(Error::invalid("since", format!("at most {MOST_DAYS} days at a time"))),
            _ => Ok((since, until)),
        }
    }
}

fn number_of(text: &str, field: &'static str) -> Result<i64, Error> {
    let begins: Option<Timestamp> = format!("{text}T00:00:00Z").parse().ok().filter(|_| text.len() == 10);
    let begins = begins.ok_or_else(|| Error::invalid(field, "must be a day such as `2026-01-31`"))?;
    Ok(begins.as_millis().div_euclid(DAY_MILLIS))
}

/// The day of an instant in UTC, as `2026-01-31`.
pub(crate) fn day_of(at: Timestamp) -> String {
    let begins = Timestamp::from_millis(at.as_millis().div_euclid(DAY_MILLIS) * DAY_MILLIS);
    begins.to_string().chars().take_while(|character| *character != 'T').collect()
}

/// What a key's record of its last use says.
pub(crate) fn last_used(record: &Record) -> Option<Timestamp> {
    std::str::from_utf8(&record.value).ok()?.parse().ok().map(Timestamp::from_millis)
}
