//! Showing a workspace's traffic: hour by hour, and the clients that it came from.

use std::collections::{BTreeMap, BTreeSet};

use access_model::{Id, Timestamp};
use access_store::Store;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ACTION_GET;
use super::days::ADDRESS_DAYS;
use super::heard::OTHER;
use super::origin::Origin;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::records;
use crate::usage::day_of;

const DAY_MILLIS: i64 = 86_400_000;
const HOUR_MILLIS: i64 = 3_600_000;
/// Days of one answer at most, as with usage.
const MOST_DAYS: u32 = 92;
/// Days of an answer whose number was not asked for.
const DEFAULT_DAYS: u32 = 7;
/// Clients of one answer at most, those with most requests.
const MOST_CLIENTS: usize = 1_000;
/// Codes of one answer at most, those given most often.
const MOST_CODES: usize = 20;

/// Which days are asked for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrafficRequest {
    /// So many days in UTC, today included.
    #[schemars(range(min = 1, max = MOST_DAYS), extend("default" = DEFAULT_DAYS))]
    pub days: Option<u32>,
}

/// How many requests there were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "TrafficCounts")]
pub struct Counts {
    /// Allowed.
    pub allowed: u64,
    /// Denied, by the code of the first reason. Of more than 20 codes the rarer ones are added up as `other`.
    pub denied: BTreeMap<String, u64>,
}

/// Requests of one hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "TrafficHour")]
pub struct HourTraffic {
    /// When it began.
    pub at: Timestamp,
    /// Its requests.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Requests from one address, or from one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "TrafficClient")]
pub struct ClientTraffic {
    /// The address as a network of one; beyond a thousand addresses on a day, the /24 or /64 that it is in.
    pub network: String,
    /// Requests allowed.
    pub allowed: u64,
    /// Requests denied.
    pub denied: u64,
    /// Keys and clients that were used from there.
    pub keys: u64,
    /// The hour that the first of these requests came in.
    pub first_seen: Timestamp,
    /// The hour that the last came in.
    pub last_seen: Timestamp,
}

/// What was asked about a workspace's keys and tokens, whoever could be identified. Up to a second old; what a killed host had
/// heard last is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Traffic", example = example())]
pub struct TrafficView {
    /// When the first day began, in UTC.
    pub since: Timestamp,
    /// Now.
    pub until: Timestamp,
    /// All of them.
    pub total: Counts,
    /// By hour, oldest first; hours without requests are left out.
    pub hours: Vec<HourTraffic>,
    /// Since when `clients` are told of: 30 days ago at most.
    pub clients_since: Timestamp,
    /// By where they came from, most requests first, a thousand at most.
    pub clients: Vec<ClientTraffic>,
    /// Requests since then whose address was not stated.
    pub unstated: u64,
    /// Requests since then from networks that were not kept apart, since too many came on one day.
    pub elsewhere: u64,
}

fn example() -> Value {
    let denied = json!({ "ip_not_allowed": 3, "missing_scope": 12 });
    json!({
        "since": "2026-01-25T00:00:00.000Z",
        "until": "2026-01-31T12:00:00.000Z",
        "total": { "allowed": 2_400, "denied": denied },
        "hours": [{ "at": "2026-01-31T11:00:00.000Z", "allowed": 2_400, "denied": denied }],
        "clients_since": "2026-01-25T00:00:00.000Z",
        "clients": [{
            "network": "203.0.113.7/32", "allowed": 2_400, "denied": 12, "keys": 2,
            "first_seen": "2026-01-31T11:00:00.000Z", "last_seen": "2026-01-31T11:00:00.000Z",
        }],
        "unstated": 0,
        "elsewhere": 3,
    })
}

/// A counter of what came from one origin by one key.
pub(crate) struct Came {
    pub(crate) id: String,
    pub(crate) origin: Origin,
    pub(crate) is_allow: bool,
    pub(crate) sum: u64,
}

#[derive(Debug, Default)]
struct Client {
    allowed: u64,
    denied: u64,
    keys: BTreeSet<String>,
    hours: Option<(i64, i64)>,
}

impl Counts {
    fn add(&mut self, what: &str, sum: u64) {
        let counter = match what.strip_prefix("deny/") {
            None => &mut self.allowed,
            Some(code) => self.denied.entry(code.to_owned()).or_default(),
        };
        *counter = counter.saturating_add(sum);
    }

    /// Adds up what is not among the codes `shown`.
    fn fold(&mut self, shown: &BTreeSet<String>) {
        let folded: Vec<_> = self.denied.extract_if(.., |code, _| !shown.contains(code)).collect();
        let sum = folded.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        if sum > 0 {
            *self.denied.entry(OTHER.to_owned()).or_default() += sum;
        }
    }
}

impl Authority {
    /// What was asked about the keys of the permit's workspace.
    ///
    /// # Errors
    /// [`Error::Invalid`] for too many days.
    pub async fn get_traffic(&self, permit: &Permit, request: &TrafficRequest) -> Result<TrafficView, Error> {
        permit.covers(ACTION_GET)?;
        let workspace = permit.workspace_id()?;
        let days = request.days.unwrap_or(DEFAULT_DAYS);
        if !(1..=MOST_DAYS).contains(&days) {
            return Err(Error::invalid("days", format!("must be 1 to {MOST_DAYS}")));
        }
        let now = self.clock.now();
        let today = now.as_millis().div_euclid(DAY_MILLIS);
        let first = today - i64::from(days) + 1;
        let (mut total, mut hours) = (Counts::default(), BTreeMap::<i64, Counts>::new());
        for day in first..=today {
            let group = records::traffic(&workspace, &text(day));
            for (name, sum) in self.store.counters(workspace.home(), &group).await? {
                let Some((hour, what)) = hour_in(&name) else { continue };
                let sum = u64::try_from(sum).unwrap_or_default();
                total.add(what, sum);
                hours.entry(day * 24 + hour).or_default().add(what, sum);
            }
        }
        let mut codes: Vec<_> = total.denied.iter().map(|(code, sum)| (*sum, code.clone())).collect();
        codes.sort_unstable_by_key(|(sum, _)| std::cmp::Reverse(*sum));
        let shown: BTreeSet<_> = codes.into_iter().take(MOST_CODES).map(|(_, code)| code).collect();
        total.fold(&shown);
        hours.values_mut().for_each(|counts| counts.fold(&shown));
        let clients_first = first.max(today - ADDRESS_DAYS + 1);
        let mut clients = self.clients_of(&workspace, clients_first, today).await?;
        let mut requests = |origin| clients.remove(&origin).map_or(0, |client| client.allowed + client.denied);
        let (unstated, elsewhere) = (requests(Origin::Unstated), requests(Origin::Elsewhere));
        Ok(TrafficView {
            since: Timestamp::from_millis(first * DAY_MILLIS),
            until: now,
            total,
            hours: hours.into_iter().map(|(hour, counts)| HourTraffic { at: beginning(hour), counts }).collect(),
            clients_since: Timestamp::from_millis(clients_first * DAY_MILLIS),
            clients: shown_clients(clients, clients_first),
            unstated,
            elsewhere,
        })
    }

    async fn clients_of(&self, workspace: &Id, first: i64, last: i64) -> Result<BTreeMap<Origin, Client>, Error> {
        let mut clients: BTreeMap<Origin, Client> = BTreeMap::new();
        for day in first..=last {
            for came in self.traffic_of(workspace, day).await? {
                let client = clients.entry(came.origin).or_default();
                *(if came.is_allow { &mut client.allowed } else { &mut client.denied }) += came.sum;
                client.keys.insert(came.id);
            }
            let seen = records::traffic_seen(workspace, &text(day));
            for name in self.store.counters(workspace.home(), &seen).await?.into_keys() {
                let Some((origin, hour)) = name.rsplit_once('/') else { continue };
                if let (Ok(origin), Ok(hour)) = (origin.parse::<Origin>(), hour.parse::<i64>())
                    && let Some(client) = clients.get_mut(&origin)
                {
                    let at = day * 24 + hour;
                    let (from, to) = client.hours.unwrap_or((at, at));
                    client.hours = Some((from.min(at), to.max(at)));
                }
            }
        }
        Ok(clients)
    }

    /// What came on a day, by key and origin.
    pub(crate) async fn traffic_of(&self, workspace: &Id, day: i64) -> Result<Vec<Came>, Error> {
        let group = records::traffic_clients(workspace, &text(day));
        let counters = self.store.counters(workspace.home(), &group).await?;
        let came = counters.into_iter().filter_map(|(name, sum)| {
            let (id, rest) = name.split_once('/')?;
            let (origin, what) = rest.rsplit_once('/')?;
            let origin = origin.parse().ok()?;
            Some(Came { id: id.to_owned(), origin, is_allow: what == "allow", sum: u64::try_from(sum).ok()? })
        });
        Ok(came.collect())
    }
}

fn shown_clients(clients: BTreeMap<Origin, Client>, first_day: i64) -> Vec<ClientTraffic> {
    let mut shown: Vec<_> = clients
        .into_iter()
        .map(|(origin, client)| {
            let (from, to) = client.hours.unwrap_or((first_day * 24, first_day * 24));
            ClientTraffic {
                network: origin.to_string(),
                allowed: client.allowed,
                denied: client.denied,
                keys: client.keys.len() as u64,
                first_seen: beginning(from),
                last_seen: beginning(to),
            }
        })
        .collect();
    shown.sort_by_key(|client| std::cmp::Reverse(client.allowed.saturating_add(client.denied)));
    shown.truncate(MOST_CLIENTS);
    shown
}

fn hour_in(name: &str) -> Option<(i64, &str)> {
    let (hour, what) = name.split_once('/')?;
    Some((hour.parse().ok()?, what))
}

fn beginning(hour: i64) -> Timestamp {
    Timestamp::from_millis(hour * HOUR_MILLIS)
}

pub(super) fn text(day: i64) -> String {
    day_of(Timestamp::from_millis(day * DAY_MILLIS))
}
