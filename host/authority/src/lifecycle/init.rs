//! The first records of an installation: its own, the first organization and workspace, the first operator, and the invitation
//! of the first owner. No host seals them for as long as none is started, so that the chains of their logs are begun here.

use std::collections::BTreeMap;
use std::time::Duration;

use access_model::audit::{Actor, AuditRecord};
use access_model::member::OWNER;
use access_model::organization::check_name;
use access_model::{
    Catalog, Class, Clock, Credential, Email, Entropy, Id, IdKind, Operator, PlainSecret, Shard, Timestamp,
};
use access_store::{Commit, CommitError, IndexEntry, Store};
use serde_json::json;

use super::installation::{Installation, LifecycleError};
use super::keyring::{Keyring, SealedKeyring};
use super::root_key::RootKey;
use crate::audit::{append, begin_chain};
use crate::idempotency::Attempt;
use crate::invitations::{Offer, draw, invitation_kind, put_new_invitation};
use crate::organizations::Founding;
use crate::records::{self, CommitExt as _};

/// What an installation begins with.
#[derive(Debug)]
pub struct Beginning {
    /// The first organization.
    pub organization: Id,
    /// The first workspace.
    pub workspace: Id,
    /// The first operator's secret, shown once.
    pub operator_token: PlainSecret,
    /// The secret of the first owner's invitation, shown once; nothing where none was named.
    pub invitation: Option<PlainSecret>,
}

/// How long the first owner's invitation may be accepted.
const SETUP: Duration = Duration::from_secs(86_400);

/// What an installation is to begin with.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// Name of the first organization.
    pub organization: &'a str,
    /// Name of its first workspace.
    pub workspace: &'a str,
    /// Whom its first owner's invitation is for.
    pub owner: Option<&'a Email>,
}

/// Begins an installation.
///
/// The last commit is the installation's own record, so that a start that was cut short is not taken for a whole one; what
/// it left is found by its names, and used.
///
/// # Errors
/// [`LifecycleError::AlreadyInitialized`]; a name that is not one; the store's.
pub async fn init(
    store: &dyn Store,
    catalog: &Catalog,
    root: &RootKey,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    names: Names<'_>,
) -> Result<Beginning, LifecycleError> {
    if Installation::read(store).await?.is_some() {
        return Err(LifecycleError::AlreadyInitialized);
    }
    let Names { organization: organization_name, workspace: workspace_name, owner } = names;
    check_name(organization_name)?;
    check_name(workspace_name)?;
    let now = clock.now();
    let (keyring, sealed) = new_keyring(root, entropy)?;
    let home = Shard::draw(entropy, store.shards())?;
    let founding = Founding { store, entropy, now, actor: system(), decision_id: None, attempt: Attempt::once() };
    let organization = Id::draw(IdKind::Organization, home, entropy)?;
    let organization = founding.organization(organization, organization_name).await?.either()?.id;
    let workspace = Id::draw(IdKind::Workspace, organization.home(), entropy)?;
    let workspace = founding.workspace(workspace, &organization, workspace_name).await?.either()?.id;
    let invitation = match owner {
        Some(email) => Some(invite_owner(store, catalog, &keyring, organization, email, now, entropy).await?),
        None => None,
    };
    let mut commit = Commit::new(Shard::PLATFORM);
    let operator = Id::draw(IdKind::Operator, Shard::PLATFORM, entropy)?;
    let operator_token = put_operator(&mut commit, catalog, &keyring, operator, now, entropy)?;
    begin(&mut commit, &Installation { dev: false, created_at: now }, &sealed)?;
    append(
        &mut commit,
        &AuditRecord {
            id: Id::draw(IdKind::Audit, Shard::PLATFORM, entropy)?,
            at: now,
            organization: None,
            workspace: None,
            actor: system(),
            action: "installation.init".into(),
            target: organization.to_string(),
            decision_id: None,
            before: None,
            after: Some(json!({ "organization": organization_name, "workspace": workspace_name })),
        },
    )?;
    begin_chain(&mut commit, None, keyring.audit_key()?, now)?;
    store.commit(commit).await?;
    // Not sooner: the key that signs is kept from here on. And the token is shown whatever becomes of this.
    if let Err(error) = begin_chain_of(store, &organization, &keyring, now).await {
        tracing::warn!(%error, "the first organization's audit log is sealed when a host is started");
    }
    Ok(Beginning { organization, workspace, operator_token, invitation })
}

async fn begin_chain_of(
    store: &dyn Store,
    organization: &Id,
    keyring: &Keyring,
    now: Timestamp,
) -> Result<(), LifecycleError> {
    let mut commit = Commit::new(organization.home());
    begin_chain(&mut commit, Some(organization), keyring.audit_key()?, now)?;
    match store.commit(commit).await {
        // A host is there already.
        Ok(_) | Err(CommitError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Invites the first owner. Where a start was cut short there are two invitations, of which the first is known to nobody.
async fn invite_owner(
    store: &dyn Store,
    catalog: &Catalog,
    keyring: &Keyring,
    organization: Id,
    email: &Email,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<PlainSecret, LifecycleError> {
    let (id, secret) = draw(&organization, invitation_kind(catalog)?, entropy)?;
    let pepper = keyring.current_pepper().ok_or(LifecycleError::Sealed)?;
    let offer = Offer {
        id,
        organization,
        email: email.clone(),
        roles: vec![OWNER.to_owned()],
        workspaces: BTreeMap::new(),
        invited_by: None,
    };
    let mut commit = Commit::new(organization.home());
    put_new_invitation(&mut commit, &offer.made(pepper.digest(&secret), SETUP, now), system(), None, entropy)?;
    store.commit(commit).await?;
    Ok(secret)
}

pub(crate) fn system() -> Actor {
    Actor { kind: "system".into(), id: None }
}

pub(super) fn new_keyring(root: &RootKey, entropy: &dyn Entropy) -> Result<(Keyring, SealedKeyring), LifecycleError> {
    let sealed = SealedKeyring::create(root, entropy)?;
    Ok((sealed.open(root, 0)?, sealed))
}

pub(super) fn begin(
    commit: &mut Commit,
    installation: &Installation,
    keyring: &SealedKeyring,
) -> Result<(), LifecycleError> {
    commit.put_new(records::INSTALLATION.to_owned(), installation)?;
    commit.put_new(records::KEYRING.to_owned(), keyring)?;
    Ok(())
}

pub(super) fn put_operator(
    commit: &mut Commit,
    catalog: &Catalog,
    keyring: &Keyring,
    id: Id,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<PlainSecret, LifecycleError> {
    let kind = catalog.kind_of_class(Class::Operator).ok_or(LifecycleError::NoKind("operator"))?;
    let token = PlainSecret::draw(&kind.prefix, &id, entropy)?;
    let pepper = keyring.current_pepper().ok_or(LifecycleError::Sealed)?;
    let operator = Operator {
        id,
        kind: kind.name.clone(),
        name: "first operator".to_owned(),
        secret: pepper.digest(&token),
        created_at: now,
        revoked_at: None,
    };
    let entry = IndexEntry { score: now.as_millis(), member: id.to_string() };
    commit.index_puts.push((records::OPERATORS.to_owned(), entry));
    commit.put_credential(&Credential::Operator(operator))?;
    Ok(token)
}
