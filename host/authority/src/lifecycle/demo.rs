//! The demo that a dev host serves: an organization with two workspaces and an owner, an operator, a gateway, a client, and a key
//! of each kind.
//!
//! Ids and secrets are derived from the dev root key, so every start on the same store prints the same ones, and none of
//! them needs to be kept in the clear.

use std::collections::BTreeMap;
use std::fmt;

use access_model::audit::AuditRecord;
use access_model::entropy::{SeededEntropy, random_base62};
use access_model::totp::{self, SECRET_LENGTH};
use access_model::{
    Catalog, Class, Client, ClientTerms, Clock, Credential, Email, Entropy, Gateway, Id, IdKind, Issuer, Member,
    MemberState, NewKey, Password, Pepper, PlainSecret, Shard, Timestamp, Totp,
};
use access_store::{Commit, CommitError, IndexEntry, Store};
use serde_json::json;

use super::init::{begin, new_keyring, put_operator, system};
use super::installation::{Installation, LifecycleError};
use super::keyring::Keyring;
use super::root_key::RootKey;
use crate::audit::append;
use crate::idempotency::Attempt;
use crate::keys::put_new_key;
use crate::members::put_new_member;
use crate::oauth::put_new_client;
use crate::organizations::{Founding, Named};
use crate::records::{self, CommitExt as _};
use crate::sign_in::{Hashing, purpose};

/// The owner's address.
const OWNER: &str = "owner@acme.example";

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
    /// The owner of `acme`.
    pub owner: DemoOwner,
}

/// Somebody to sign in as.
#[derive(Clone)]
pub struct DemoOwner {
    /// The address.
    pub email: String,
    /// The password.
    pub password: PlainSecret,
    /// What an authenticator app needs, in base 32.
    pub totp_secret: PlainSecret,
    raw: zeroize::Zeroizing<Vec<u8>>,
}

impl fmt::Debug for DemoOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DemoOwner").field("email", &self.email).finish_non_exhaustive()
    }
}

impl DemoOwner {
    /// What its authenticator app would show now.
    pub fn code(&self, now: Timestamp) -> PlainSecret {
        totp::code_at(&self.raw, totp::step_at(now))
    }
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
    let owner = seed_owner(store, &keyring, clock.now(), entropy, &seeds, &plan.organization).await?;
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
        owner,
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
        put_new_key(&mut commit, &key, kind, system(), None, now, entropy)?;
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
    put_new_client(&mut commit, &client.map_err(crate::Error::from)?, kind, system(), None, now, entropy)?;
    unless_there(store.commit(commit).await.map(drop).map_err(LifecycleError::from))
}

/// The owner, unless it is there: what was changed of it stays as it is.
async fn seed_owner(
    store: &dyn Store,
    keyring: &Keyring,
    now: Timestamp,
    entropy: &dyn Entropy,
    seeds: &Seeds,
    organization: &Id,
) -> Result<DemoOwner, LifecycleError> {
    let id = Id::draw(IdKind::Member, organization.home(), &seeds.of("owner"))?;
    let password = PlainSecret::new(format!("demo-{}", random_base62(&seeds.of("owner's password"), 20)?));
    let mut secret = zeroize::Zeroizing::new([0; SECRET_LENGTH]);
    seeds.of("owner's second factor").fill(secret.as_mut_slice())?;
    let totp_secret = totp::base32(secret.as_slice());
    let raw = zeroize::Zeroizing::new(secret.to_vec());
    let owner = DemoOwner { email: OWNER.to_owned(), password, totp_secret, raw };
    let there = records::read::<Member>(store, id.home(), records::member(&id)).await?;
    if there.is_some() {
        return Ok(owner);
    }
    let email = Email::parse(OWNER).map_err(crate::Error::internal)?;
    let mut commit = Commit::new(Shard::PLATFORM);
    commit.put_new(records::member_email(&email.digest()), &Named { id })?;
    unless_there(store.commit(commit).await.map(drop).map_err(LifecycleError::from))?;
    let hash = Hashing::new(entropy)?.hash(&Password::new(&owner.password), entropy).await?;
    let sealed = keyring.seal(&purpose(&id), secret.as_slice(), entropy)?;
    let member = Member {
        id,
        organization: *organization,
        email,
        name: "Demo Owner".into(),
        roles: vec!["owner".into()],
        workspaces: BTreeMap::new(),
        state: MemberState::Active,
        password: Some(hash),
        totp: Some(Totp { sealed, confirmed_at: Some(now), last_step: None }),
        recovery: Vec::new(),
        sessions_after: now,
        created_at: now,
    };
    let mut commit = Commit::new(id.home());
    put_new_member(store, &mut commit, &member).await?;
    append(
        &mut commit,
        &AuditRecord {
            id: Id::draw(IdKind::Audit, id.home(), entropy)?,
            at: now,
            organization: Some(*organization),
            workspace: None,
            actor: system(),
            action: crate::sign_in::actions::ACCEPT.to_owned(),
            target: id.to_string(),
            decision_id: None,
            before: None,
            after: Some(json!({ "roles": member.roles })),
        },
    )?;
    unless_there(store.commit(commit).await.map(drop).map_err(LifecycleError::from))?;
    Ok(owner)
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
