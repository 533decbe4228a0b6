//! What a key holds and did not need: a suggestion to whoever rotates it, from what it was really used for.

use std::collections::BTreeSet;

use access_model::{Id, Timestamp};
use access_store::Store as _;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Serialize;

use super::day_of;
use super::needed::MOST;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::error::Error;
use crate::keys::actions;
use crate::records;
use crate::traffic::Origin;

const DAY_MILLIS: i64 = 86_400_000;
/// Days that are looked at, today included: so long it is known where requests came from.
const DAYS: i64 = 30;

/// What a key could do without, as far as its use shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "KeySuggestions", example = example())]
pub struct SuggestionsView {
    /// Since when its use was looked at: thirty days at most, and not before it was issued.
    pub since: Timestamp,
    /// Scopes that no allowed request asked for.
    pub unused_scopes: Vec<String>,
    /// Networks of its allow-list that no allowed request came from. None where more addresses came than are kept apart.
    pub unused_networks: Vec<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({
        "since": "2026-01-31T00:00:00.000Z", "unused_scopes": ["jobs:write"], "unused_networks": ["198.51.100.0/24"],
    })
}

impl Authority {
    /// What the key `id` of the permit's workspace did not need.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn suggest_for_key(&self, permit: &Permit, id: &Id) -> Result<SuggestionsView, Error> {
        permit.covers(actions::GET)?;
        let key = self.read_key(permit, id).await?.value;
        let today = self.clock.now().as_millis().div_euclid(DAY_MILLIS);
        let first = (today - DAYS + 1).max(key.created_at.as_millis().div_euclid(DAY_MILLIS));
        let (mut needed, mut origins) = (BTreeSet::new(), BTreeSet::new());
        for day in first..=today {
            let text = day_of(Timestamp::from_millis(day * DAY_MILLIS));
            needed.extend(self.store.counters(id.home(), &records::scopes_needed(id, &text)).await?.into_keys());
            if key.ip_allow.is_some() {
                let came = self.traffic_of(&key.workspace, day).await?;
                let of_key = came.into_iter().filter(|came| came.is_allow && came.id == id.to_string());
                origins.extend(of_key.map(|came| came.origin));
            }
        }
        let unused = |(place, scope): (usize, &String)| place < MOST && !needed.contains(scope);
        let scopes = key.scopes.iter().enumerate().filter(|of| unused(*of)).map(|(_, scope)| scope.clone());
        let networks = key.ip_allow.as_ref().map(access_model::AllowList::to_strings).unwrap_or_default();
        Ok(SuggestionsView {
            since: Timestamp::from_millis(first * DAY_MILLIS).max(key.created_at),
            unused_scopes: scopes.collect(),
            unused_networks: networks.into_iter().filter(|network| !is_used(network, &origins)).collect(),
        })
    }
}

/// Whether something may have come from a network of an allow-list.
fn is_used(network: &str, origins: &BTreeSet<Origin>) -> bool {
    let Ok(network) = network.parse::<IpNet>() else { return true };
    origins.iter().any(|origin| match origin {
        Origin::Network(from) => network.contains(from) || from.contains(&network),
        Origin::Elsewhere => true,
        Origin::Unstated => false,
    })
}
