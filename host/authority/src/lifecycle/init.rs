//! The first records of an installation: its own, the first organization and workspace, the first operator.

use access_model::audit::{Actor, AuditRecord};
use access_model::organization::check_name;
use access_model::{Catalog, Class, Clock, Credential, Entropy, Id, IdKind, Operator, PlainSecret, Shard, Timestamp};
use access_store::{Commit, Store};
use serde_json::json;

use super::installation::{Installation, LifecycleError};
use super::keyring::{Keyring, SealedKeyring};
use super::root_key::RootKey;
use crate::audit::append;
use crate::idempotency::Attempt;
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
    names: (&str, &str),
) -> Result<Beginning, LifecycleError> {
    if Installation::read(store).await?.is_some() {
        return Err(LifecycleError::AlreadyInitialized);
    }
    let (organization_name, workspace_name) = names;
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
    store.commit(commit).await?;
    Ok(Beginning { organization, workspace, operator_token })
}

pub(crate) fn system() -> Actor {
    Actor { kind: "system".into(), id: None }
}

pub(super) fn new_keyring(root: &RootKey, entropy: &dyn Entropy) -> Result<(Keyring, SealedKeyring), LifecycleError> {
    let sealed = SealedKeyring::create(root, entropy)?;
    Ok((sealed.open(root)?, sealed))
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
    commit.put_credential(&Credential::Operator(operator))?;
    Ok(token)
}
