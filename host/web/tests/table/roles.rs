//! Who may do what: every endpoint × every role × every state of the second factor. What is expected is read from the policies'
//! own data (their settings) and the catalog, so it is said in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use access_model::Catalog;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::operations::Operation;
use crate::people::{Factor, Person, Town};

const CATALOG: &str = include_str!("../../../../policies/catalog.toml");
const RBAC: &str = include_str!("../../../../policies/rbac/manifest.toml");
const MFA: &str = include_str!("../../../../policies/mfa/manifest.toml");

/// A role that the organization makes itself, and what it allows.
const OWN: (&str, [&str; 3]) = ("on-call", ["keys.list", "keys.revoke", "members.list"]);
pub(crate) const ROLES: [&str; 6] = ["owner", "admin", "developer", "viewer", "auditor", OWN.0];

/// The policies' data.
pub(crate) struct Matrix {
    catalog: Catalog,
    rbac: BTreeMap<String, Value>,
    mfa: BTreeMap<String, Value>,
    /// Whether the policy `mfa` is in the set.
    asks_for_factors: bool,
}

/// Where an endpoint acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Workspace,
    Organization,
    Nowhere,
}

impl Level {
    pub(crate) fn of(template: &str) -> Self {
        if template.contains("{workspace}") {
            Self::Workspace
        } else if template.contains("{organization}") {
            Self::Organization
        } else {
            Self::Nowhere
        }
    }
}

impl Matrix {
    pub(crate) fn new(asks_for_factors: bool) -> Self {
        let catalog = Catalog::parse(CATALOG).unwrap();
        Self { catalog, rbac: settings(RBAC), mfa: settings(MFA), asks_for_factors }
    }

    fn lists(&self, policy: &BTreeMap<String, Value>, setting: &str, name: &str) -> bool {
        policy[setting].as_array().unwrap().iter().any(|listed| listed == name)
    }

    /// Whether a role, held where the action acts, has the action.
    fn has(&self, role: &str, action: &str) -> bool {
        let tiers: &[&str] = match role {
            "viewer" => &["viewer"],
            "developer" => &["viewer", "developer"],
            "admin" => &["viewer", "developer", "admin"],
            "owner" => &["viewer", "developer", "admin", "owner"],
            "auditor" => &["auditor"],
            own => return own == OWN.0 && OWN.1.contains(&action),
        };
        tiers.iter().any(|tier| self.lists(&self.rbac, &format!("{tier}_actions"), action))
    }

    /// Whether `role` may do what an endpoint asks for. `is_wide`: it is held in the whole organization.
    fn allows(&self, operation: &Operation, role: &str, is_wide: bool, factor: Factor) -> bool {
        let (action, level) = (operation.action().unwrap(), Level::of(&operation.template));
        self.permits(action, role, is_wide, level)
            && (!self.asks_for_factors || self.is_satisfied(action, role, is_wide, level, factor))
    }

    /// Whether `role` has the action at a level, whatever was given of a second factor.
    pub(crate) fn permits(&self, action: &str, role: &str, is_wide: bool, level: Level) -> bool {
        let known = self.catalog.action(action).unwrap();
        if !known.kinds.iter().any(|kind| kind == "member") {
            return false;
        }
        let holds = is_wide && level != Level::Nowhere || level == Level::Workspace;
        match level {
            Level::Nowhere => self.lists(&self.rbac, "own_actions", action),
            _ => self.lists(&self.rbac, "everyone_actions", action) || holds && self.has(role, action),
        }
    }

    /// Whether issuing a credential of this kind needs a second factor that was given lately.
    pub(crate) fn is_sensitive_kind(&self, kind: &str) -> bool {
        self.lists(&self.mfa, "sensitive_kinds", kind)
    }

    /// Whether the second factor is enough for the action.
    pub(crate) fn is_satisfied(&self, action: &str, role: &str, is_wide: bool, level: Level, factor: Factor) -> bool {
        let is = |setting| self.lists(&self.mfa, setting, action);
        let holds = is_wide || level == Level::Workspace;
        let is_admin = holds && self.lists(&self.mfa, "admin_roles", role);
        match factor {
            _ if is("exempt") => true,
            Factor::Fresh => true,
            Factor::Given => !is("sensitive"),
            Factor::None => is("enrolment") || !is_admin && !is("sensitive"),
        }
    }
}

/// The defaults of a policy's settings.
fn settings(manifest: &str) -> BTreeMap<String, Value> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let settings = manifest["settings"].as_table().unwrap();
    settings.iter().map(|(name, of)| (name.clone(), serde_json::to_value(&of["default"]).unwrap())).collect()
}

/// Rights of whoever holds `role` in the whole organization, or in one workspace.
pub(crate) fn rights(role: &str, workspace: Option<&str>) -> Value {
    match workspace {
        None => json!({ "roles": [role] }),
        Some(workspace) => json!({ "workspaces": { workspace: [role] } }),
    }
}

pub(crate) async fn make_own_role(bench: &Town) {
    let path = format!("/v1/organizations/{}/roles/{}", bench.demo.organization, OWN.0);
    let made = bench.operate("PUT", &path, &json!({ "actions": OWN.1 }).to_string()).await;
    assert_eq!(made.status, 200, "{}", made.body);
}

/// Sends every operation as somebody with the role, and tells where the outcome is not as the matrix says.
async fn differences(bench: &Town, matrix: &Matrix, role: &str, is_wide: bool, factor: Factor) -> Vec<String> {
    let organization = bench.demo.organization.to_string();
    // One that may be suspended and archived.
    let workspace = bench.workspace(&organization).await;
    let rights = rights(role, (!is_wide).then_some(workspace.as_str()));
    let mut person: Option<Person> = None;
    let mut wrong = Vec::new();
    for operation in bench.operations().await.iter().filter(|operation| operation.action().is_some()) {
        let somebody = match &person {
            Some(person) => person.clone(),
            None => bench.person(&organization, &rights, factor).await,
        };
        let path = operation.path(&[("organization", &organization), ("workspace", &workspace), ("role", "nobodys")]);
        // What is no body of anything: whoever may do it is told so, and nothing happens.
        let told = bench.ask(operation, &path, &somebody.secret, r#"{"no_such_field":1}"#).await;
        let is_allowed = matrix.allows(operation, role, is_wide, factor);
        if is_allowed == matches!(told.status, 401 | 403 | 429) || !is_allowed && told.status != 403 {
            let expected = if is_allowed { "allowed" } else { "denied" };
            wrong.push(format!(
                "{role} (everywhere: {is_wide}, {factor:?}) {} is to be {expected}: {} {}",
                operation.id(),
                told.status,
                told.body
            ));
        }
        // What was done to oneself may have ended the session, or changed the factor.
        let is_spent =
            Level::of(&operation.template) == Level::Nowhere && operation.method != "GET" && told.status < 300;
        person = (!is_spent).then_some(somebody);
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_the_policies_data_says_on_every_route() {
    let matrix = Matrix::new(true);
    let mut wrong = Vec::new();
    for factor in Factor::ALL {
        let bench = Town::new(None).await;
        make_own_role(&bench).await;
        for role in ROLES {
            wrong.extend(differences(&bench, &matrix, role, true, factor).await);
            wrong.extend(differences(&bench, &matrix, role, false, factor).await);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_policy_mfa_a_password_is_enough_for_what_a_role_has() {
    let folder = tempfile::tempdir().unwrap();
    copy_policies(folder.path(), "mfa");
    let bench = Town::new(Some(folder.path())).await;
    make_own_role(&bench).await;
    let (with, without) = (Matrix::new(true), Matrix::new(false));
    for role in ["owner", "developer"] {
        let wrong = differences(&bench, &without, role, true, Factor::None).await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let changed = differences(&bench, &with, role, true, Factor::None).await;
        assert!(role != "owner" || changed.len() > 20, "the policy decides: {changed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_policy_rbac_a_member_may_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    copy_policies(folder.path(), "rbac");
    let bench = Town::new(Some(folder.path())).await;
    let owner = bench.person(&bench.demo.organization.to_string(), &rights("owner", None), Factor::None).await;
    for operation in bench.operations().await.iter().filter(|operation| operation.action().is_some()) {
        let organization = bench.demo.organization.to_string();
        let workspace = bench.demo.workspace.to_string();
        let path = operation.path(&[("organization", &organization), ("workspace", &workspace)]);
        let told = bench.ask(operation, &path, &owner.secret, "{}").await;
        assert_eq!(told.status, 403, "{}: {}", operation.id(), told.body);
    }
}

/// The shipped packages but one.
fn copy_policies(to: &Path, without: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    for package in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let name = package.file_name().unwrap().to_owned();
        if !package.join("manifest.toml").exists() || name == without {
            continue;
        }
        std::fs::create_dir(to.join(&name)).unwrap();
        for file in ["manifest.toml", "policy.cel", "cases.toml", "README.md"] {
            std::fs::copy(package.join(file), to.join(&name).join(file)).unwrap();
        }
    }
}

/// A route that is added says who may use it, or this fails.
#[tokio::test]
async fn every_route_that_members_may_use_has_an_entry_among_the_roles_and_no_entry_is_of_nothing() {
    let matrix = Matrix::new(true);
    let lists = matrix.rbac.iter().filter(|(name, _)| name.ends_with("_actions")).map(|(_, list)| list);
    let listed: BTreeSet<&str> =
        lists.flat_map(|list| list.as_array().unwrap()).map(|name| name.as_str().unwrap()).collect();
    let bench = Bench::new().await;
    let operations = bench.operations().await;
    let served: BTreeSet<&str> = operations.iter().filter_map(Operation::action).collect();
    let members = |action: &&str| matrix.catalog.action(action).unwrap().kinds.iter().any(|kind| kind == "member");
    let without: Vec<_> = served.iter().filter(|action| members(action) && !listed.contains(**action)).collect();
    assert!(without.is_empty(), "add them to the settings of policies/rbac: {without:?}");
    let idle: Vec<_> = listed.iter().filter(|action| !served.contains(**action) || !members(action)).collect();
    assert!(idle.is_empty(), "no route asks for these, or members can't do them at all: {idle:?}");
    let named = |setting: &str| matrix.mfa[setting].as_array().unwrap().clone();
    for action in ["exempt", "enrolment", "sensitive"].into_iter().flat_map(named) {
        assert!(served.contains(action.as_str().unwrap()), "no route asks for {action}");
    }
}
