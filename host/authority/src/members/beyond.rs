//! What a member issued that it could not issue with the roles it has now: asked of the policies, thing by thing.

use access_model::{Credential, Id, IdKind, Member};
use access_store::{IndexEntry, Range, Store};
use cronflow_policy_cases::Decision;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::decide::cache::OrganizationEntry;
use crate::error::Error;
use crate::permissions::Supposed;
use crate::records;
use crate::{keys, oauth};

/// Things that are looked at at once.
const AT_ONCE: usize = 500;

/// A key or client that goes beyond what its issuer may issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(example = example())]
pub struct Beyond {
    /// `key` or `client`.
    #[schemars(extend("enum" = ["key", "client"]))]
    pub kind: &'static str,
    /// Public id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// A key's workspace.
    pub workspace: Option<Id>,
}

pub(super) fn example() -> Value {
    json!({ "kind": "key", "id": Id::example(IdKind::Key), "name": "ci", "workspace": Id::example(IdKind::Workspace) })
}

impl Authority {
    pub(super) async fn beyond(&self, organization: &OrganizationEntry, member: &Member) -> Result<Vec<Beyond>, Error> {
        let home = member.id.home();
        let (mut after, mut beyond) = (None, Vec::new());
        loop {
            let index = records::issued_by(&member.id);
            let range = Range { index, after, up_to: None, descending: true, limit: AT_ONCE };
            let entries = self.store.range(home, range).await?;
            self.look_at_issued(organization, member, &entries, &mut beyond).await?;
            if entries.len() < AT_ONCE {
                return Ok(beyond);
            }
            after = entries.into_iter().next_back();
        }
    }

    async fn look_at_issued(
        &self,
        organization: &OrganizationEntry,
        member: &Member,
        entries: &[IndexEntry],
        beyond: &mut Vec<Beyond>,
    ) -> Result<(), Error> {
        let (home, now) = (member.id.home(), self.clock.now());
        let rules = self.policies.current();
        let keys: Vec<String> = entries.iter().map(|entry| format!("credential/{}", entry.member)).collect();
        for (key, record) in keys.iter().zip(self.store.read(home, &keys).await?) {
            let Some(record) = record else { continue };
            let (found, action, attributes) = match records::decode(key, &record)? {
                Credential::ApiKey(key) if key.issued_by == Some(member.id) && !is_over(key.state_at(now)) => {
                    let Some(kind) = self.catalog.kinds.get(&key.kind) else { continue };
                    let attributes = keys::attributes_of(&key, kind);
                    let found = Beyond { kind: "key", id: key.id, name: key.name, workspace: Some(key.workspace) };
                    (found, keys::actions::ISSUE, attributes)
                }
                Credential::Client(client) if client.issued_by == Some(member.id) && !is_over(client.state_name()) => {
                    let Some(kind) = self.catalog.kinds.get(&client.kind) else { continue };
                    let attributes = oauth::attributes_of(&client, kind);
                    let found = Beyond { kind: "client", id: client.id, name: client.terms.name, workspace: None };
                    (found, oauth::actions::REGISTER, attributes)
                }
                _ => continue,
            };
            let workspace = match &found.workspace {
                Some(id) => self.workspace(id).await?,
                None => None,
            };
            let supposed = self.suppose_member(&rules, organization, workspace.as_deref(), member).await?;
            let Some(action) = self.catalog.action(action) else { continue };
            if supposed.may(action, Some(Supposed::GRANT), attributes) != Decision::Allow {
                beyond.push(found);
            }
        }
        Ok(())
    }
}

fn is_over(state: &str) -> bool {
    matches!(state, "revoked" | "expired")
}
