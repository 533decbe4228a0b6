//! Identify: a presented secret becomes a credential, or nobody.
//!
//! Cheapest first: prefix and checksum (no store is touched), the cache, one read of the credential and one of both parents.
//! Whatever is wrong, the answer is the same.

use std::net::IpAddr;
use std::sync::Arc;

use access_model::{Class, Credential, Id, IdKind, Kind, OwnerState, PlainSecret, Timestamp};
use access_store::Store;
use cronflow_policy_cases as facts;
use serde::Serialize;

use crate::authority::Authority;
use crate::decide::cache::{CredentialEntry, Entry, Generation, OrganizationEntry, WorkspaceEntry};
use crate::decide::refusal::Refusal;
use crate::decide::throttle::Source;
use crate::error::Error;
use crate::records;
use crate::usage::Uses;

/// Who a secret identified: the credential and its living parents.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) entry: Arc<CredentialEntry>,
    pub(crate) organization: Option<Arc<OrganizationEntry>>,
    pub(crate) workspace: Option<Arc<WorkspaceEntry>>,
}

/// Why nobody was identified, with seconds to wait where that helps.
pub(crate) type Unidentified = (Refusal, Option<u64>);

impl Authority {
    /// Identifies the presenter of `secret`. `gateway` presents it on behalf of `client`; without a gateway the client
    /// presents it itself.
    pub(crate) async fn identify(
        &self,
        secret: &PlainSecret,
        gateway: Option<Id>,
        client: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Caller, Unidentified> {
        let nobody = || (Refusal::Unauthenticated, None);
        let Some((kind, id)) = self.parse(secret) else {
            self.numbers.malformed.increment(1);
            return Err(nobody());
        };
        let source = Source::new(gateway, client);
        let entry = match self.cache.credential(&id) {
            Some(entry) if self.may_decide_on_cached(id.home(), &entry.kind) => {
                self.numbers.cached.increment(1);
                entry
            }
            // Nothing is known that can be believed, and a store that can't be heard is not asked by every request.
            _ if !self.is_fresh(id.home()) => {
                self.numbers.stale.increment(1);
                return Err((Refusal::StoreUnavailable, Some(1)));
            }
            _ => self.look_up(&id, source).await?,
        };
        // INVARIANT: nothing about the entry is used before its digest has matched, in constant time.
        let pepper = self.keyring.pepper(entry.credential.secret().pepper());
        let matches = pepper.is_some_and(|pepper| pepper.digest(secret).matches(entry.credential.secret()));
        if !matches || entry.kind.name != kind.name {
            self.throttle.count(source, self.clock.monotonic());
            return Err(nobody());
        }
        if !entry.credential.is_valid_at(now) {
            return Err(nobody());
        }
        self.with_living_parents(entry).await.map_err(unavailable)?.ok_or_else(nobody)
    }

    /// The same caller as it stands at `now`: nothing, when it identifies nobody any more.
    pub(crate) async fn identified_still(&self, caller: &Caller, now: Timestamp) -> Result<Option<Caller>, Error> {
        let id = caller.entry.credential.id();
        self.check_fresh(id.home())?;
        let entry = match self.cache.credential(id) {
            Some(entry) => Some(entry),
            None => self.read_credential(id).await?,
        };
        match entry.filter(|entry| entry.credential.is_valid_at(now)) {
            Some(entry) => self.with_living_parents(entry).await,
            None => Ok(None),
        }
    }

    /// Reads what the text itself says.
    fn parse(&self, secret: &PlainSecret) -> Option<(&Arc<Kind>, Id)> {
        let (kind, tail) = self.catalog.kind_of_secret(secret.expose())?;
        let id_kind = match kind.class {
            Class::ApiKey => IdKind::Key,
            Class::Gateway => IdKind::Gateway,
            Class::Operator => IdKind::Operator,
        };
        let id = secret.id(id_kind, tail)?;
        (id.home().number() < self.store.shards()).then_some((kind, id))
    }

    async fn look_up(&self, id: &Id, source: Source) -> Result<Arc<CredentialEntry>, Unidentified> {
        if self.cache.is_absent(id) {
            self.numbers.unknown.increment(1);
            self.throttle.count(source, self.clock.monotonic());
            return Err((Refusal::Unauthenticated, None));
        }
        if let Some(seconds) = self.throttle.is_shut(&source, self.clock.monotonic()) {
            self.numbers.throttled.increment(1);
            return Err((Refusal::RateLimited("too many unknown credentials from this network"), Some(seconds)));
        }
        self.numbers.read.increment(1);
        match self.read_credential(id).await.map_err(unavailable)? {
            Some(entry) => Ok(entry),
            None => {
                self.throttle.count(source, self.clock.monotonic());
                Err((Refusal::Unauthenticated, None))
            }
        }
    }

    async fn read_credential(&self, id: &Id) -> Result<Option<Arc<CredentialEntry>>, Error> {
        let Some(began) = self.cache.generation(id.home()) else { return Ok(None) };
        let Some(found) = records::read(self.store.as_ref(), id.home(), records::credential(id)).await? else {
            self.cache.fill_absent(began, *id);
            return Ok(None);
        };
        let credential: Credential = found.value;
        let Some(entry) = self.entry_of(credential) else { return Ok(None) };
        let entry = Arc::new(entry);
        self.cache.fill(began, *id, Entry::Credential(Arc::clone(&entry)));
        Ok(Some(entry))
    }

    /// Works out what decisions need of a credential. Nothing when its kind is no longer in the catalog: it identifies
    /// nobody then.
    fn entry_of(&self, credential: Credential) -> Option<CredentialEntry> {
        let (class, kind_name) = match &credential {
            Credential::ApiKey(key) => ("api_key", &key.kind),
            Credential::Gateway(gateway) => ("gateway", &gateway.kind),
            Credential::Operator(operator) => ("operator", &operator.kind),
        };
        let Some(kind) = self.catalog.kinds.get(kind_name).cloned() else {
            tracing::error!(id = %credential.id(), kind = %kind_name, "a credential's kind is not in the catalog");
            return None;
        };
        let mut principal = facts::Principal {
            kind: class.to_owned(),
            id: credential.id().to_string(),
            key_kind: kind.name.clone(),
            organization: None,
            workspace: None,
            scopes: Vec::new(),
            roles: Vec::new(),
            client: None,
            factor_at: None,
            environments: kind.environments.clone(),
            environments_except: kind.environments_except.clone(),
            methods: kind.methods.clone(),
            ip_allow: None,
            created_at: 0,
            expires_at: None,
        };
        let (mut gateway, mut meter) = (None, None);
        match &credential {
            Credential::ApiKey(key) => {
                principal.organization = Some(key.organization.to_string());
                principal.workspace = Some(key.workspace.to_string());
                principal.scopes.clone_from(&key.scopes);
                principal.ip_allow = key.ip_allow.as_ref().map(access_model::AllowList::to_strings);
                principal.created_at = key.created_at.as_millis();
                principal.expires_at = key.expires_at.map(Timestamp::as_millis);
                let factor = self.catalog.limits.attempts_factor;
                meter = kind.quota.map(|quota| self.meters.get(key.lineage, quota, factor));
            }
            Credential::Gateway(record) => {
                principal.ip_allow = record.ip_allow.as_ref().map(access_model::AllowList::to_strings);
                principal.created_at = record.created_at.as_millis();
                let fixed = record.environment.clone().map(|only| vec![only]);
                gateway = Some(facts::Gateway {
                    id: principal.id.clone(),
                    organizations: record.organizations.clone(),
                    environments: fixed.unwrap_or_else(|| record.environments.clone()),
                });
            }
            Credential::Operator(record) => principal.created_at = record.created_at.as_millis(),
        }
        let scopes_json = serde_json::value::to_raw_value(&principal.scopes).ok()?;
        Some(CredentialEntry {
            size: json_size(&principal),
            credential,
            kind,
            principal,
            gateway,
            meter,
            scopes_json,
            uses: Uses::default(),
        })
    }

    /// The caller with its parents, or nothing when one of them is dead.
    async fn with_living_parents(&self, entry: Arc<CredentialEntry>) -> Result<Option<Caller>, Error> {
        let Credential::ApiKey(key) = &entry.credential else {
            return Ok(Some(Caller { entry, organization: None, workspace: None }));
        };
        let cached = (self.cache.organization(&key.organization), self.cached_workspace(&key.workspace));
        let (organization, workspace) = match cached {
            (Some(organization), Some(workspace)) => (organization, workspace),
            _ => match self.read_parents(&key.organization, &key.workspace).await? {
                Some(parents) => parents,
                None => return Ok(None),
            },
        };
        let alive = organization.record.state == OwnerState::Active && workspace.record.state == OwnerState::Active;
        let caller = Caller { entry, organization: Some(organization), workspace: Some(workspace) };
        Ok(alive.then_some(caller))
    }

    pub(crate) async fn organization(&self, id: &Id) -> Result<Option<Arc<OrganizationEntry>>, Error> {
        self.check_fresh(id.home())?;
        if let Some(entry) = self.cache.organization(id) {
            return Ok(Some(entry));
        }
        let Some(began) = self.cache.generation(id.home()) else { return Ok(None) };
        let Some(found) = records::read(self.store.as_ref(), id.home(), records::organization(id)).await? else {
            return Ok(None);
        };
        Ok(Some(self.keep_organization(began, found.value)))
    }

    pub(crate) async fn workspace(&self, id: &Id) -> Result<Option<Arc<WorkspaceEntry>>, Error> {
        self.check_fresh(id.home())?;
        match self.cached_workspace(id) {
            Some(entry) => Ok(Some(entry)),
            None => self.read_workspace(id).await,
        }
    }

    /// What is remembered of a workspace, unless it is time to try again what could not be loaded.
    fn cached_workspace(&self, id: &Id) -> Option<Arc<WorkspaceEntry>> {
        self.cache.workspace(id).filter(|entry| !entry.policies.is_due(self.clock.monotonic()))
    }

    /// A workspace as it is in the store now, whatever is remembered of it.
    pub(crate) async fn read_workspace(&self, id: &Id) -> Result<Option<Arc<WorkspaceEntry>>, Error> {
        let Some(began) = self.cache.generation(id.home()) else { return Ok(None) };
        let Some(found) = records::read(self.store.as_ref(), id.home(), records::workspace(id)).await? else {
            return Ok(None);
        };
        Ok(Some(self.keep_workspace(began, found.value).await))
    }

    /// Both heads in one read: they live in one shard.
    async fn read_parents(
        &self,
        organization: &Id,
        workspace: &Id,
    ) -> Result<Option<(Arc<OrganizationEntry>, Arc<WorkspaceEntry>)>, Error> {
        let Some(began) = self.cache.generation(organization.home()) else { return Ok(None) };
        let keys = [records::organization(organization), records::workspace(workspace)];
        let found = self.store.read(organization.home(), &keys).await?;
        let [Some(of_organization), Some(of_workspace)] = found.as_slice() else { return Ok(None) };
        let [organization_key, workspace_key] = &keys;
        let organization = self.keep_organization(began, records::decode(organization_key, of_organization)?);
        let workspace = self.keep_workspace(began, records::decode(workspace_key, of_workspace)?).await;
        Ok(Some((organization, workspace)))
    }

    fn keep_organization(&self, began: Generation, record: access_model::Organization) -> Arc<OrganizationEntry> {
        let facts = facts::Organization { id: record.id.to_string(), name: record.name.clone() };
        let id = record.id;
        let entry = Arc::new(OrganizationEntry { record, facts });
        self.cache.fill(began, id, Entry::Organization(Arc::clone(&entry)));
        entry
    }

    async fn keep_workspace(&self, began: Generation, record: access_model::Workspace) -> Arc<WorkspaceEntry> {
        let list = |list: &Option<access_model::AllowList>| list.as_ref().map(access_model::AllowList::to_strings);
        let facts = facts::Workspace {
            id: record.id.to_string(),
            name: record.name.clone(),
            ip_allow: list(&record.network.ip_allow),
            egress_allow: list(&record.network.egress_allow),
        };
        let id = record.id;
        let policies = self.tenant_policies(&record).await;
        let entry = Arc::new(WorkspaceEntry { size: json_size(&facts), record, facts, policies });
        self.cache.fill(began, id, Entry::Workspace(Arc::clone(&entry)));
        entry
    }
}

pub(super) fn unavailable(error: Error) -> Unidentified {
    // A record that can't be read decides nothing either; its cause is in the log.
    tracing::debug!(%error, "identification failed");
    (Refusal::StoreUnavailable, Some(1))
}

pub(super) fn json_size(facts: &impl Serialize) -> usize {
    serde_json::to_vec(facts).map_or(usize::MAX / 4, |json| json.len())
}
