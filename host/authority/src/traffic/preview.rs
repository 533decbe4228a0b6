//! What another allow-list would have done to the traffic of the last days: asked of the policies, which alone know what a list
//! means.
//!
//! For every key and every place that it was used from, the platform's policies are asked twice, with the list as it is and as
//! it would be. What is denied for a reason that it was not denied for before, the list locks out. A workspace's own policies
//! are not asked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use access_model::{AllowList, Credential, Id, Timestamp};
use access_store::Store;
use cronflow_policy_cases as facts;
use cronflow_policy_cases::{Action, Attributes, Decision, FactsRef, Reason, Request, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::origin::Origin;
use crate::authority::Authority;
use crate::decide::Permit;
use crate::decide::cache::CredentialEntry;
use crate::error::Error;
use crate::network::ACTION_UPDATE;
use crate::policies::Rules;
use crate::records;

/// The action of asking for it.
pub const ACTION_PREVIEW: &str = "network.preview";

const DAY_MILLIS: i64 = 86_400_000;
/// Days that are looked at, today included.
const DAYS: i64 = 7;
/// Keys and clients of one answer, and places of one answer, those with most requests.
const MOST: usize = 200;
/// Credentials of one read.
const AT_ONCE: usize = 500;

/// The list that is thought of.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NetworkPreviewRequest", extend("required" = ["ip_allow"]), example = json!({ "ip_allow": ["203.0.113.0/24"] }))]
pub struct PreviewRequest {
    /// Networks that requests may come from; null: no restriction.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schemars(extend("x-catalog" = "allow_list"))]
    pub ip_allow: Option<Vec<String>>,
}

/// Requests of one key, or of one client with all of its tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "NetworkPreviewKey")]
pub struct KeyPreview {
    /// Public id of the key or client.
    pub key: Id,
    /// Its name.
    pub name: String,
    /// Requests that were allowed.
    pub allowed: u64,
    /// How many of them would have been denied.
    pub would_deny: u64,
}

/// Requests from one address or network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "NetworkPreviewClient")]
pub struct ClientPreview {
    /// The address as a network of one, or the network that was kept in its place; null: requests that stated no address.
    pub network: Option<String>,
    /// Keys and clients that would be locked out there.
    pub keys: Vec<Id>,
    /// Requests that were allowed and would have been denied.
    pub would_deny: u64,
}

/// What the list would mean for whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "NetworkPreviewAsker")]
pub struct AskerPreview {
    /// The address that this question came from, where it is known.
    pub ip: Option<String>,
    /// Whether requests to the workspace from there would be denied that are not now.
    pub requests_denied: bool,
    /// Whether whoever asks could not change the list back from there.
    pub locked_out: bool,
}

/// What an allow-list would have done to the requests of the last seven days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "NetworkPreview", example = example())]
pub struct PreviewView {
    /// When the first of the days began, in UTC.
    pub since: Timestamp,
    /// Requests that were allowed, of keys that are valid still.
    pub allowed: u64,
    /// How many of them would have been denied.
    pub would_deny: u64,
    /// By key, 200 at most, those that would have been denied most.
    pub keys: Vec<KeyPreview>,
    /// By where they came from, likewise. A network counts as locked out where its first or its last address would be.
    pub clients: Vec<ClientPreview>,
    /// Requests that nothing can be said about: too many networks came on one day.
    pub unknown: u64,
    /// Whoever asks.
    pub asker: AskerPreview,
}

fn example() -> Value {
    json!({
        "since": "2026-01-25T00:00:00.000Z",
        "allowed": 2_400,
        "would_deny": 12,
        "keys": [{ "key": Id::example(access_model::IdKind::Key), "name": "ci", "allowed": 2_400, "would_deny": 12 }],
        "clients": [{
            "network": "198.51.100.7/32", "keys": [Id::example(access_model::IdKind::Key)], "would_deny": 12,
        }],
        "unknown": 0,
        "asker": { "ip": "203.0.113.7", "requests_denied": false, "locked_out": false },
    })
}

/// The same questions with the list as it is, and as it would be.
struct Trial<'a> {
    rules: &'a Rules,
    permit: &'a Permit,
    before: &'a facts::Workspace,
    after: facts::Workspace,
    now: Timestamp,
}

impl Trial<'_> {
    /// Whether `entry` would be denied at `client`, doing `action`, for a reason that it is not denied for now.
    fn denies(&self, entry: &CredentialEntry, action: &Action, client: Option<IpAddr>) -> bool {
        let request = Request { ip: client.map(|ip| ip.to_canonical().to_string()), ..Request::default() };
        let resource = Resource { workspace: Some(self.before.id.clone()), ..Resource::default() };
        // A member is judged by what it holds besides, others by nothing that is not in their facts.
        let caller = self.permit.caller();
        let is_asker = std::ptr::eq(entry, caller.entry.as_ref());
        let context = if is_asker { caller.held(&action.name, &resource.attributes) } else { Attributes::new() };
        let organization = caller.organization.as_deref();
        let decide = |workspace| {
            let decision = self.rules.set.decide(FactsRef {
                now: self.now.as_millis(),
                principal: &entry.principal,
                organization: organization.map(|organization| &organization.facts),
                workspace: Some(workspace),
                gateway: entry.gateway.as_ref(),
                action,
                request: &request,
                resource: &resource,
                context: &context,
            });
            let reasons = |reasons: Vec<Reason>| reasons.into_iter().map(|reason| (reason.policy, reason.message));
            match decision {
                Decision::Allow => BTreeSet::new(),
                Decision::Deny(given) => reasons(given).collect(),
            }
        };
        !decide(&self.after).is_subset(&decide(self.before))
    }

    /// Whether it would be denied anywhere in `origin`, as far as both ends tell.
    fn denies_in(&self, entry: &CredentialEntry, action: &Action, origin: Origin) -> bool {
        match origin {
            Origin::Unstated => self.denies(entry, action, None),
            Origin::Network(network) => {
                self.denies(entry, action, Some(network.network()))
                    || (!origin.is_address() && self.denies(entry, action, Some(network.broadcast())))
            }
            Origin::Elsewhere => false,
        }
    }
}

impl Authority {
    /// What an allow-list would have done to the recent traffic of the permit's workspace, and to whoever asks.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the entry of the list.
    pub async fn preview_network(&self, permit: &Permit, request: &PreviewRequest) -> Result<PreviewView, Error> {
        permit.covers(ACTION_PREVIEW)?;
        let parse = |list: &Vec<String>| {
            AllowList::parse(list, self.catalog.limits.allow_list).map_err(Error::list("ip_allow"))
        };
        let list = request.ip_allow.as_ref().map(parse).transpose()?;
        let workspace = permit.workspace()?;
        let (rules, now) = (self.policies.current(), self.clock.now());
        let after = facts::Workspace { ip_allow: list.as_ref().map(AllowList::to_strings), ..workspace.facts.clone() };
        let trial = Trial { rules: &rules, permit, before: &workspace.facts, after, now };

        let today = now.as_millis().div_euclid(DAY_MILLIS);
        let first = today - DAYS + 1;
        let (mut came, mut unknown) = (BTreeMap::<Id, BTreeMap<Origin, u64>>::new(), 0_u64);
        for day in first..=today {
            for one in self.traffic_of(&workspace.record.id, day).await?.into_iter().filter(|one| one.is_allow) {
                if one.origin == Origin::Elsewhere {
                    unknown = unknown.saturating_add(one.sum);
                } else if let Ok(id) = one.id.parse() {
                    *came.entry(id).or_default().entry(one.origin).or_default() += one.sum;
                }
            }
        }
        let ids: Vec<Id> = came.keys().copied().collect();
        let (mut allowed, mut would_deny) = (0, 0);
        let (mut keys, mut clients) = (Vec::new(), BTreeMap::<Origin, (BTreeSet<Id>, u64)>::new());
        for some in ids.chunks(AT_ONCE) {
            for (id, entry) in self.valid_entries(some, now).await? {
                let Some(action) = self.customer_action(&entry) else { continue };
                let mut of_key = KeyPreview { key: id, name: name_of(&entry.credential), allowed: 0, would_deny: 0 };
                for (origin, sum) in came.get(&id).into_iter().flatten() {
                    of_key.allowed += sum;
                    if trial.denies_in(&entry, action, *origin) {
                        of_key.would_deny += sum;
                        let (keys, denied) = clients.entry(*origin).or_default();
                        keys.insert(id);
                        *denied += sum;
                    }
                }
                allowed += of_key.allowed;
                would_deny += of_key.would_deny;
                keys.push(of_key);
                // There may be many places, and they are all asked about on this thread.
                tokio::task::yield_now().await;
            }
        }
        keys.retain(|key| key.would_deny > 0);
        keys.sort_by_key(|key| std::cmp::Reverse(key.would_deny));
        keys.truncate(MOST);
        Ok(PreviewView {
            since: Timestamp::from_millis(first * DAY_MILLIS),
            allowed,
            would_deny,
            keys,
            clients: shown(clients),
            unknown,
            asker: self.asker(&trial),
        })
    }

    fn asker(&self, trial: &Trial<'_>) -> AskerPreview {
        let client = trial.permit.client();
        let entry = &trial.permit.caller().entry;
        let denies = |action: Option<&Arc<Action>>| action.is_some_and(|action| trial.denies(entry, action, client));
        AskerPreview {
            ip: client.map(|ip| ip.to_canonical().to_string()),
            requests_denied: denies(self.customer_action(entry)),
            locked_out: denies(self.catalog.action(ACTION_UPDATE)),
        }
    }

    /// What the credential may be used for, or anything that customers do.
    fn customer_action(&self, entry: &CredentialEntry) -> Option<&Arc<Action>> {
        let own = |action: &&Arc<Action>| action.kinds.contains(&entry.principal.key_kind);
        let mut actions = self.catalog.actions().filter(|action| action.category == "customer");
        let any = self.catalog.actions().find(|action| action.category == "customer");
        actions.find(own).or(any)
    }

    /// The keys and clients that are valid at `now`, in one read of those that are not remembered.
    async fn valid_entries(&self, ids: &[Id], now: Timestamp) -> Result<Vec<(Id, Arc<CredentialEntry>)>, Error> {
        let Some(home) = ids.first().map(Id::home) else { return Ok(Vec::new()) };
        let names: Vec<_> = ids.iter().map(records::credential).collect();
        let found = self.store.read(home, &names).await?;
        let mut entries = Vec::with_capacity(ids.len());
        for ((id, name), record) in ids.iter().zip(&names).zip(&found) {
            let Some(record) = record else { continue };
            let credential: Credential = records::decode(name, record)?;
            let is_valid = credential.is_valid_at(now);
            entries
                .extend(self.entry_of(credential, None, None).filter(|_| is_valid).map(|entry| (*id, Arc::new(entry))));
        }
        Ok(entries)
    }
}

fn shown(clients: BTreeMap<Origin, (BTreeSet<Id>, u64)>) -> Vec<ClientPreview> {
    let network = |origin| match origin {
        Origin::Network(network) => Some(network.to_string()),
        Origin::Unstated | Origin::Elsewhere => None,
    };
    let mut shown: Vec<_> = clients
        .into_iter()
        .map(|(origin, (keys, would_deny))| ClientPreview {
            network: network(origin),
            keys: keys.into_iter().take(MOST).collect(),
            would_deny,
        })
        .collect();
    shown.sort_by_key(|client| std::cmp::Reverse(client.would_deny));
    shown.truncate(MOST);
    shown
}

fn name_of(credential: &Credential) -> String {
    match credential {
        Credential::ApiKey(key) => key.name.clone(),
        Credential::Client(client) => client.terms.name.clone(),
        Credential::AccessToken(_) | Credential::Session(_) | Credential::Gateway(_) | Credential::Operator(_) => {
            String::new()
        }
    }
}
