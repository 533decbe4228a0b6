//! Identify: a presented secret becomes a credential, or nobody.
//!
//! Cheapest first: prefix and checksum (no store is touched), the cache, one read of the credential and one of both parents.
//! Whatever is wrong, the answer is the same.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use access_model::{
    AccessToken, AllowList, Class, Client, Credential, Id, IdKind, Kind, OwnerState, PlainSecret, SecretDigest,
    Session, Timestamp,
};
use access_store::{Commit, Store};
use cronflow_policy_cases as facts;
use serde::Serialize;
use tokio::sync::OnceCell;

use crate::authority::{Authority, lock};
use crate::decide::cache::{CredentialEntry, Entry, Generation, MemberEntry, OrganizationEntry, WorkspaceEntry};
use crate::decide::refusal::Refusal;
use crate::decide::throttle::Source;
use crate::error::Error;
use crate::records;
use crate::sign_in::put_session;
use crate::usage::Uses;

/// Who a secret identified: the credential and its living parents.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) entry: Arc<CredentialEntry>,
    pub(crate) organization: Option<Arc<OrganizationEntry>>,
    pub(crate) workspace: Option<Arc<WorkspaceEntry>>,
    /// Number of the secret that a client presented.
    pub(crate) presented: Option<u32>,
}

impl Caller {
    /// Its organization, with its name, where it has one.
    pub fn organization_named(&self) -> Option<(Id, &str)> {
        self.organization.as_ref().map(|organization| (organization.record.id, organization.record.name.as_str()))
    }

    /// Name and address of the member that it is, if it is one.
    pub fn member_named(&self) -> Option<(&str, &str)> {
        self.entry.member.as_ref().map(|member| (member.record.name.as_str(), member.record.email.as_str()))
    }

    /// What policies know of it.
    pub fn principal(&self) -> &facts::Principal {
        &self.entry.principal
    }
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
        let digest = entry.credential.secret().filter(|digest| self.is_digest_of(digest, secret));
        let Some(digest) = digest.filter(|_| entry.kind.name == kind.name) else {
            self.throttle.count(source, self.clock.monotonic());
            return Err(nobody());
        };
        if !entry.credential.is_valid_at(now) {
            return Err(nobody());
        }
        if !matches!(entry.credential, Credential::AccessToken(_) | Credential::Session(_)) {
            self.note_pepper(&id, digest, secret);
        }
        if let Credential::Session(session) = &entry.credential
            && session.is_news_at(now)
        {
            self.remember_use(session, now).await;
        }
        self.with_living_parents(entry, now).await.map_err(unavailable)?.ok_or_else(nobody)
    }

    /// Whether `digest` is of `secret`, in time that does not depend on where they differ.
    pub(crate) fn is_digest_of(&self, digest: &SecretDigest, secret: &PlainSecret) -> bool {
        self.keys.load().pepper(digest.pepper()).is_some_and(|pepper| pepper.digest(secret).matches(digest))
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
            Some(entry) => {
                let Some(mut still) = self.with_living_parents(entry, now).await? else { return Ok(None) };
                let place = caller.entry.workspace.map(|id| id.to_string());
                let placed = self.place(&mut still, place.as_deref()).await?;
                Ok(placed.then_some(still))
            }
            None => Ok(None),
        }
    }

    /// Reads what the text itself says.
    fn parse(&self, secret: &PlainSecret) -> Option<(&Arc<Kind>, Id)> {
        let (kind, tail) = self.catalog.kind_of_secret(secret.expose())?;
        let id_kind = match kind.class {
            Class::ApiKey => IdKind::Key,
            Class::AccessToken => IdKind::AccessToken,
            // A client's secret is exchanged for tokens, and is no credential itself.
            Class::Client => return None,
            Class::Session => IdKind::Session,
            // An invitation lets somebody in, who is nobody yet.
            Class::Invitation => return None,
            Class::Gateway => IdKind::Gateway,
            Class::Operator => IdKind::Operator,
        };
        let id = secret.id(id_kind, tail)?;
        (id.home().number() < self.store.shards()).then_some((kind, id))
    }

    pub(crate) async fn look_up(&self, id: &Id, source: Source) -> Result<Arc<CredentialEntry>, Unidentified> {
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

    pub(crate) async fn read_credential(&self, id: &Id) -> Result<Option<Arc<CredentialEntry>>, Error> {
        let Some(began) = self.cache.generation(id.home()) else { return Ok(None) };
        let Some(found) = records::read(self.store.as_ref(), id.home(), records::credential(id)).await? else {
            self.cache.fill_absent(began, *id);
            return Ok(None);
        };
        let credential: Credential = found.value;
        self.know_peppers_of(&credential).await?;
        let client = match &credential {
            Credential::AccessToken(token) => match self.client_of(token).await? {
                Some(client) => Some(client),
                None => return Ok(None),
            },
            _ => None,
        };
        let member = match &credential {
            Credential::Session(session) => match self.member(&session.member).await? {
                Some(member) => Some(member),
                None => return Ok(None),
            },
            _ => None,
        };
        let Some(entry) = self.entry_of(credential, client, member) else { return Ok(None) };
        let entry = Arc::new(entry);
        self.cache.fill(began, *id, Entry::Credential(Arc::clone(&entry)));
        Ok(Some(entry))
    }

    /// The client of a token, as it is remembered or as it is in the store.
    async fn client_of(&self, token: &AccessToken) -> Result<Option<Arc<CredentialEntry>>, Error> {
        match self.cache.credential(&token.client) {
            Some(client) => Ok(Some(client)),
            // Boxed: a client has no client, but the compiler can't know.
            None => Box::pin(self.read_credential(&token.client)).await,
        }
    }

    /// Works out what decisions need of a credential; of an access token, what its client still holds, and of a session, what its
    /// member does. Nothing when its kind is
    /// no longer in the catalog: it identifies nobody then.
    pub(crate) fn entry_of(
        &self,
        credential: Credential,
        client: Option<Arc<CredentialEntry>>,
        member: Option<Arc<MemberEntry>>,
    ) -> Option<CredentialEntry> {
        let (class, kind_name) = match &credential {
            Credential::ApiKey(key) => ("api_key", &key.kind),
            Credential::AccessToken(token) => ("access_token", &token.kind),
            Credential::Client(client) => ("client", &client.kind),
            Credential::Session(session) => ("member", &session.kind),
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
        let networks = |list: &Option<AllowList>| list.as_ref().map(AllowList::to_strings);
        let (mut gateway, mut workspace, mut metered) = (None, None, None);
        match &credential {
            Credential::ApiKey(key) => {
                workspace = Some(key.workspace);
                principal.organization = Some(key.organization.to_string());
                principal.scopes.clone_from(&key.scopes);
                principal.ip_allow = networks(&key.ip_allow);
                principal.created_at = key.created_at.as_millis();
                principal.expires_at = key.expires_at.map(Timestamp::as_millis);
                principal.factor_at = key.factor_at.map(Timestamp::as_millis);
                metered = Some((key.lineage, kind.quota));
            }
            Credential::AccessToken(token) => {
                let holder = client.as_ref()?;
                let Credential::Client(record) = &holder.credential else { return None };
                workspace = only_workspace(token, record)?;
                principal.organization = Some(token.organization.to_string());
                principal.client = Some(record.id.to_string());
                principal.scopes.clone_from(&token.scopes);
                principal.scopes.retain(|scope| record.terms.scopes.contains(scope));
                principal.environments = both(&kind.environments, &record.terms.environments);
                principal.ip_allow = networks(&record.terms.ip_allow);
                principal.created_at = token.created_at.as_millis();
                principal.expires_at = Some(token.expires_at.as_millis());
                principal.factor_at = record.factor_at.map(Timestamp::as_millis);
                metered = Some((record.id, holder.kind.quota));
            }
            Credential::Client(record) => {
                principal.organization = Some(record.organization.to_string());
                principal.scopes.clone_from(&record.terms.scopes);
                principal.environments = both(&kind.environments, &record.terms.environments);
                principal.ip_allow = networks(&record.terms.ip_allow);
                principal.created_at = record.created_at.as_millis();
                principal.factor_at = record.factor_at.map(Timestamp::as_millis);
                metered = Some((record.id, kind.quota));
            }
            Credential::Session(session) => {
                let record = &member.as_ref()?.record;
                principal.id = record.id.to_string();
                principal.organization = Some(session.organization.to_string());
                principal.roles.clone_from(&record.roles);
                principal.factor_at = session.factor_at.map(Timestamp::as_millis);
                principal.created_at = session.created_at.as_millis();
                principal.expires_at = Some(session.expires_at.as_millis());
                metered = Some((record.id, kind.quota));
            }
            Credential::Gateway(record) => {
                principal.ip_allow = networks(&record.ip_allow);
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
        principal.workspace = workspace.map(|id| id.to_string());
        let quota = metered.and_then(|(_, quota)| quota);
        let factor = self.catalog.limits.attempts_factor;
        let meter = metered.and_then(|(whose, quota)| Some(self.meters.get(whose, quota?, factor)));
        let scopes_json = serde_json::value::to_raw_value(&principal.scopes).ok()?;
        Some(CredentialEntry {
            size: json_size(&principal),
            credential,
            kind,
            principal,
            gateway,
            workspace,
            client,
            member,
            placed: Mutex::default(),
            quota,
            meter,
            scopes_json,
            uses: Uses::default(),
        })
    }

    /// The caller with its parents, or nothing when one of them is dead at `now`. A token that serves several workspaces has
    /// none yet: see [`Self::place`].
    pub(crate) async fn with_living_parents(
        &self,
        entry: Arc<CredentialEntry>,
        now: Timestamp,
    ) -> Result<Option<Caller>, Error> {
        let (entry, organization) = match &entry.credential {
            Credential::Gateway(_) | Credential::Operator(_) => {
                return Ok(Some(Caller { entry, organization: None, workspace: None, presented: None }));
            }
            Credential::ApiKey(key) => (Arc::clone(&entry), key.organization),
            Credential::Client(client) => (Arc::clone(&entry), client.organization),
            Credential::AccessToken(token) => match self.with_living_client(&entry, token, now).await? {
                Some(current) => (current, token.organization),
                None => return Ok(None),
            },
            Credential::Session(session) => match self.with_living_member(&entry, session).await? {
                Some(current) => (current, session.organization),
                None => return Ok(None),
            },
        };
        let (organization, workspace) = match &entry.workspace {
            Some(workspace) => {
                let cached = (self.cache.organization(&organization), self.cached_workspace(workspace));
                let parents = match cached {
                    (Some(organization), Some(workspace)) => Some((organization, workspace)),
                    _ => self.read_parents(&organization, workspace).await?,
                };
                let Some((organization, workspace)) = parents else { return Ok(None) };
                (organization, Some(workspace))
            }
            None => match self.organization(&organization).await? {
                Some(organization) => (organization, None),
                None => return Ok(None),
            },
        };
        if entry.member.is_some() {
            self.roles_of(&organization).await?;
        }
        let alive = organization.record.state == OwnerState::Active
            && workspace.as_ref().is_none_or(|workspace| workspace.record.state == OwnerState::Active);
        Ok(alive.then_some(Caller { entry, organization: Some(organization), workspace, presented: None }))
    }

    /// A token as its client makes it now, or nothing when the client or the secret that it was obtained with is dead.
    async fn with_living_client(
        &self,
        entry: &Arc<CredentialEntry>,
        token: &AccessToken,
        now: Timestamp,
    ) -> Result<Option<Arc<CredentialEntry>>, Error> {
        let began = self.cache.generation(token.id.home());
        let Some(client) = self.client_of(token).await? else { return Ok(None) };
        let Credential::Client(record) = &client.credential else { return Ok(None) };
        if !record.stands_by(token.obtained_with, now) {
            return Ok(None);
        }
        if entry.client.as_ref().is_some_and(|known| Arc::ptr_eq(known, &client)) {
            return Ok(Some(Arc::clone(entry)));
        }
        let Some(current) = self.entry_of(entry.credential.clone(), Some(client), None) else { return Ok(None) };
        let current = Arc::new(current);
        if let Some(began) = began {
            self.cache.refill(began, token.id, entry, &current);
        }
        Ok(Some(current))
    }

    /// A session as its member makes it now, or nothing when the member is out, or was put out since the session began.
    async fn with_living_member(
        &self,
        entry: &Arc<CredentialEntry>,
        session: &Session,
    ) -> Result<Option<Arc<CredentialEntry>>, Error> {
        let began = self.cache.generation(session.id.home());
        let Some(member) = self.member(&session.member).await? else { return Ok(None) };
        if !member.record.is_active() || session.created_at < member.record.sessions_after {
            return Ok(None);
        }
        if entry.member.as_ref().is_some_and(|known| Arc::ptr_eq(known, &member)) {
            return Ok(Some(Arc::clone(entry)));
        }
        let Some(current) = self.entry_of(entry.credential.clone(), None, Some(member)) else { return Ok(None) };
        let current = Arc::new(current);
        if let Some(began) = began {
            self.cache.refill(began, session.id, entry, &current);
        }
        Ok(Some(current))
    }

    /// A member, as it is remembered or as it is in the store.
    pub(crate) async fn member(&self, id: &Id) -> Result<Option<Arc<MemberEntry>>, Error> {
        self.check_fresh(id.home())?;
        if let Some(entry) = self.cache.member(id) {
            return Ok(Some(entry));
        }
        let Some(began) = self.cache.generation(id.home()) else { return Ok(None) };
        let found = records::read(self.store.as_ref(), id.home(), records::member(id)).await?;
        let Some(found) = found else { return Ok(None) };
        let entry = Arc::new(MemberEntry { record: found.value });
        self.cache.fill(began, *id, Entry::Member(Arc::clone(&entry)));
        Ok(Some(entry))
    }

    /// Writes down that a session is used. Where that fails, somebody else did, or the next use does.
    async fn remember_use(&self, session: &Session, now: Timestamp) {
        let remember = async {
            let (home, key) = (session.id.home(), records::credential(&session.id));
            let Some(found) = records::read::<Credential>(self.store.as_ref(), home, key).await? else { return Ok(()) };
            let Credential::Session(session) = found.value else { return Ok(()) };
            let mut commit = Commit::new(home);
            // What was ended meanwhile is not brought back.
            commit.checks.push(found.check);
            put_session(&mut commit, &session.seen(now))?;
            self.store.commit(commit).await.map(drop).map_err(Error::from)
        };
        if let Err(error) = remember.await {
            tracing::debug!(session = %session.id, %error, "the use of a session could not be written down");
        }
    }

    /// Puts a token that serves several workspaces into the one that is `stated`, by id or name, if it serves that. Answers
    /// whether the caller is somebody still: in a workspace that is dead it is nobody.
    pub(crate) async fn place(&self, caller: &mut Caller, stated: Option<&str>) -> Result<bool, Error> {
        if let Some(member) = caller.entry.member.clone() {
            return self.place_member(caller, &member, stated).await;
        }
        let (Some(stated), None, Some(client)) = (stated, caller.entry.workspace, &caller.entry.client) else {
            return Ok(true);
        };
        let Credential::Client(record) = &client.credential else { return Ok(true) };
        for id in &record.terms.workspaces {
            let Some(workspace) = self.workspace(id).await? else { continue };
            if workspace.facts.id == stated || workspace.facts.name == stated {
                let is_alive = workspace.record.state == OwnerState::Active;
                caller.entry = placed(&caller.entry, *id, Vec::new());
                caller.workspace = Some(workspace);
                return Ok(is_alive);
            }
        }
        Ok(true)
    }

    /// Puts a member into the workspace of its organization that is `stated`, if it has a role there. One that is dead is placed
    /// too: members are the ones to bring it back.
    async fn place_member(
        &self,
        caller: &mut Caller,
        member: &MemberEntry,
        stated: Option<&str>,
    ) -> Result<bool, Error> {
        let (Some(stated), None, Some(organization)) = (stated, caller.entry.workspace, &caller.organization) else {
            return Ok(true);
        };
        let Some(workspace) = self.workspace_of(organization, stated).await? else { return Ok(true) };
        let roles = member.record.roles_in(&workspace.record.id);
        if !roles.is_empty() {
            caller.entry = placed(&caller.entry, workspace.record.id, roles);
            caller.workspace = Some(workspace);
        }
        Ok(true)
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
        let entry = Arc::new(OrganizationEntry { record, facts, roles: OnceCell::new() });
        self.cache.fill(began, id, Entry::Organization(Arc::clone(&entry)));
        entry
    }

    async fn keep_workspace(&self, began: Generation, record: access_model::Workspace) -> Arc<WorkspaceEntry> {
        let list = |list: &Option<AllowList>| list.as_ref().map(AllowList::to_strings);
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

/// The same token or session in one of the workspaces that it serves, with the roles held there; worked out once for each.
fn placed(entry: &Arc<CredentialEntry>, workspace: Id, roles: Vec<String>) -> Arc<CredentialEntry> {
    let mut placed = lock(&entry.placed);
    Arc::clone(placed.entry(workspace).or_insert_with(|| {
        let principal = facts::Principal { workspace: Some(workspace.to_string()), roles, ..entry.principal.clone() };
        Arc::new(CredentialEntry {
            size: json_size(&principal),
            credential: entry.credential.clone(),
            kind: Arc::clone(&entry.kind),
            principal,
            gateway: None,
            workspace: Some(workspace),
            client: entry.client.clone(),
            member: entry.member.clone(),
            placed: Mutex::default(),
            quota: entry.quota,
            meter: entry.meter.clone(),
            scopes_json: entry.scopes_json.clone(),
            uses: Uses::default(),
        })
    }))
}

/// The workspace of a token that serves one; `Some(None)` where it serves none or several, nothing where the one that it was
/// issued for has been taken from its client.
fn only_workspace(token: &AccessToken, client: &Client) -> Option<Option<Id>> {
    match (token.workspace, client.terms.workspaces.as_slice()) {
        (Some(only), all) => all.contains(&only).then_some(Some(only)),
        (None, [only]) => Some(Some(*only)),
        (None, _) => Some(None),
    }
}

/// Names that are in both lists, where `*` stands for every name.
fn both(one: &[String], other: &[String]) -> Vec<String> {
    let is_every = |list: &[String]| list.iter().any(|name| name == "*");
    match (is_every(one), is_every(other)) {
        (true, _) => other.to_vec(),
        (_, true) => one.to_vec(),
        _ => one.iter().filter(|name| other.contains(name)).cloned().collect(),
    }
}

pub(crate) fn unavailable(error: Error) -> Unidentified {
    // A record that can't be read decides nothing either; its cause is in the log.
    tracing::debug!(%error, "identification failed");
    (Refusal::StoreUnavailable, Some(1))
}

pub(super) fn json_size(facts: &impl Serialize) -> usize {
    serde_json::to_vec(facts).map_or(usize::MAX / 4, |json| json.len())
}
