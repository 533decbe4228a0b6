//! The catalog: kinds of credential, scopes, actions, routes, limits and life times, read from one TOML file.
//!
//! Reading checks everything that later code relies on: names that refer to each other exist, prefixes can't be mistaken
//! for one another, routes don't clash. Unknown keys are refused.

mod mail;
mod reaction;
mod report;
mod sign_in;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cronflow_policy_cases::Action;
use serde::Deserialize;
use sha2::{Digest, Sha256};

pub use self::mail::MailRules;
pub use self::reaction::Reaction;
pub use self::report::Report;
pub use self::sign_in::SignIn;
pub use self::upkeep::{RotationReminders, Stage, Stages, Upkeep};
use crate::id::IdKind;
use crate::text::hex;
use crate::webhook;

/// What principals are that the host knows nothing of, in place of a kind. No kind is named so.
pub const STATED: &str = "stated";
/// A day: the longest that revocations may wait for the store.
const MOST_OUTAGE_SECONDS: u32 = 86_400;
/// A day: the longest that an access token may live.
const MOST_TOKEN_SECONDS: u32 = 86_400;

/// The whole catalog, checked.
#[derive(Debug)]
pub struct Catalog {
    /// Size limits.
    pub limits: Limits,
    /// How people sign in.
    pub sign_in: SignIn,
    /// What an auditor's report tells of.
    pub report: Report,
    /// Who is written to.
    pub mail: MailRules,
    /// Scope and what it is for.
    pub scopes: BTreeMap<String, String>,
    /// Kinds of credential by name.
    pub kinds: BTreeMap<String, Arc<Kind>>,
    /// SHA-256 of the file, in hex. Part of the set digest.
    pub digest: String,
    actions: BTreeMap<String, Arc<Action>>,
    routes: matchit::Router<Vec<(String, Arc<Action>)>>,
}

/// Size limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Facts of one decision, as JSON, in bytes.
    pub facts_bytes: usize,
    /// Free attributes in one map.
    pub attributes: usize,
    /// Bytes of a free attribute's string.
    pub attribute_bytes: usize,
    /// Questions in one batch.
    pub batch: usize,
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Bytes of a request body that uploads a policy.
    pub upload_bytes: usize,
    /// Policies of one workspace, those that are deleted not counted.
    pub policies: usize,
    /// Revisions that are kept of one policy.
    pub policy_revisions: u64,
    /// Bytes of modules and cases that are kept for one workspace.
    pub policy_bytes: u64,
    /// Networks in one allow-list.
    pub allow_list: usize,
    /// Organizations that one gateway may be bound to by name.
    pub gateway_organizations: usize,
    /// Environments that one gateway may be bound to by name.
    pub gateway_environments: usize,
    /// Workspaces that one client may serve.
    pub client_workspaces: usize,
    /// Environments that one client may act in by name.
    pub client_environments: usize,
    /// Metadata entries of a key.
    pub metadata: usize,
    /// Bytes of a metadata value.
    pub metadata_bytes: usize,
    /// The longest overlap of a rotation.
    pub overlap_seconds: u64,
    /// Attempts in a window, as a multiple of the quota.
    pub attempts_factor: u32,
    /// Failed identifications per gateway and client network in one minute.
    pub failed_identifications: u32,
    /// Records that a host appends to one audit log without their being sealed.
    #[serde(default = "unsealed_records")]
    pub unsealed_records: u64,
    /// Days that messages to webhooks, and what became of them, are kept.
    #[serde(default = "webhook_kept_days")]
    pub webhook_kept_days: u32,
    /// Secrets that one network may report as leaked in a minute, to one host.
    #[serde(default = "leak_reports")]
    pub leak_reports: u32,
}

impl Limits {
    /// How long messages to webhooks, and what became of them, are kept, from when they came to be.
    pub fn webhook_kept(&self) -> Duration {
        Duration::from_secs(u64::from(self.webhook_kept_days) * 86_400)
    }
}

const fn unsealed_records() -> u64 {
    50_000
}

const fn webhook_kept_days() -> u32 {
    30
}

const fn leak_reports() -> u32 {
    60
}

/// What identification makes of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A customer's API key.
    ApiKey,
    /// An access token that a client obtained.
    AccessToken,
    /// A customer's OAuth2 client.
    Client,
    /// A member, signed in.
    Session,
    /// What lets somebody become a member.
    Invitation,
    /// An enforcement point.
    Gateway,
    /// An operator of the installation.
    Operator,
}

impl Class {
    /// What its secrets name.
    pub const fn id_kind(self) -> IdKind {
        match self {
            Self::ApiKey => IdKind::Key,
            Self::AccessToken => IdKind::AccessToken,
            Self::Client => IdKind::Client,
            Self::Session => IdKind::Session,
            Self::Invitation => IdKind::Invitation,
            Self::Gateway => IdKind::Gateway,
            Self::Operator => IdKind::Operator,
        }
    }
}

/// A kind of credential.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its name, for example `production`.
    pub name: String,
    /// What identification makes of its secrets.
    pub class: Class,
    /// What its secrets begin with.
    pub prefix: String,
    /// How many requests are allowed; absent means no quota.
    pub quota: Option<Quota>,
    /// Of a client's kind: how many tokens it is given.
    pub tokens: Option<Quota>,
    /// Environments that it may act in; `*` is every one.
    pub environments: Vec<String>,
    /// Environments taken away from those.
    pub environments_except: Vec<String>,
    /// HTTP methods that it may use; `*` is every one.
    pub methods: Vec<String>,
    /// Scopes that a credential of this kind may be granted.
    pub scopes: Vec<String>,
    /// Of a session's kind: how long it lasts without being used.
    pub idle: Option<Duration>,
    /// How long after issue or rotation a credential ends.
    pub lifetime: Option<Duration>,
    /// How long after issue or rotation it ought to be rotated.
    pub rotation_due: Option<Duration>,
    /// When people are reminded of its credentials.
    pub upkeep: Upkeep,
    /// What is done about one of its secrets that was reported as leaked.
    pub leak: Reaction,
    /// How long, once the store is out of reach, a host goes on deciding on what it last knew. Zero: it denies.
    pub outage: Duration,
}

/// A number of requests in a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests allowed in any window.
    pub limit: u32,
    /// Length of the window.
    pub window_seconds: u32,
}

/// The catalog can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("catalog: {0}")]
pub struct CatalogError(String);

impl Catalog {
    /// Reads and checks a catalog.
    ///
    /// # Errors
    /// Says what is wrong: position for a syntax error or an unknown key, the names for anything else.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let file: File = toml::from_str(text).map_err(|error| CatalogError(error.to_string()))?;
        if file.version != 1 {
            return Err(CatalogError(format!("version {} is not known; this release reads version 1", file.version)));
        }
        check_limits(&file.limits)?;
        file.sign_in.check().map_err(|what| CatalogError(format!("sign_in: {what}")))?;
        let kinds = check_kinds(file.kinds, &file.scopes)?;
        let (actions, routes) = check_actions(file.actions, &file.scopes, &kinds)?;
        let digest = hex(&Sha256::digest(text.as_bytes()));
        Ok(Self {
            limits: file.limits,
            sign_in: file.sign_in,
            report: file.report,
            mail: file.mail,
            scopes: file.scopes,
            kinds,
            digest,
            actions,
            routes,
        })
    }

    /// The action of this name.
    pub fn action(&self, name: &str) -> Option<&Arc<Action>> {
        self.actions.get(name)
    }

    /// All actions, by name.
    pub fn actions(&self) -> impl Iterator<Item = &Arc<Action>> {
        let mut actions: Vec<_> = self.actions.values().collect();
        actions.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        actions.into_iter()
    }

    /// The action that a method and a canonical path stand for. HEAD follows GET.
    pub fn route(&self, method: &str, path: &str) -> Option<&Arc<Action>> {
        let method = if method == "HEAD" { "GET" } else { method };
        let found = self.routes.at(path).ok()?;
        found.value.iter().find(|(of, _)| of == method).map(|(_, action)| action)
    }

    /// The kind whose prefix `secret` begins with. Prefixes can't be mistaken for one another.
    pub fn kind_of_secret<'s>(&self, secret: &'s str) -> Option<(&Arc<Kind>, &'s str)> {
        self.kinds.values().find_map(|kind| Some((kind, secret.strip_prefix(kind.prefix.as_str())?)))
    }

    /// The first kind of a class, by name.
    pub fn kind_of_class(&self, class: Class) -> Option<&Arc<Kind>> {
        self.kinds.values().find(|kind| kind.class == class)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    limits: Limits,
    #[serde(default)]
    sign_in: SignIn,
    #[serde(default)]
    report: Report,
    #[serde(default)]
    mail: MailRules,
    scopes: BTreeMap<String, String>,
    kinds: BTreeMap<String, KindFile>,
    actions: Vec<ActionFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindFile {
    class: Class,
    prefix: String,
    quota: Option<Quota>,
    tokens: Option<Quota>,
    environments: Vec<String>,
    #[serde(default)]
    environments_except: Vec<String>,
    methods: Vec<String>,
    scopes: Vec<String>,
    lifetime_days: Option<u32>,
    lifetime_seconds: Option<u32>,
    idle_seconds: Option<u32>,
    rotation_due_days: Option<u32>,
    #[serde(default)]
    rotation_reminders: RotationReminders,
    #[serde(default)]
    expiry_reminders: Vec<u32>,
    inactive_days: Option<u32>,
    leak: Option<Reaction>,
    #[serde(default)]
    outage_seconds: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionFile {
    name: String,
    category: Category,
    #[serde(default)]
    routes: Vec<String>,
    #[serde(default)]
    scopes: Vec<String>,
    kinds: Vec<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Category {
    Customer,
    Management,
    Issuance,
    Decision,
}

impl Category {
    const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Management => "management",
            Self::Issuance => "issuance",
            Self::Decision => "decision",
        }
    }
}

/// What may be configured must fit in the facts, or one full list would lock a workspace out.
fn check_limits(limits: &Limits) -> Result<(), CatalogError> {
    // A network, an id and a name of an environment as JSON, at their longest; the rest of the facts. Four lists of networks:
    // the workspace's two, the principal's, and that of a key about to be issued.
    const NETWORK: usize = 46;
    const ID: usize = 26;
    const NAME: usize = 66;
    const REST: usize = 8_192;
    // Less than what a message is tried for would forget it on its way; more than a year is what an audit trail is for.
    if !(4..=365).contains(&limits.webhook_kept_days) {
        return Err(CatalogError("webhook_kept_days must be 4 to 365".to_owned()));
    }
    let needed = REST
        + 4 * limits.allow_list.saturating_mul(NETWORK)
        // A gateway's organizations or, where a client obtains a token, its workspaces.
        + limits.gateway_organizations.max(limits.client_workspaces).saturating_mul(ID)
        + limits.gateway_environments.saturating_mul(NAME)
        + limits.client_environments.saturating_mul(NAME);
    if needed <= limits.facts_bytes {
        return Ok(());
    }
    Err(CatalogError(format!("facts_bytes must be {needed} at least, so that full allow-lists and gateways fit")))
}

fn check_kinds(
    files: BTreeMap<String, KindFile>,
    scopes: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Arc<Kind>>, CatalogError> {
    let mut kinds: BTreeMap<String, Arc<Kind>> = BTreeMap::new();
    for (name, file) in files {
        let wrong = |what: String| Err(CatalogError(format!("kind `{name}`: {what}")));
        if name == STATED {
            return wrong("subjects that are only stated are called so; choose another name".to_owned());
        }
        if !is_prefix(&file.prefix) {
            return wrong(format!(
                "prefix `{}` must be lower case letters, digits and underscores, and end with an underscore",
                file.prefix
            ));
        }
        let is_alike = |other: &str| other.starts_with(&file.prefix) || file.prefix.starts_with(other);
        if is_alike(webhook::PREFIX) {
            return wrong(format!("prefix `{}` begins like that of webhooks' secrets", file.prefix));
        }
        let clash = |other: &&Arc<Kind>| is_alike(&other.prefix);
        if let Some(other) = kinds.values().find(clash) {
            return wrong(format!("prefix `{}` begins like that of kind `{}`", file.prefix, other.name));
        }
        if let Some(unknown) = file.scopes.iter().find(|scope| !scopes.contains_key(*scope)) {
            return wrong(format!("scope `{unknown}` is not in [scopes]"));
        }
        if file.quota.is_some_and(|quota| quota.limit == 0 || !(1..=3600).contains(&quota.window_seconds)) {
            return wrong("quota needs a limit of at least 1 and a window of 1 to 3600 seconds".into());
        }
        let is_too_long = |days: Option<u32>| days.is_some_and(|days| !(1..=36_500).contains(&days));
        if is_too_long(file.lifetime_days) || is_too_long(file.rotation_due_days) {
            return wrong("lifetime_days and rotation_due_days must be 1 to 36500".into());
        }
        if file.outage_seconds > MOST_OUTAGE_SECONDS {
            return wrong(format!("outage_seconds must be 0 to {MOST_OUTAGE_SECONDS}"));
        }
        let is_token = file.class == Class::AccessToken;
        let is_session = file.class == Class::Session;
        let is_short =
            |seconds: Option<u32>| seconds.is_some_and(|seconds| (1..=MOST_TOKEN_SECONDS).contains(&seconds));
        if (is_token || is_session) != is_short(file.lifetime_seconds) {
            return wrong(format!(
                "lifetime_seconds (1 to {MOST_TOKEN_SECONDS}) belongs to kinds of class `access_token` or `session`, and they need it"
            ));
        }
        if is_session != is_short(file.idle_seconds) {
            return wrong(format!(
                "idle_seconds (1 to {MOST_TOKEN_SECONDS}) belongs to kinds of class `session`, and they need it"
            ));
        }
        let is_invitation = file.class == Class::Invitation;
        if is_invitation && file.lifetime_days.is_none() || is_session && file.lifetime_days.is_some() {
            return wrong("lifetime_days belongs to an invitation, and not to a session".into());
        }
        if is_token && (file.lifetime_days.is_some() || file.quota.is_some()) {
            return wrong(
                "the life time of an access token is in lifetime_seconds, and its quota is its client's".into(),
            );
        }
        let is_client = file.class == Class::Client;
        if is_client
            != file.tokens.is_some_and(|tokens| tokens.limit > 0 && (1..=3600).contains(&tokens.window_seconds))
        {
            return wrong("tokens (a limit of at least 1 and a window of 1 to 3600 seconds) belongs to kinds of class `client`, and they need it".into());
        }
        let is_one = is_token || is_client || is_session || is_invitation;
        if is_one && kinds.values().any(|other| other.class == file.class) {
            return wrong(
                "there may be one kind of each of the classes `client`, `access_token`, `session` and `invitation`"
                    .into(),
            );
        }
        let seconds = file.lifetime_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
        let upkeep = Upkeep {
            rotation: file.rotation_reminders,
            expiry: file.expiry_reminders,
            inactive: file.inactive_days.map(days),
        };
        if let Err(what) = upkeep.check() {
            return wrong(what);
        }
        if upkeep != Upkeep::default() && file.class != Class::ApiKey && !is_client {
            return wrong("reminders and inactive_days belong to kinds of class `api_key` or `client`".into());
        }
        if is_client && (upkeep.rotation != RotationReminders::default() || !upkeep.expiry.is_empty()) {
            return wrong("a client has no end and no age of its own: of those, it takes inactive_days alone".into());
        }
        let leak = file.leak.unwrap_or(Reaction::unless_stated(file.class));
        if !leak.is_for(file.class) {
            return wrong(format!("leak = \"{}\" is nothing that can be done about its class", leak.name()));
        }
        let kind = Kind {
            name: name.clone(),
            class: file.class,
            prefix: file.prefix,
            quota: file.quota,
            tokens: file.tokens,
            environments: file.environments,
            environments_except: file.environments_except,
            methods: file.methods,
            scopes: file.scopes,
            idle: file.idle_seconds.map(|seconds| Duration::from_secs(seconds.into())),
            lifetime: file.lifetime_days.map(days).or(seconds),
            rotation_due: file.rotation_due_days.map(days),
            upkeep,
            leak,
            outage: Duration::from_secs(file.outage_seconds.into()),
        };
        kinds.insert(name, Arc::new(kind));
    }
    Ok(kinds)
}

fn is_prefix(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() >= 2 && text.len() <= 16 && text.ends_with('_') && text.bytes().all(legal)
}

type Routes = matchit::Router<Vec<(String, Arc<Action>)>>;

fn check_actions(
    files: Vec<ActionFile>,
    scopes: &BTreeMap<String, String>,
    kinds: &BTreeMap<String, Arc<Kind>>,
) -> Result<(BTreeMap<String, Arc<Action>>, Routes), CatalogError> {
    let mut actions = BTreeMap::new();
    let mut paths: BTreeMap<String, Vec<(String, Arc<Action>)>> = BTreeMap::new();
    for file in files {
        let wrong = |what: String| CatalogError(format!("action `{}`: {what}", file.name));
        if let Some(unknown) = file.scopes.iter().find(|scope| !scopes.contains_key(*scope)) {
            return Err(wrong(format!("scope `{unknown}` is not in [scopes]")));
        }
        if let Some(unknown) = file.kinds.iter().find(|kind| !kinds.contains_key(*kind)) {
            return Err(wrong(format!("kind `{unknown}` is not in [kinds]")));
        }
        if !file.routes.is_empty() && file.category != Category::Customer {
            return Err(wrong("only customer actions have routes".into()));
        }
        let action = Arc::new(Action {
            name: file.name.clone(),
            category: file.category.name().into(),
            scopes: file.scopes.clone(),
            kinds: file.kinds.clone(),
        });
        for route in &file.routes {
            let (method, path) = route
                .split_once(' ')
                .filter(|(method, path)| method.bytes().all(|b| b.is_ascii_uppercase()) && path.starts_with('/'))
                .ok_or_else(|| wrong(format!("route `{route}` must be like `GET /v1/jobs/{{id}}`")))?;
            if method == "HEAD" {
                return Err(wrong("HEAD follows GET by itself".into()));
            }
            let methods = paths.entry(path.to_owned()).or_default();
            if methods.iter().any(|(of, _)| of == method) {
                return Err(wrong(format!("route `{route}` is taken")));
            }
            methods.push((method.to_owned(), Arc::clone(&action)));
        }
        if actions.insert(file.name.clone(), action).is_some() {
            return Err(wrong("named twice".into()));
        }
    }
    let mut routes = matchit::Router::new();
    for (path, methods) in paths {
        routes.insert(&path, methods).map_err(|error| CatalogError(format!("route `{path}`: {error}")))?;
    }
    Ok((actions, routes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../policies/catalog.toml");

    #[test]
    fn the_shipped_catalog_maps_routes_and_secrets() {
        let catalog = Catalog::parse(SHIPPED).unwrap();
        let name = |method, path| catalog.route(method, path).map(|action| action.name.as_str());
        assert_eq!(name("GET", "/v1/jobs"), Some("jobs.list"));
        assert_eq!(name("HEAD", "/v1/jobs/42"), Some("jobs.get"));
        assert_eq!(name("GET", "/v1/workers/metrics"), Some("workers.metrics"));
        assert_eq!(name("POST", "/v1/workers/metrics/pause"), Some("workers.pause"));
        for (method, path) in [
            ("PUT", "/v1/jobs"),
            ("GET", "/v1/jobs/"),
            ("GET", "/V1/jobs"),
            ("get", "/v1/jobs"),
            ("GET", "/v1/jobs/1/2"),
        ] {
            assert_eq!(name(method, path), None, "{method} {path}");
        }
        let (kind, rest) = catalog.kind_of_secret("cf_stg_abc").unwrap();
        assert_eq!((kind.name.as_str(), rest), ("staging", "abc"));
        assert!(catalog.kind_of_secret("cf_nope_abc").is_none());
    }

    #[track_caller]
    fn refused(edit: impl Fn(&str) -> String, says: &str) {
        let error = Catalog::parse(&edit(SHIPPED)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn a_wrong_catalog_is_refused_with_a_reason() {
        refused(|text| format!("surprise = 1\n{text}"), "surprise");
        refused(|text| text.replace("version = 1", "version = 2"), "version 2 is not known");
        refused(|text| text.replace("cf_stg_", "cf_prod_x_"), "begins like that of kind `production`");
        refused(|text| text.replace("cf_stg_", "whsec_s_"), "begins like that of webhooks' secrets");
        refused(|text| text.replace("cf_stg_", "cf-stg-"), "must be lower case");
        refused(
            |text| text.replace("kinds = [\"gateway\", \"operator\"]", "kinds = [\"gatway\"]"),
            "`gatway` is not in [kinds]",
        );
        refused(|text| text.replace("[\"jobs:write\"]", "[\"jobs:rite\"]"), "`jobs:rite` is not in [scopes]");
        refused(|text| text.replace("GET /v1/queues/{id}\"", "GET /v1/jobs/{id}\""), "is taken");
        refused(|text| text.replace("limit = 10000", "limit = 0"), "limit of at least 1");
        refused(|text| text.replace("allow_list = 256", "allow_list = 2560"), "facts_bytes must be");
        refused(|text| text.replace("lifetime_days = 90", "lifetime_days = 4000000"), "must be 1 to 36500");
        refused(|text| text.replace("days = [76, 83, 90]", "days = [76, 90, 83]"), "rotation_reminders go up");
        refused(|text| text.replace("expiry_reminders = [14, 3, 1]", "expiry_reminders = [1, 3]"), "go down");
        refused(|text| text.replace("inactive_days = 14", "inactive_days = 0"), "inactive_days must be");
        refused(
            |text| text.replace("lifetime_seconds = 3600", "lifetime_seconds = 3600\ninactive_days = 1"),
            "belong to",
        );
        refused(|text| text.replacen("leak = \"notify\"", "leak = \"disable\"", 1), "nothing that can be done");
        refused(|text| text.replace("leak = \"disable\"", "leak = \"burn\""), "burn");
        refused(|text| text.replace("password_characters = 12", "password_characters = 7"), "must be 8 to 64");
        refused(|text| text.replace("account_attempts = 10", "account_attempts = 101"), "must be 1 to 100");
    }
}
