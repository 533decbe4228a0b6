//! Who may do what, and through which role: asked of the policies, action by action, as they would decide it.

use std::collections::{BTreeMap, BTreeSet};

use access_model::text::quotable;
use access_model::{Class, Credential, Id, IdKind, Member, Role, Timestamp};
use cronflow_policy_cases::{Action, Attributes, Decision, FactsRef, Principal, Request, Resource, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::authority::Authority;
use crate::decide::cache::{OrganizationEntry, WorkspaceEntry};
use crate::decide::held;
use crate::decide::{Caller, Permit};
use crate::error::Error;
use crate::policies::Rules;

/// The action of asking.
pub const ACTION: &str = "permissions.get";

/// Whom it is about.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermissionsRequest {
    /// Public id of a member or client, or of a key of the workspace; left out: whoever asks.
    #[serde(default)]
    pub principal: Option<String>,
}

/// What a principal may do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Permissions", example = example())]
pub struct PermissionsView {
    /// Public id of the principal.
    pub principal: Id,
    /// `member`, `api_key` or `client`.
    pub kind: String,
    /// Roles that it holds here.
    pub roles: Vec<String>,
    /// Every action of managing, in the order of their names.
    pub actions: Vec<Permission>,
}

/// Whether a principal may do an action.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Permission {
    /// The action.
    pub action: String,
    /// Whether it is allowed, once the second factor that it needs was given.
    pub allowed: bool,
    /// Roles that allow it by themselves; of a key, scopes.
    pub through: Vec<String>,
    /// The second factor that it needs: `none`, `given` at some time in the session, or `fresh`.
    #[schemars(extend("enum" = ["none", "given", "fresh"]))]
    pub factor: &'static str,
}

fn example() -> Json {
    json!({
        "principal": Id::example(IdKind::Member),
        "kind": "member",
        "roles": ["admin", "auditor"],
        "actions": [{ "action": "audit.list", "allowed": true, "through": ["admin", "auditor"], "factor": "given" }],
    })
}

/// How recently a supposed member has given its second factor.
#[derive(Debug, Clone, Copy)]
enum Factor {
    None,
    LongAgo,
    Now,
}

/// A principal as the policies would be asked about it.
#[derive(Debug)]
pub(crate) struct Supposed<'a> {
    rules: &'a Rules,
    organization: &'a OrganizationEntry,
    workspace: Option<&'a WorkspaceEntry>,
    principal: Principal,
    /// The organization's own, where it is a member.
    roles: Option<&'a BTreeMap<String, Role>>,
    now: Timestamp,
}

impl Supposed<'_> {
    /// Asked about a second time, with what would be handed out.
    pub(crate) const GRANT: &'static str = "grant";

    /// What the policies would say, where the second factor was just given.
    pub(crate) fn may(&self, action: &Action, kind: Option<&'static str>, attributes: Attributes) -> Decision {
        self.may_with(Factor::Now, &self.principal.roles, action, kind, attributes)
    }

    fn may_with(
        &self,
        factor: Factor,
        roles: &[String],
        action: &Action,
        kind: Option<&'static str>,
        mut attributes: Attributes,
    ) -> Decision {
        let kind = kind.or(Some(if self.workspace.is_some() { "workspace" } else { "organization" }));
        if self.workspace.is_none() {
            let organization = Value::Text(self.organization.facts.id.clone());
            attributes.insert("organization".to_owned(), organization);
        }
        let mut principal = Principal { roles: roles.to_vec(), ..self.principal.clone() };
        let context = match self.roles {
            Some(own) => {
                principal.factor_at = match factor {
                    Factor::None => None,
                    Factor::LongAgo => Some(0),
                    Factor::Now => Some(self.now.as_millis()),
                };
                let held: Vec<&Role> = roles.iter().filter_map(|name| own.get(name)).collect();
                let is_required = self.organization.record.settings.mfa_required;
                held::context(&held, &action.name, &attributes, true, is_required)
            }
            None => Attributes::new(),
        };
        let resource = Resource {
            kind: kind.map(str::to_owned),
            id: None,
            workspace: self.workspace.map(|workspace| workspace.facts.id.clone()),
            attributes,
        };
        self.rules.set.decide(FactsRef {
            now: self.now.as_millis(),
            principal: &principal,
            organization: Some(&self.organization.facts),
            workspace: self.workspace.map(|workspace| &workspace.facts),
            gateway: None,
            action,
            request: &Request::default(),
            resource: &resource,
            context: &context,
        })
    }

    fn permission(&self, action: &Action) -> Permission {
        let may =
            |factor, roles: &[String]| self.may_with(factor, roles, action, None, Attributes::new()) == Decision::Allow;
        let roles = &self.principal.roles;
        let allowed = may(Factor::Now, roles);
        let through = if !allowed {
            Vec::new()
        } else if self.roles.is_some() {
            roles.iter().filter(|role| may(Factor::Now, std::slice::from_ref(*role))).cloned().collect()
        } else {
            self.principal.scopes.iter().filter(|scope| action.scopes.contains(scope)).cloned().collect()
        };
        let factor = if !allowed || may(Factor::None, roles) {
            "none"
        } else if may(Factor::LongAgo, roles) {
            "given"
        } else {
            "fresh"
        };
        Permission { action: action.name.clone(), allowed, through, factor }
    }
}

impl Authority {
    /// What a principal may do in the permit's organization, or in its workspace.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a principal that is not of there.
    pub async fn permissions(&self, permit: &Permit, request: &PermissionsRequest) -> Result<PermissionsView, Error> {
        permit.covers(ACTION)?;
        let caller = permit.caller();
        let asked = request.principal.as_deref().unwrap_or(&caller.entry.principal.id);
        let missing = || Error::NotFound { what: "principal", id: quotable(asked) };
        let id: Id = asked.parse().map_err(|_| missing())?;
        let workspace = permit.workspace_if_any();
        let owner = match workspace {
            Some(workspace) => workspace.record.organization,
            None => permit.organization()?.record.id,
        };
        let organization = self.organization(&owner).await?.ok_or_else(missing)?;
        let rules = self.policies.current();
        if id.home() != owner.home() {
            return Err(missing());
        }
        let supposed = match id.kind() {
            IdKind::Member => {
                let member = self.member(&id).await?.filter(|member| member.record.organization == owner);
                let member = member.ok_or_else(missing)?;
                self.suppose_member(&rules, &organization, workspace, &member.record).await?
            }
            IdKind::Key => {
                let here = workspace.ok_or_else(missing)?;
                let entry = self.read_credential(&id).await?.ok_or_else(missing)?;
                let is_here = matches!(&entry.credential, Credential::ApiKey(key) if key.workspace == here.record.id);
                if !is_here {
                    return Err(missing());
                }
                let principal = entry.principal.clone();
                let now = self.clock.now();
                Supposed { rules: &rules, organization: &organization, workspace, principal, roles: None, now }
            }
            IdKind::Client => {
                let entry = self.read_credential(&id).await?.ok_or_else(missing)?;
                let is_here = matches!(&entry.credential, Credential::Client(client) if client.organization == owner
                    && workspace.is_none_or(|here| client.terms.workspaces.contains(&here.record.id)));
                if !is_here {
                    return Err(missing());
                }
                let here = workspace.map(|workspace| workspace.facts.id.clone());
                let principal = Principal { workspace: here, ..entry.principal.clone() };
                let now = self.clock.now();
                Supposed { rules: &rules, organization: &organization, workspace, principal, roles: None, now }
            }
            _ => return Err(missing()),
        };
        let managing = self.catalog.actions().filter(|action| action.category == "management");
        let actions = managing.filter(|action| action.kinds.contains(&supposed.principal.key_kind));
        Ok(PermissionsView {
            principal: id,
            kind: supposed.principal.kind.clone(),
            roles: supposed.principal.roles.clone(),
            actions: actions.map(|action| supposed.permission(action)).collect(),
        })
    }

    /// The actions that a member may do where `permit` was given, or in its organization: what pages offer. A second factor can
    /// be given, so it is supposed to be; policies that look at more than who and where have the last word. Nobody else may
    /// anything here.
    ///
    /// # Errors
    /// Never but for the store's.
    pub async fn permitted(&self, caller: &Caller, permit: Option<&Permit>) -> Result<BTreeSet<String>, Error> {
        let Some(member) = &caller.entry.member else { return Ok(BTreeSet::new()) };
        let rules = self.policies.current();
        let missing = || Error::internal("a member's organization is missing");
        let organization = self.organization(&member.record.organization).await?.ok_or_else(missing)?;
        let workspace = permit.and_then(Permit::workspace_if_any);
        let supposed = self.suppose_member(&rules, &organization, workspace, &member.record).await?;
        let managing = self.catalog.actions().filter(|action| action.category == "management");
        let allowed = managing
            .filter(|action| supposed.may(action, None, Attributes::new()) == Decision::Allow)
            .map(|action| action.name.clone());
        Ok(allowed.collect())
    }

    /// A member of `organization`, in one of its workspaces or in the whole, as it would be asked about. One that is out holds
    /// nothing.
    pub(crate) async fn suppose_member<'a>(
        &self,
        rules: &'a Rules,
        organization: &'a OrganizationEntry,
        workspace: Option<&'a WorkspaceEntry>,
        member: &Member,
    ) -> Result<Supposed<'a>, Error> {
        let roles = match workspace {
            _ if !member.is_active() => Vec::new(),
            Some(workspace) => member.roles_in(&workspace.record.id),
            None => member.roles.clone(),
        };
        self.suppose(rules, organization, workspace, Some(member.id), roles).await
    }

    /// Whoever holds `roles`.
    pub(crate) async fn suppose<'a>(
        &self,
        rules: &'a Rules,
        organization: &'a OrganizationEntry,
        workspace: Option<&'a WorkspaceEntry>,
        id: Option<Id>,
        roles: Vec<String>,
    ) -> Result<Supposed<'a>, Error> {
        let kind = self.catalog.kind_of_class(Class::Session);
        let none = || Error::Conflict("the catalog has no kind of class `session`, so there are no members".to_owned());
        let kind = kind.ok_or_else(none)?;
        let own = self.roles_of(organization).await?;
        let now = self.clock.now();
        let principal = Principal {
            kind: "member".to_owned(),
            id: id.map(|id| id.to_string()).unwrap_or_default(),
            key_kind: kind.name.clone(),
            organization: Some(organization.facts.id.clone()),
            workspace: workspace.map(|workspace| workspace.facts.id.clone()),
            scopes: Vec::new(),
            roles,
            client: None,
            factor_at: None,
            environments: kind.environments.clone(),
            environments_except: kind.environments_except.clone(),
            methods: kind.methods.clone(),
            ip_allow: None,
            created_at: now.as_millis(),
            expires_at: None,
        };
        Ok(Supposed { rules, organization, workspace, principal, roles: Some(own), now })
    }
}
