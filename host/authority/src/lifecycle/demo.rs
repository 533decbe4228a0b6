//! The demo that a dev host serves: an organization with two workspaces, an operator, a gateway, and a key of each kind.
//!
//! Ids and secrets are derived from the dev root key, so every start on the same store prints the same ones, and none of
//! them needs to be kept in the clear.

use std::collections::BTreeMap;

use access_model::entropy::SeededEntropy;
use access_model::{
    Catalog, Class, Client, ClientTerms, Clock, Credential, Entropy, Gateway, Id, IdKind, Issuer, NewKey, Pepper,
    PlainSecret, Shard, Timestamp,
};
use access_store::{Commit, CommitError, IndexEntry, Store};

use super::init::{begin, new_keyring, put_operator, system};
use super::installation::{Installation, LifecycleError};
use super::root_key::RootKey;
use crate::idempotency::Attempt;
use crate::keys::put_new_key;
use crate::oauth::put_new_client;
use crate::organizations::Founding;
use crate::records::{self, CommitExt as _};

/// What the ready file and the tour tell.
#[derive(Debug)]
pub struct Demo {
    /// `acme`.
    pub organization: Id,
    /// `main`.
    pub workspace: Id,
    /// `other`.
    pub other_workspace: Id,
    /// May do everything.
    pub operator_token: PlainSecret,
    /// Bound to `acme`, every environment.
    pub gateway_token: PlainSecret,
    /// One key per kind, with every scope of its kind.
    pub keys: BTreeMap<String, PlainSecret>,
    /// An OAuth2 client of `acme` that serves `main`, with every scope of its kind; none where the catalog has no such kind.
    pub client: Option<(Id, PlainSecret)>,
}

/// The demo of this root key; seeded first, when the store is empty.
///
/// # Errors
/// [`LifecycleError::NotForDev`]; the store's.
pub async fn demo(
    store: &dyn Store,
    catalog: &Catalog,
    root: &RootKey,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Demo, LifecycleError> {
    let seeds = Seeds { seed: root.demo_seed() };
    let home = Shard::draw(&seeds.of("home"), store.shards())?;
    let draw = |kind: IdKind, home: Shard, label: &str| Id::draw(kind, home, &seeds.of(label));
    let plan = Plan {
        organization: draw(IdKind::Organization, home, "organization")?,
        workspace: draw(IdKind::Workspace, home, "workspace")?,
        other_workspace: draw(IdKind::Workspace, home, "other workspace")?,
        operator: draw(IdKind::Operator, Shard::PLATFORM, "operator")?,
        gateway: draw(IdKind::Gateway, Shard::PLATFORM, "gateway")?,
        client: draw(IdKind::Client, home, "client")?,
    };
    match Installation::read(store).await? {
        Some(installation) => installation.check_dev(true)?,
        None => seed_platform(store, catalog, root, clock.now(), entropy, &seeds, &plan).await?,
    }
    // Every time, since the first start may have been cut short: what is there already stays as it is.
    let keyring = Installation::open(store, root, true).await?;
    let pepper = keyring.current_pepper().ok_or(LifecycleError::Sealed)?;
    seed_customer(store, catalog, pepper, clock.now(), entropy, &seeds, &plan).await?;
    let mut keys = BTreeMap::new();
    for kind in catalog.kinds.values().filter(|kind| kind.class == Class::ApiKey) {
        let id = draw(IdKind::Key, home, &format!("key {}", kind.name))?;
        keys.insert(kind.name.clone(), PlainSecret::draw(&kind.prefix, &id, &seeds.of(&format!("secret {id}")))?);
    }
    let client = match catalog.kind_of_class(Class::Client) {
        Some(_) => Some((plan.client, seeds.secret(catalog, Class::Client, &plan.client)?)),
        None => None,
    };
    Ok(Demo {
        client,
        operator_token: seeds.secret(catalog, Class::Operator, &plan.operator)?,
        gateway_token: seeds.secret(catalog, Class::Gateway, &plan.gateway)?,
        organization: plan.organization,
        workspace: plan.workspace,
        other_workspace: plan.other_workspace,
        keys,
    })
}

struct Plan {
    organization: Id,
    workspace: Id,
    other_workspace: Id,
    operator: Id,
    gateway: Id,
    client: Id,
}

struct Seeds {
    seed: [u8; 32],
}

impl Seeds {
    fn of(&self, label: &str) -> SeededEntropy {
        SeededEntropy::new(&[self.seed.as_slice(), label.as_bytes()].concat())
    }

    fn secret(&self, catalog: &Catalog, class: Class, id: &Id) -> Result<PlainSecret, LifecycleError> {
        let kind = catalog.kind_of_class(class).ok_or(LifecycleError::NoKind("gateway or operator"))?;
        Ok(PlainSecret::draw(&kind.prefix, id, &self.of(&format!("secret {id}")))?)
    }
}

/// The installation's own records, in one commit.
async fn seed_platform(
    store: &dyn Store,
    catalog: &Catalog,
    root: &RootKey,
    now: Timestamp,
    entropy: &dyn Entropy,
    seeds: &Seeds,
    plan: &Plan,
) -> Result<(), LifecycleError> {
    let (keyring, sealed) = new_keyring(root, entropy)?;
    let pepper = keyring.current_pepper().ok_or(LifecycleError::Sealed)?;
    let mut commit = Commit::new(Shard::PLATFORM);
    let secret_of = |id: &Id| seeds.of(&format!("secret {id}"));
    put_operator(&mut commit, catalog, &keyring, plan.operator, now, &secret_of(&plan.operator))?;
    put_gateway(&mut commit, catalog, pepper, plan, now, &secret_of(&plan.gateway))?;
    begin(&mut commit, &Installation { dev: true, created_at: now }, &sealed)?;
    // Another host may have been quicker; then it is opened as that one began it.
    unless_there(store.commit(commit).await.map(drop).map_err(LifecycleError::from))
}

/// What is there already stays as it is.
fn unless_there(done: Result<(), LifecycleError>) -> Result<(), LifecycleError> {
    match done {
        Err(LifecycleError::Commit(CommitError::Conflict { .. })) => Ok(()),
        other => other,
    }
}

/// The customer, its workspaces and its keys, each unless it is there.
async fn seed_customer(
    store: &dyn Store,
    catalog: &Catalog,
    pepper: &Pepper,
    now: Timestamp,
    entropy: &dyn Entropy,
    seeds: &Seeds,
    plan: &Plan,
) -> Result<(), LifecycleError> {
    let founding = Founding { store, entropy, now, actor: system(), decision_id: None, attempt: Attempt::once() };
    founding.organization(plan.organization, "acme").await?;
    founding.workspace(plan.workspace, &plan.organization, "main").await?;
    founding.workspace(plan.other_workspace, &plan.organization, "other").await?;
    let home = plan.organization.home();
    for kind in catalog.kinds.values().filter(|kind| kind.class == Class::ApiKey) {
        let id = Id::draw(IdKind::Key, home, &seeds.of(&format!("key {}", kind.name)))?;
        let secret = PlainSecret::draw(&kind.prefix, &id, &seeds.of(&format!("secret {id}")))?;
        let new = NewKey {
            id,
            lineage: Id::draw(IdKind::Lineage, home, entropy)?,
            organization: plan.organization,
            workspace: plan.workspace,
            name: format!("demo {}", kind.name),
            scopes: kind.scopes.clone(),
            ip_allow: None,
            not_before: None,
            until: None,
            lifetime: None,
            metadata: BTreeMap::new(),
            issuer: Issuer::default(),
            secret: pepper.digest(&secret),
        };
        let key = access_model::ApiKey::issue(new, kind, now).map_err(crate::Error::from)?;
        let mut commit = Commit::new(home);
        put_new_key(&mut commit, &key, &kind.prefix, system(), None, now, entropy)?;
        unless_there(store.commit(commit).await.map(drop).map_err(LifecycleError::from))?;
    }
    let Some(kind) = catalog.kind_of_class(Class::Client) else { return Ok(()) };
    let secret = seeds.secret(catalog, Class::Client, &plan.client)?;
    let terms = ClientTerms {
        name: "demo client".into(),
        scopes: kind.scopes.clone(),
        workspaces: vec![plan.workspace],
        environments: vec!["*".into()],
        ip_allow: None,
    };
    let issuer = Issuer::default();
    let client = Client::register(plan.client, plan.organization, terms, pepper.digest(&secret), issuer, kind, now);
    let mut commit = Commit::new(home);
    put_new_client(&mut commit, &client.map_err(crate::Error::from)?, system(), None, now, entropy)?;
    unless_there(store.commit(commit).await.map(drop).map_err(LifecycleError::from))
}

fn put_gateway(
    commit: &mut Commit,
    catalog: &Catalog,
    pepper: &Pepper,
    plan: &Plan,
    now: Timestamp,
    secret: &dyn Entropy,
) -> Result<(), LifecycleError> {
    let kind = catalog.kind_of_class(Class::Gateway).ok_or(LifecycleError::NoKind("gateway"))?;
    let token = PlainSecret::draw(&kind.prefix, &plan.gateway, secret)?;
    let gateway = Gateway {
        id: plan.gateway,
        kind: kind.name.clone(),
        name: "demo gateway".into(),
        organizations: vec![plan.organization.to_string()],
        environments: vec!["*".into()],
        environment: None,
        profile: None,
        ip_allow: None,
        secret: pepper.digest(&token),
        created_at: now,
        revoked_at: None,
    };
    let entry = IndexEntry { score: now.as_millis(), member: plan.gateway.to_string() };
    commit.index_puts.push((records::GATEWAYS.to_owned(), entry));
    commit.put_credential(&Credential::Gateway(gateway))?;
    Ok(())
}
